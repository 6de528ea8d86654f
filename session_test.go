package myvault_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/matryer/is"
	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
)

// everything is the policy of a service "root" that may do everything, and of "svc" that
// may use newsbot/prod/.
func everything(t testing.TB) *myvault.Policy {
	t.Helper()
	p, err := myvault.NewPolicy(
		myvault.Service{Name: "root", Tokens: []string{"root-token-0123456789"}, Allow: rules(t, "*/", "*/@destroy+audit")},
		myvault.Service{Name: "svc", Tokens: []string{"svc-token-0123456789", "svc-token-new-0123456789"}, Allow: rules(t, "newsbot/prod/")},
	)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// openVault makes a vault in memory that ends with the test.
func openVault(t testing.TB, config myvault.Config) *myvault.Vault {
	t.Helper()
	return vaultOf(t, memory.New(memory.Config{}), config)
}

func vaultOf(t testing.TB, provider myvault.Provider, config myvault.Config) *myvault.Vault {
	t.Helper()
	v, err := myvault.New(provider, everything(t), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
	return v
}

func first[T any](seq iter.Seq2[T, error]) error {
	for _, err := range seq {
		return err
	}
	return nil
}

// metric returns the value of a metric of v.
func metric(t testing.TB, v *myvault.Vault, name string) float64 {
	t.Helper()
	for _, m := range v.Metrics(t.Context()) {
		if m.Name == name {
			return m.Value
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

var db = myvault.Address{Project: "newsbot", Path: "prod/db"}

// state returns everything that is stored, as text.
func state(t testing.TB, v *myvault.Vault) (lines []string) {
	t.Helper()
	s := v.As("root")
	for _, deleted := range []bool{false, true} {
		for info, err := range s.List(t.Context(), myvault.ListOptions{Deleted: deleted}) {
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, info.Address.String()+" "+info.State.String()+" "+string(rune('0'+info.Version)))
		}
	}
	for p, err := range s.Projects(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, p.Name+" "+p.Description)
	}
	return lines
}

// outcomes counts the entries by outcome.
func outcomes(t testing.TB, v *myvault.Vault) map[myvault.Outcome]uint64 {
	t.Helper()
	count := make(map[myvault.Outcome]uint64)
	for e, err := range v.As("root").Trail(t.Context(), myvault.TrailFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		count[e.Outcome] += e.Count
	}
	return count
}

func TestLogin(t *testing.T) {
	v := openVault(t, myvault.Config{})
	for _, c := range []struct {
		service, token string
		want           error
	}{
		{"svc", "svc-token-0123456789", nil},
		{"svc", "svc-token-new-0123456789", nil},
		{"svc", "root-token-0123456789", myvault.ErrUnauthenticated},
		{"svc", "", myvault.ErrUnauthenticated},
		{"", "", myvault.ErrUnauthenticated},
		{"SVC", "svc-token-0123456789", myvault.ErrUnauthenticated},
		{"nobody", "svc-token-0123456789", myvault.ErrUnauthenticated},
		{"nobody", "", myvault.ErrUnauthenticated},
		{"svc", "svc-token-0123456789 ", myvault.ErrUnauthenticated},
		{"svc", strings.Repeat("x", 1<<16), myvault.ErrUnauthenticated},
	} {
		t.Run(c.service, func(t *testing.T) {
			is := is.New(t)
			s, err := v.Login(t.Context(), myvault.Credentials{Service: c.service, Token: c.token})
			is.True(errors.Is(err, c.want))
			is.Equal(s != nil, c.want == nil)
			is.True(err == nil || err.Error() == "myvault: login: not authenticated") // the same for every reason
		})
	}
}

func TestServiceWithoutTokensCannotLogIn(t *testing.T) {
	is := is.New(t)
	p, err := myvault.NewPolicy(myvault.Service{Name: "embedded", Allow: rules(t, "*/")})
	is.NoErr(err)
	v := openVault(t, myvault.Config{})
	v.SetPolicy(p)
	for _, token := range []string{"", "\x00", strings.Repeat("\x00", 32)} {
		_, err = v.Login(t.Context(), myvault.Credentials{Service: "embedded", Token: token})
		is.True(errors.Is(err, myvault.ErrUnauthenticated))
	}
	_, err = v.As("embedded").Put(t.Context(), db, myvault.Text("v"))
	is.NoErr(err)
}

func TestHashedTokenLogsIn(t *testing.T) {
	is := is.New(t)
	p, err := myvault.NewPolicy(myvault.Service{Name: "svc", Tokens: []string{"sha256:4d5e5ecdd5b1c6a5b5e5c2c9ac3aae65eb0f28df6a6f4b7c2b07f6f6a3c0c2a1", "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}})
	is.NoErr(err)
	v := openVault(t, myvault.Config{})
	v.SetPolicy(p)
	_, err = v.Login(t.Context(), myvault.Credentials{Service: "svc", Token: "abc"}) // FIPS 180-2, example B.1
	is.NoErr(err)
	_, err = v.Login(t.Context(), myvault.Credentials{Service: "svc", Token: "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"})
	is.True(errors.Is(err, myvault.ErrUnauthenticated)) // the digest itself opens nothing
}

func TestRestrictOnlyNarrows(t *testing.T) {
	is := is.New(t)
	v := openVault(t, myvault.Config{})
	ctx := t.Context()
	all := v.As("svc")
	_, err := all.Put(ctx, db, myvault.Text("v"))
	is.NoErr(err)

	reader := all.Restrict(rules(t, "*/@read+destroy")...)
	_, err = reader.Get(ctx, db)
	is.NoErr(err)
	_, err = reader.Put(ctx, db, myvault.Text("w"))
	is.True(errors.Is(err, myvault.ErrDenied))                     // not in the restriction
	is.True(errors.Is(reader.Destroy(ctx, db), myvault.ErrDenied)) // not in the policy
	_, err = reader.Restrict(rules(t, "other/")...).Get(ctx, db)
	is.True(errors.Is(err, myvault.ErrDenied)) // both must allow
	_, err = reader.Restrict(rules(t, "*/")...).Put(ctx, db, myvault.Text("w"))
	is.True(errors.Is(err, myvault.ErrDenied)) // a wider restriction returns no rights
	_, err = all.Get(ctx, db)
	is.NoErr(err) // the parent keeps its rights

	d, err := reader.Explain(ctx, "svc", myvault.Write, db)
	is.NoErr(err)
	is.True(!d.Allowed)
}

// TestACallMeetsOnePolicy: of two policies that take turns neither allows both changes.
func TestACallMeetsOnePolicy(t *testing.T) {
	is := is.New(t)
	v := openVault(t, myvault.Config{})
	turns := []*myvault.Policy{policyOf(t, []string{"a/"}, nil), policyOf(t, []string{"b/"}, nil)}
	v.SetPolicy(turns[0])
	done, ended := make(chan struct{}), make(chan struct{})
	var set atomic.Int64
	go func() {
		defer close(ended)
		for n := 1; ; n++ {
			select {
			case <-done:
				return
			default:
				v.SetPolicy(turns[n%2])
				set.Add(1)
			}
		}
	}()
	s := v.As("svc")
	both := []myvault.Change{
		{Op: myvault.OpPut, Address: myvault.Address{Project: "a", Path: "x"}, Value: myvault.Text("v")},
		{Op: myvault.OpPut, Address: myvault.Address{Project: "b", Path: "x"}, Value: myvault.Text("v")},
	}
	allowed := 0
	for met := 0; met < 2000; { // calls during which a policy was set
		before := set.Load()
		if _, err := s.Apply(t.Context(), both...); err == nil {
			allowed++
		}
		if set.Load() != before {
			met++
		}
	}
	close(done)
	<-ended
	is.Equal(allowed, 0)
}

func TestSetPolicyConcernsOpenSessions(t *testing.T) {
	is := is.New(t)
	v := openVault(t, myvault.Config{})
	s := v.As("svc")
	_, err := s.Put(t.Context(), db, myvault.Text("v"))
	is.NoErr(err)
	p, err := myvault.NewPolicy(myvault.Service{Name: "svc", Allow: rules(t, "newsbot/dev/")})
	is.NoErr(err)
	v.SetPolicy(p)
	_, err = s.Get(t.Context(), db)
	is.True(errors.Is(err, myvault.ErrDenied))
	is.True(errors.Is(v.SetPolicy(nil), myvault.ErrInvalid)) // an ignored error of ParsePolicy, for example
	is.Equal(v.Policy(), p)                                  // the current one stays
}

func TestNewRefuses(t *testing.T) {
	provider, policy := memory.New(memory.Config{}), everything(t)
	plain := struct{ myvault.Provider }{provider} // hides that memory is a trail
	for name, try := range map[string]func() (*myvault.Vault, error){
		"no provider": func() (*myvault.Vault, error) { return myvault.New(nil, policy, myvault.Config{}) },
		"no policy":   func() (*myvault.Vault, error) { return myvault.New(provider, nil, myvault.Config{}) },
		"no trail":    func() (*myvault.Vault, error) { return myvault.New(plain, policy, myvault.Config{}) },
		"two trails": func() (*myvault.Vault, error) {
			return myvault.New(provider, policy, myvault.Config{Trail: myvault.NoTrail{}})
		},
		"no mode of reads": func() (*myvault.Vault, error) { return myvault.New(provider, policy, myvault.Config{Reads: 9}) },
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			v, err := try()
			is.True(errors.Is(err, myvault.ErrInvalid))
			is.True(v == nil)
		})
	}
}

// TestNothingIsAnsweredOnceClosed, not even what needs no store.
func TestNothingIsAnsweredOnceClosed(t *testing.T) {
	is := is.New(t)
	v, err := myvault.New(memory.New(memory.Config{}), everything(t), myvault.Config{})
	is.NoErr(err)
	s := v.As("root")
	is.NoErr(v.Close())
	_, err = extensionOf(t, v).Resume("root", "embedded", nil)
	is.True(errors.Is(err, myvault.ErrClosed))
	_, err = s.Rights(t.Context())
	is.True(errors.Is(err, myvault.ErrClosed))
}

// TestThePolicyIsReadAfterTheChecks of a session: a policy that is set while they run applies.
func TestThePolicyIsReadAfterTheChecks(t *testing.T) {
	is := is.New(t)
	v := openVault(t, myvault.Config{})
	fill(t, v, db.String())
	withdrawn, err := myvault.NewPolicy(myvault.Service{Name: "root", Tokens: []string{"another-token-0123456789"}, Allow: rules(t, "*/")})
	is.NoErr(err)
	s, err := v.Login(t.Context(), myvault.Credentials{Service: "root", Token: "root-token-0123456789"})
	is.NoErr(err)
	x := extensionOf(t, v)
	authentication, err := x.Authentication(t.Context(), s)
	is.NoErr(err)
	s, err = x.Resume("root", authentication, func(context.Context) error { v.SetPolicy(withdrawn); return nil })
	is.NoErr(err)
	_, err = s.Get(t.Context(), db)
	is.True(errors.Is(err, myvault.ErrUnauthenticated))
}

// TestAPolicyIsImmutable: lists that it was made from or returned can be changed.
func TestAPolicyIsImmutable(t *testing.T) {
	is := is.New(t)
	allow, deny := rules(t, "newsbot/"), rules(t, "rag/")
	policy, err := myvault.NewPolicy(myvault.Service{Name: "svc", Allow: allow, Deny: deny})
	is.NoErr(err)
	allow[0], deny[0] = rules(t, "*/")[0], rules(t, "newsbot/")[0]
	policy.Services()[0] = "other"
	is.Equal(policy.Services(), []string{"svc"})
	v, err := myvault.New(memory.New(memory.Config{}), policy, myvault.Config{})
	is.NoErr(err)
	defer v.Close()
	told, err := v.As("svc").Rights(t.Context())
	is.NoErr(err)
	is.Equal(told.Allow, rules(t, "newsbot/"))
	is.Equal(told.Deny, rules(t, "rag/"))
}
