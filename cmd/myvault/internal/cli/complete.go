package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/connect"
)

// completeTimeout limits how long a shell waits for names.
const completeTimeout = 3 * time.Second

type completion = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective)

// completeAddress completes the first argument: projects, then folders and secrets.
func (a *app) completeAddress(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.names(cmd.Context(), typed)
}

// completeAfter completes an address behind other arguments.
func (a *app) completeAfter(words []string) completion {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		switch len(args) {
		case 0:
			return words, cobra.ShellCompDirectiveNoFileComp
		case 1:
			return a.names(cmd.Context(), typed)
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

// names returns the projects, folders and secrets that begin with typed, one level at a time.
func (a *app) names(ctx context.Context, typed string) ([]string, cobra.ShellCompDirective) {
	const directive = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(ctx, completeTimeout)
	defer cancel()
	v, err := connect.Open(ctx, a.settings)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	defer v.Close()
	project, path, found := strings.Cut(typed, "/")
	if !found {
		var names []string
		for _, name := range projectNames(ctx, v) {
			if strings.HasPrefix(name, project) {
				names = append(names, name+"/")
			}
		}
		return names, directive
	}
	folder := path[:strings.LastIndex(path, "/")+1]
	names := level(addressNames(ctx, v, myvault.Prefix{Project: project, Path: folder}), project+"/"+folder, typed)
	if len(names) == 1 && !strings.HasSuffix(names[0], "/") {
		return names, cobra.ShellCompDirectiveNoFileComp
	}
	return names, directive
}

// level returns the names directly below folder that begin with typed. Folders end in "/".
func level(addresses []string, folder, typed string) (names []string) {
	for _, address := range addresses {
		name := address
		if i := strings.Index(strings.TrimPrefix(address, folder), "/"); i >= 0 {
			name = address[:len(folder)+i+1]
		}
		if strings.HasPrefix(name, typed) && (len(names) == 0 || names[len(names)-1] != name) {
			names = append(names, name)
		}
	}
	return names
}

// completeProject completes the name of a project.
func (a *app) completeProject(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	names, directive := a.completeAddress(cmd, args, strings.SplitN(typed, "/", 2)[0])
	for i, name := range names {
		names[i] = strings.TrimSuffix(name, "/")
	}
	return names, directive &^ cobra.ShellCompDirectiveNoSpace
}
