package myvault_test

import (
	"context"
	"errors"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
)

// TestNothingIsAnsweredOnceClosed, not even what needs no store.
func TestNothingIsAnsweredOnceClosed(t *testing.T) {
	is := is.New(t)
	v, err := myvault.New(memory.New(memory.Config{}), everything(t), myvault.Config{})
	is.NoErr(err)
	s := v.As("root")
	is.NoErr(extensionOf(t, v).Ended(t.Context(), s))
	is.NoErr(v.Close())
	is.True(errors.Is(extensionOf(t, v).Ended(t.Context(), s), myvault.ErrClosed))
	_, err = s.Rights(t.Context())
	is.True(errors.Is(err, myvault.ErrClosed))
}

// TestThePolicyIsReadBehindTheGuards of a session: one that is set while they are waited for counts.
func TestThePolicyIsReadBehindTheGuards(t *testing.T) {
	is := is.New(t)
	v := openVault(t, myvault.Config{})
	fill(t, v, db.String())
	withdrawn, err := myvault.NewPolicy(myvault.Service{Name: "root", Tokens: []string{"another-token-0123456789"}, Allow: rules(t, "*/")})
	is.NoErr(err)
	s, err := v.Login(t.Context(), myvault.Credentials{Service: "root", Token: "root-token-0123456789"})
	is.NoErr(err)
	_, err = extensionOf(t, v).EndWhen(s, func(context.Context) error { v.SetPolicy(withdrawn); return nil }).Get(t.Context(), db)
	is.True(errors.Is(err, myvault.ErrUnauthenticated))
}

// TestSessionsOfOneSessionEndByThemselves: what ends one is not what ends another that was made of the same.
func TestSessionsOfOneSessionEndByThemselves(t *testing.T) {
	is := is.New(t)
	v := openVault(t, myvault.Config{})
	holds := func(context.Context) error { return nil }
	ended := func(context.Context) error { return myvault.ErrUnauthenticated }
	s := v.As("root")
	for range 8 {
		first, second := extensionOf(t, v).EndWhen(s, ended), extensionOf(t, v).EndWhen(s, holds)
		is.True(errors.Is(extensionOf(t, v).Ended(t.Context(), first), myvault.ErrUnauthenticated))
		is.NoErr(extensionOf(t, v).Ended(t.Context(), second))
		s = second
	}
}

// TestAPolicyIsNoOneElses: who made it of a list, or was given one, changes nothing in it.
func TestAPolicyIsNoOneElses(t *testing.T) {
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
