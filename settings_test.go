package myvault_test

import (
	"strings"
	"testing"

	"github.com/myswiftagent/myvault"
)

// A policy that parses denies by default and agrees with its own explanation; one that
// does not returns an error without the token.
func FuzzParsePolicy(f *testing.F) {
	f.Add("ui,job", "project:*/prod/,common/*/", "project:billing/", "sha256:00")
	f.Add("ui", "a:b@read+audit", "", "one,two")
	f.Add("ui,UI", "*/@", "**", ",")
	f.Fuzz(func(t *testing.T, services, allow, deny, token string) {
		const canary = "a-token-that-no-error-tells"
		settings := map[string]string{
			"ALLOWED_SERVICES": services, "TOKEN_ui": canary + "," + token, "ALLOW_ui": allow, "DENY_ui": deny,
		}
		p, err := myvault.ParsePolicy(settings)
		if (p == nil) == (err == nil) {
			t.Fatal("neither a policy nor an error, or both")
		}
		if err != nil {
			if strings.Contains(err.Error(), canary) {
				t.Fatal("the error tells the token")
			}
			return
		}
		for _, where := range []myvault.Address{{Project: "p", Path: "prod/db"}, {Project: "billing", Path: "x"}, {Project: ".own", Path: "x"}} {
			for _, a := range []myvault.Action{myvault.Read, myvault.Write, myvault.Destroy, myvault.Audit} {
				allowed := p.Allows("ui", a, where)
				if allowed != p.Explain("ui", a, where).Allowed {
					t.Fatalf("%v of %v: %v, and explained otherwise", a, where, allowed)
				}
				if p.Allows("stranger-"+services, a, where) || allowed && (strings.HasPrefix(where.Project, ".") || allow == "") {
					t.Fatalf("%v of %v is allowed", a, where)
				}
			}
		}
	})
}
