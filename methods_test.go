package myvault_test

import (
	"context"
	"errors"
	"iter"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/matryer/is"
	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/usage"
)

// calls has one call of each method of Session that does something; a method without a
// row fails the tests below.
var calls = map[string]func(context.Context, *myvault.Session) error{
	"Get":        func(ctx context.Context, s *myvault.Session) error { _, err := s.Get(ctx, db); return err },
	"GetVersion": func(ctx context.Context, s *myvault.Session) error { _, err := s.GetVersion(ctx, db, 1); return err },
	"GetPage": func(ctx context.Context, s *myvault.Session) error {
		_, err := s.GetPage(ctx, myvault.ListOptions{}, 10)
		return err
	},
	"Put": func(ctx context.Context, s *myvault.Session) error {
		_, err := s.Put(ctx, db, myvault.Text(canary))
		return err
	},
	"PutVersion": func(ctx context.Context, s *myvault.Session) error {
		_, err := s.PutVersion(ctx, db, myvault.NewVersion{Generate: func(context.Context) (myvault.Value, error) { return myvault.Text(canary), nil }})
		return err
	},
	"Delete":   func(ctx context.Context, s *myvault.Session) error { return s.Delete(ctx, db) },
	"Undelete": func(ctx context.Context, s *myvault.Session) error { _, err := s.Undelete(ctx, db); return err },
	"Destroy":  func(ctx context.Context, s *myvault.Session) error { return s.Destroy(ctx, db) },
	"Apply": func(ctx context.Context, s *myvault.Session) error {
		_, err := s.Apply(ctx, myvault.Change{Op: myvault.OpPut, Address: db, Value: myvault.Text(canary)})
		return err
	},
	"List": func(ctx context.Context, s *myvault.Session) error { return first(s.List(ctx, myvault.ListOptions{})) },
	"ListPage": func(ctx context.Context, s *myvault.Session) error {
		_, err := s.ListPage(ctx, myvault.ListOptions{}, 10)
		return err
	},
	"Versions": func(ctx context.Context, s *myvault.Session) error { return first(s.Versions(ctx, db)) },
	"VersionsPage": func(ctx context.Context, s *myvault.Session) error {
		_, err := s.VersionsPage(ctx, db, 0, 10)
		return err
	},
	"ProjectsPage": func(ctx context.Context, s *myvault.Session) error {
		_, err := s.ProjectsPage(ctx, "", 10)
		return err
	},
	"Projects": func(ctx context.Context, s *myvault.Session) error { return first(s.Projects(ctx)) },
	"Project":  func(ctx context.Context, s *myvault.Session) error { _, err := s.Project(ctx, "newsbot"); return err },
	"PutProject": func(ctx context.Context, s *myvault.Session) error {
		_, err := s.PutProject(ctx, myvault.Project{Name: "newsbot"})
		return err
	},
	"DeleteProject": func(ctx context.Context, s *myvault.Session) error { return s.DeleteProject(ctx, "newsbot") },
	"SetDefaultProject": func(ctx context.Context, s *myvault.Session) error {
		_, err := s.SetDefaultProject(ctx, "newsbot")
		return err
	},
	"Trail": func(ctx context.Context, s *myvault.Session) error { return first(s.Trail(ctx, myvault.TrailFilter{})) },
	"TrailPage": func(ctx context.Context, s *myvault.Session) error {
		_, err := s.TrailPage(ctx, myvault.TrailFilter{}, 10)
		return err
	},
	"Heads": func(ctx context.Context, s *myvault.Session) error { _, err := s.Heads(ctx); return err },
	"Explain": func(ctx context.Context, s *myvault.Session) error {
		_, err := s.Explain(ctx, s.Service(), myvault.Read, db)
		return err
	},
	"Who": func(ctx context.Context, s *myvault.Session) error {
		_, err := s.Who(ctx, myvault.Read, db)
		return err
	},
	"Rights": func(ctx context.Context, s *myvault.Session) error { _, err := s.Rights(ctx); return err },
}

// extensionCalls has one call of each thing that an extension does in the name of a session.
var extensionCalls = map[string]func(context.Context, *myvault.Vault, *myvault.Session) error{
	"usage.Index.Page": func(ctx context.Context, v *myvault.Vault, s *myvault.Session) error {
		_, err := usagePage(ctx, v, s, usage.Options{}, 10)
		return err
	},
}

// usagePage returns a page of a new index.
func usagePage(ctx context.Context, v *myvault.Vault, s *myvault.Session, o usage.Options, limit int) (usage.Page, error) {
	index, err := usage.New(v)
	if err != nil {
		return usage.Page{}, err
	}
	return index.Page(ctx, s, o, limit)
}

// withoutEffect are the methods that read and change nothing.
var withoutEffect = []string{"Service", "Via", "Restrict"}

// caller calls one method for a session of a vault.
type caller func(context.Context, *myvault.Vault, *myvault.Session) error

// callOf returns the call with that name.
func callOf(name string) caller {
	if call, found := calls[name]; found {
		return func(ctx context.Context, _ *myvault.Vault, s *myvault.Session) error { return call(ctx, s) }
	}
	return extensionCalls[name]
}

// eachCall runs a subtest for every method of Session, found by reflection, and for every
// extensionCall.
func eachCall(t *testing.T, test func(t *testing.T, call caller)) {
	t.Helper()
	methods := reflect.TypeFor[*myvault.Session]()
	seen := len(withoutEffect)
	for m := range methods.Methods() {
		name := m.Name
		if slices.Contains(withoutEffect, name) {
			continue
		}
		seen++
		if calls[name] == nil {
			t.Errorf("Session.%s has no row in calls: nothing proves that it asks the policy", name)
			continue
		}
		t.Run(name, func(t *testing.T) { test(t, callOf(name)) })
	}
	if seen != len(calls)+len(withoutEffect) {
		t.Errorf("%d methods for %d rows", seen, len(calls)+len(withoutEffect))
	}
	for name, call := range extensionCalls {
		t.Run(name, func(t *testing.T) { test(t, call) })
	}
}

// spy counts what reaches the provider.
type spy struct {
	*memory.Provider
	reached int
}

func (p *spy) Get(ctx context.Context, a myvault.Address, v myvault.Version) (myvault.Secret, error) {
	p.reached++
	return p.Provider.Get(ctx, a, v)
}

func (p *spy) Apply(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
	p.reached++
	return p.Provider.Apply(ctx, c)
}

func (p *spy) List(ctx context.Context, r myvault.ListOptions) iter.Seq2[myvault.Info, error] {
	p.reached++
	return p.Provider.List(ctx, r)
}

func (p *spy) Versions(ctx context.Context, a myvault.Address, before myvault.Version) iter.Seq2[myvault.Info, error] {
	p.reached++
	return p.Provider.Versions(ctx, a, before)
}

func (p *spy) Projects(ctx context.Context, from string) iter.Seq2[myvault.Project, error] {
	p.reached++
	return p.Provider.Projects(ctx, from)
}

func (p *spy) Snapshot(ctx context.Context, f func(myvault.Reader) error) error {
	p.reached++
	return p.Provider.Snapshot(ctx, f)
}

func TestEveryMethodAsksThePolicy(t *testing.T) {
	eachCall(t, func(t *testing.T, call caller) {
		is := is.New(t)
		provider := &spy{Provider: memory.New(memory.Config{})}
		v := vaultOf(t, provider, myvault.Config{})
		err := call(t.Context(), v, v.As("stranger"))
		is.True(errors.Is(err, myvault.ErrDenied))
		is.Equal(provider.reached, 0) // denied before the store is asked
		is.Equal(outcomes(t, v)["denied"], uint64(1))
	})
}

func TestEveryMethodFailsOnceTheTokenIsWithdrawn(t *testing.T) {
	eachCall(t, func(t *testing.T, call caller) {
		is := is.New(t)
		provider := &spy{Provider: memory.New(memory.Config{})}
		v := vaultOf(t, provider, myvault.Config{})
		s, err := v.Login(t.Context(), myvault.Credentials{Service: "root", Token: "root-token-0123456789"})
		is.NoErr(err)
		changed, err := myvault.NewPolicy(myvault.Service{Name: "root", Tokens: []string{"another-token-0123456"}, Allow: rules(t, "*/", "*/@destroy+audit")})
		is.NoErr(err)
		v.SetPolicy(changed)
		is.True(errors.Is(call(t.Context(), v, s), myvault.ErrUnauthenticated))
		is.Equal(provider.reached, 0)
	})
}

func TestEveryMethodFailsAfterClose(t *testing.T) {
	eachCall(t, func(t *testing.T, call caller) {
		is := is.New(t)
		v := openVault(t, myvault.Config{})
		s := v.As("root")
		is.NoErr(v.Close())
		is.NoErr(v.Close()) // a second Close is nothing
		is.True(errors.Is(call(t.Context(), v, s), myvault.ErrClosed))
	})
}

func TestEveryMethodIsWithinTheRestriction(t *testing.T) {
	eachCall(t, func(t *testing.T, call caller) {
		is := is.New(t)
		v := openVault(t, myvault.Config{})
		_, err := v.As("root").Put(t.Context(), db, myvault.Text("v"))
		is.NoErr(err)
		before := state(t, v)
		err = call(t.Context(), v, v.As("root").Restrict())
		// Listings and calls about the caller return empty results.
		is.True(err == nil || errors.Is(err, myvault.ErrDenied))
		is.Equal(state(t, v), before) // a session restricted to nothing changed something
	})
}

func TestEveryErrorNamesItsOperation(t *testing.T) {
	eachCall(t, func(t *testing.T, call caller) {
		is := is.New(t)
		v := openVault(t, myvault.Config{})
		err := call(t.Context(), v, v.As("stranger"))
		var wrapped *myvault.Error
		is.True(errors.As(err, &wrapped))
		is.True(wrapped.Op != "")
		is.True(strings.HasPrefix(err.Error(), "myvault: "+wrapped.Op))
		is.Equal(strings.Count(err.Error(), "myvault:"), 1) // wrapped once
		is.True(!strings.Contains(err.Error(), canary))
	})
}
