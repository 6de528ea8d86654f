package myvault_test

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/matryer/is"
)

const module = "github.com/myswiftagent/myvault"

// deps returns the lines that `go list -deps` prints for a package.
func deps(t *testing.T, format, pkg string) []string {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps", "-f", format, pkg).Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(out))
	slices.Sort(lines)
	return slices.Compact(lines)
}

// TestImportsGoOneWay holds the layers apart: examples and vaulttest import httpapi and
// providers, httpapi imports tokens, all import the root, and the root imports none of them.
func TestImportsGoOneWay(t *testing.T) {
	rooms := []string{module + "/internal/broadcast", module + "/internal/coalesce", module + "/internal/credential", module + "/internal/dotenv", module + "/internal/pattern", module + "/internal/trusted"} // of the root
	outside := []string{module + "/examples", module + "/vaulttest"}
	for _, c := range []struct {
		pkg    string
		allows []string // prefixes of the packages that it may import besides the standard library
	}{
		{module, []string{"golang.org/x/"}},
		{module + "/internal/broadcast", nil},
		{module + "/internal/coalesce", nil},
		{module + "/internal/feed", []string{module, "golang.org/x/"}},
		{module + "/internal/credential", nil},
		{module + "/internal/pattern", []string{"golang.org/x/"}},
		{module + "/internal/dotenv", []string{module + "/internal/pattern", "golang.org/x/"}},
		{module + "/crypto", []string{module + "/internal/trusted", "golang.org/x/"}},
		{module + "/providers/memory", []string{module, module + "/internal/feed", "golang.org/x/", "github.com/tidwall/btree"}},
		{module + "/providers/sqlite", []string{module, module + "/crypto", module + "/internal/feed", module + "/internal/readonly", module + "/internal/rfc3339", "golang.org/x/", "github.com/ncruces/"}},
		{module + "/providers/pyvault", []string{module, module + "/crypto", module + "/internal/readonly", module + "/internal/rfc3339", "golang.org/x/", "github.com/ncruces/"}},
		{module + "/providers/hashivault", []string{
			module, module + "/internal/feed", module + "/internal/rfc3339", "golang.org/x/", "github.com/go-json-experiment/json", "github.com/hashicorp/",
			"github.com/cenkalti/backoff", "github.com/go-jose/", "github.com/mitchellh/", "github.com/ryanuber/", // hashicorp's
		}},
		{module + "/httpapi/console", nil},
		{module + "/due", []string{module, "golang.org/x/"}},
		{module + "/generate", []string{module, "golang.org/x/"}},
		{module + "/usage", []string{module, "golang.org/x/"}},
		{module + "/tokens", []string{module, "golang.org/x/", "github.com/go-json-experiment/json", "gopkg.in/macaroon.v2"}},
		{module + "/metrics", []string{
			module, module + "/httpapi", module + "/httpapi/guard", module + "/httpapi/serve", module + "/httpapi/internal/network", module + "/httpapi/internal/problem", module + "/httpapi/internal/semaphore", module + "/generate", module + "/internal/logs", module + "/internal/reload", module + "/internal/rfc3339", module + "/tokens", module + "/usage", "gopkg.in/macaroon.v2", "golang.org/x/",
			"github.com/go-json-experiment/json", "github.com/prometheus/",
			"github.com/beorn7/perks", "github.com/cespare/xxhash", "github.com/munnerz/goautoneg", "google.golang.org/protobuf", // prometheus's
		}},
		{module + "/httpapi/guard", []string{module, module + "/httpapi/internal/network", module + "/httpapi/internal/problem", "golang.org/x/", "github.com/go-json-experiment/json"}},
		{module + "/httpapi/serve", []string{module, module + "/httpapi/internal/network", module + "/internal/logs", module + "/internal/reload", "golang.org/x/"}},
		{module + "/httpapi", []string{
			module, module + "/httpapi/guard", module + "/httpapi/serve", module + "/generate", module + "/internal/logs", module + "/internal/reload", module + "/internal/rfc3339", module + "/tokens", module + "/usage", "gopkg.in/macaroon.v2", "golang.org/x/", "github.com/go-json-experiment/json",
		}},
	} {
		t.Run(c.pkg, func(t *testing.T) {
			is := is.New(t)
			found := deps(t, "{{if not .Standard}}{{.ImportPath}}{{end}}", c.pkg)
			is.True(slices.Contains(found, c.pkg)) // the list is about this package
			for _, dep := range found {
				mayUseRooms := c.pkg == module || slices.Contains(c.allows, module)
				if dep == c.pkg || mayUseRooms && slices.Contains(rooms, dep) || c.pkg != module && strings.HasPrefix(dep, c.pkg+"/internal/") {
					continue
				}
				allowed := slices.ContainsFunc(c.allows, func(a string) bool {
					ours := strings.HasPrefix(a, module)
					return dep == a || !ours && strings.HasPrefix(dep, a)
				})
				if !allowed || slices.Contains(outside, dep) {
					t.Errorf("%s imports %s", c.pkg, dep)
				}
			}
		})
	}
}

// TestMemoryIsLight is what an embedder of the memory provider links.
func TestMemoryIsLight(t *testing.T) {
	is := is.New(t)
	modules := deps(t, "{{with .Module}}{{.Path}}{{end}}", module+"/providers/memory")
	modules = slices.DeleteFunc(modules, func(m string) bool { return m == module })
	is.True(len(modules) > 0)
	is.True(len(modules) <= 8) // modules from outside
	for _, m := range modules {
		is.True(!strings.Contains(m, "sqlite") && !strings.Contains(m, "hashicorp"))
	}
}

// TestOnlyExamplesReadTheEnvironment: a library that reads it surprises its embedder.
func TestOnlyExamplesReadTheEnvironment(t *testing.T) {
	is := is.New(t)
	reads := regexp.MustCompile(`os\.(Getenv|LookupEnv|Environ|ExpandEnv)\b`)
	// Programs, and packages that only tests and comparisons use.
	mayRead := regexp.MustCompile(`^(examples|bench|tests|internal/vaultserver|internal/roottest|providers/sqlite/internal/test)/|_test\.go$`)
	looked := 0
	walk(t, func(path, text string) {
		if mayRead.MatchString(path) {
			return
		}
		looked++
		if reads.MatchString(text) {
			t.Errorf("%s reads the process environment", path)
		}
	}, ".go")
	is.True(looked > 20)
}
