package providertest_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/myswiftagent/myvault"
)

// onProjects edits the projects that Projects yields.
func onProjects(edit func(f *fake, all []myvault.Project) []myvault.Project) func(*fake) {
	return func(f *fake) {
		f.projects = func(ctx context.Context, from string) iter.Seq2[myvault.Project, error] {
			return edited(f.Provider.Projects(ctx, from), func(all []myvault.Project) []myvault.Project { return edit(f, all) })
		}
	}
}

func unregister(c myvault.Commit, name string) myvault.Commit {
	return with(c, myvault.Change{Op: myvault.OpDeleteProject, Project: myvault.Project{Name: name}})
}

var brokenProjects = []broken{
	{"a put registers nothing", func(f *fake) {
		var described syncMap[string, bool]
		f.apply = func(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
			infos, err := f.Provider.Apply(ctx, c)
			for _, change := range c.Changes {
				if err == nil && change.Op == myvault.OpPutProject {
					described.set(change.Project.Name, true)
				}
			}
			return infos, err
		}
		f.projects = func(ctx context.Context, from string) iter.Seq2[myvault.Project, error] {
			return edited(f.Provider.Projects(ctx, from), func(all []myvault.Project) []myvault.Project {
				return slices.DeleteFunc(all, func(p myvault.Project) bool { return !described.get(p.Name) })
			})
		}
	}, []string{"project/by-put", "project/by-first-put", "undelete/project", "delete/keeps-project", "race/first-puts"}},
	{"projects always begin at the first", func(f *fake) {
		f.projects = func(ctx context.Context, _ string) iter.Seq2[myvault.Project, error] {
			return f.Provider.Projects(ctx, "")
		}
	}, []string{"project/from"}},
	{"projects omit the first name", func(f *fake) {
		f.projects = func(ctx context.Context, from string) iter.Seq2[myvault.Project, error] {
			return f.Provider.Projects(ctx, from+"\x00")
		}
	}, []string{"project/from"}},
	{"every put removes the description", onChange(myvault.OpPut, func(_ *fake, c myvault.Commit, apply applyFunc) ([]myvault.Info, error) {
		infos, err := apply(c)
		if err == nil {
			_, _ = apply(with(c, myvault.Change{Op: myvault.OpPutProject, Project: myvault.Project{Name: c.Changes[0].Address.Project}}))
		}
		return infos, err
	}), []string{"project/put-keeps"}},
	{"projects have the time of the last change", func(f *fake) {
		var last syncMap[string, time.Time]
		f.apply = func(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
			last.set("", c.At)
			return f.Provider.Apply(ctx, c)
		}
		f.projects = func(ctx context.Context, from string) iter.Seq2[myvault.Project, error] {
			return each(f.Provider.Projects(ctx, from), func(p *myvault.Project) { p.At = last.get("") })
		}
	}, []string{"project/by-first-put", "project/describes"}},
	{"projects have no author", onProjects(func(_ *fake, all []myvault.Project) []myvault.Project {
		for i := range all {
			all[i].By = ""
		}
		return all
	}), []string{"project/by-put", "project/registers"}},
	{"projects are ordered by age", func(f *fake) {
		f.projects = func(ctx context.Context, from string) iter.Seq2[myvault.Project, error] {
			return edited(f.Provider.Projects(ctx, from), func(all []myvault.Project) []myvault.Project {
				slices.SortStableFunc(all, func(a, b myvault.Project) int { return a.At.Compare(b.At) })
				return all
			})
		}
	}, []string{"project/order"}},
	{"projects are ordered without regard to case", onProjects(func(_ *fake, all []myvault.Project) []myvault.Project {
		slices.SortFunc(all, func(a, b myvault.Project) int {
			return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
		})
		return all
	}), []string{"project/order"}},
	{"there is always a default project", onProjects(func(_ *fake, all []myvault.Project) []myvault.Project {
		if len(all) > 0 && !slices.ContainsFunc(all, func(p myvault.Project) bool { return p.Default }) {
			all[0].Default = true
		}
		return all
	}), []string{"project/default", "project-delete/default"}},
	{"a new store has a project", onProjects(func(_ *fake, all []myvault.Project) []myvault.Project {
		return append(all, myvault.Project{Name: "zz-default"})
	}), []string{"project/none", "project-delete/deleted", "commit/empties-project"}},
	{"two projects are the default", func(f *fake) {
		var was syncMap[string, bool]
		f.projects = func(ctx context.Context, from string) iter.Seq2[myvault.Project, error] {
			return each(f.Provider.Projects(ctx, from), func(p *myvault.Project) { p.Default = p.Default || was.get(p.Name) })
		}
		f.apply = func(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
			infos, err := f.Provider.Apply(ctx, c)
			for _, change := range c.Changes {
				if err == nil && change.Op == myvault.OpDefaultProject {
					was.set(change.Project.Name, true)
				}
			}
			return infos, err
		}
	}, []string{"project/one-default", "project-delete/default", "project-delete/again", "race/default"}},
	{"an unregistered project can be the default", forgives(myvault.OpDefaultProject, myvault.ErrNotFound), []string{"project/default-unknown"}},
	{"registering ignores its condition", onChange(myvault.OpPutProject, func(_ *fake, c myvault.Commit, apply applyFunc) ([]myvault.Info, error) {
		c.Changes[0].If = myvault.Condition{}
		return apply(c)
	}), []string{"project/if-absent", "project/if-absent-by-put", "project/if-present"}},
	{"descriptions are truncated to 255 bytes", onProjects(func(_ *fake, all []myvault.Project) []myvault.Project {
		for i, p := range all {
			all[i].Description = p.Description[:min(255, len(p.Description))]
		}
		return all
	}), []string{"project/long-description"}},
	{"an empty description is no description", onChange(myvault.OpPutProject, func(_ *fake, c myvault.Commit, apply applyFunc) ([]myvault.Info, error) {
		if c.Changes[0].Project.Description == "" && c.Changes[0].If == (myvault.Condition{}) {
			c.Changes[0].If = myvault.IfAbsent()
			if infos, err := apply(c); !errors.Is(err, myvault.ErrExists) {
				return infos, err
			}
			return []myvault.Info{{}}, nil
		}
		return apply(c)
	}), []string{"project/clears"}},
	{"projects have versions", onInfos(myvault.OpPutProject, func(_ *fake, _ myvault.Commit, info *myvault.Info) { info.Version = 1 }), []string{"project/answer"}},
	{"a project with live secrets can be deleted", func(f *fake) {
		var gone syncMap[string, bool]
		f.apply = func(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
			infos, err := f.Provider.Apply(ctx, c)
			if errors.Is(err, myvault.ErrNotEmpty) {
				gone.set(c.Changes[len(c.Changes)-1].Project.Name, true)
				return make([]myvault.Info, len(c.Changes)), nil
			}
			return infos, err
		}
		f.projects = func(ctx context.Context, from string) iter.Seq2[myvault.Project, error] {
			return edited(f.Provider.Projects(ctx, from), func(all []myvault.Project) []myvault.Project {
				return slices.DeleteFunc(all, func(p myvault.Project) bool { return gone.get(p.Name) })
			})
		}
	}, []string{"project-delete/live", "commit/fills-project"}},
	{"a project with deleted secrets cannot be deleted", onChange(myvault.OpDeleteProject, func(f *fake, c myvault.Commit, apply applyFunc) ([]myvault.Info, error) {
		for info, err := range f.Provider.List(context.Background(), myvault.ListOptions{Deleted: true}) {
			if err == nil && info.Project == c.Changes[0].Project.Name {
				return nil, myvault.ErrNotEmpty
			}
		}
		return apply(c)
	}), []string{"project-delete/deleted", "project-delete/histories", "project-delete/undelete", "undelete/project"}},
	{"secrets of projects of like names keep a project", onChange(myvault.OpDeleteProject, func(f *fake, c myvault.Commit, apply applyFunc) ([]myvault.Info, error) {
		for info, err := range f.Provider.List(context.Background(), myvault.ListOptions{}) {
			if err == nil && strings.HasPrefix(info.Project, c.Changes[0].Project.Name) {
				return nil, myvault.ErrNotEmpty
			}
		}
		return apply(c)
	}), []string{"project-delete/other-live"}},
	{"deleting an unregistered project succeeds", forgives(myvault.OpDeleteProject, myvault.ErrNotFound), []string{"project-delete/unknown", "project-delete/twice"}},
	{"a deleted project stays listed", onChange(myvault.OpDeleteProject, func(f *fake, c myvault.Commit, apply applyFunc) ([]myvault.Info, error) {
		infos, err := apply(c)
		if err == nil {
			_, _ = apply(with(c, myvault.Change{Op: myvault.OpPutProject, Project: c.Changes[0].Project}))
		}
		return infos, err
	}), []string{"project-delete/empty", "project-delete/again", "project-delete/twice"}},
	{"deleting a project destroys its histories", onChange(myvault.OpDeleteProject, func(f *fake, c myvault.Commit, apply applyFunc) ([]myvault.Info, error) {
		for info, err := range f.Provider.List(context.Background(), myvault.ListOptions{Deleted: true}) {
			if err == nil && info.Project == c.Changes[0].Project.Name {
				_, _ = apply(with(c, myvault.Change{Op: myvault.OpDestroy, Address: info.Address}))
			}
		}
		return apply(c)
	}), []string{"project-delete/histories", "project-delete/undelete"}},
	{"undelete leaves its project unregistered", func(f *fake) {
		var gone syncMap[string, bool]
		onChange(myvault.OpUndelete, func(f *fake, c myvault.Commit, apply applyFunc) ([]myvault.Info, error) {
			gone.set(c.Changes[0].Address.Project, !registered(context.Background(), f, c.Changes[0].Address.Project))
			return apply(c)
		})(f)
		onProjects(func(_ *fake, all []myvault.Project) []myvault.Project {
			return slices.DeleteFunc(all, func(p myvault.Project) bool { return gone.get(p.Name) })
		})(f)
	}, []string{"undelete/project", "project-delete/undelete"}},
	{"the limit of projects is not enforced", unlimited, []string{"register/put", "register/project", "register/undelete", "commit/register-limit"}},
	{"a full register refuses every change", func(f *fake) {
		f.apply = func(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
			n := 0
			for range f.Provider.Projects(ctx, "") {
				n++
			}
			if n >= projects {
				return nil, myvault.ErrTooLarge
			}
			return f.Provider.Apply(ctx, c)
		}
	}, []string{"register/full", "register/reuse", "reserved/full"}},
	{"reserved projects are registered", onProjects(func(f *fake, all []myvault.Project) []myvault.Project {
		for info, err := range f.Provider.List(context.Background(), myvault.ListOptions{}) {
			if err == nil && strings.HasPrefix(info.Project, ".") {
				all = append([]myvault.Project{{Name: info.Project}}, all...)
			}
		}
		return all
	}), []string{"reserved/unregistered"}},
	{"reserved projects hold no secrets", onList(func(_ *fake, _ myvault.ListOptions, all []myvault.Info) []myvault.Info {
		return slices.DeleteFunc(all, func(i myvault.Info) bool { return strings.HasPrefix(i.Project, ".") })
	}), []string{"reserved/secrets"}},
}

// unlimited deletes other projects to exceed the limit, and hides that.
func unlimited(f *fake) {
	crowds := []string{"crowd-00003", "crowd-00004"}
	var hidden syncMap[string, bool]
	f.apply = func(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
		infos, err := f.Provider.Apply(ctx, c)
		for _, name := range crowds {
			if errors.Is(err, myvault.ErrTooLarge) {
				_, e := f.Provider.Apply(ctx, unregister(c, name))
				hidden.set(name, e == nil)
				infos, err = f.Provider.Apply(ctx, c)
			}
		}
		return infos, err
	}
	onProjects(func(_ *fake, all []myvault.Project) []myvault.Project {
		for _, name := range crowds {
			if hidden.get(name) {
				all = append(all, myvault.Project{Name: name})
			}
		}
		return all
	})(f)
}
