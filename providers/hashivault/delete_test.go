package hashivault_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/vaultserver"
	"github.com/myswiftagent/myvault/providers/hashivault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/fakevault"
)

// TestWhoAndWhenOutliveTheValue: author and times of destroyed versions are kept, for as many
// as Vault has room for. Older versions have Vault's own time.
func TestWhoAndWhenOutliveTheValue(t *testing.T) {
	is := is.New(t)
	fake := fakevault.New(t)
	s := opened(t, fresh(fake.Address, fake.Token))
	const many = 1500
	for i := range many {
		c := put("newsbot/a", "value")
		c.Expires = began.Add(time.Duration(i) * time.Hour)
		do(t, s, c)
	}
	do(t, s, change(myvault.OpDestroy, "newsbot/a"))
	known := 0
	for info, err := range s.Versions(t.Context(), at("newsbot/a"), 0) {
		is.NoErr(err)
		is.Equal(info.State, myvault.Destroyed)
		is.True(!info.At.IsZero())
		if info.By == "" {
			continue
		}
		known++
		is.Equal(info.Version, myvault.Version(many-known+1)) // the newest, without a gap
		is.Equal(info.By, "commonUI")
		is.Equal(info.At, began)
		is.Equal(info.Expires, began.Add(time.Duration(info.Version-1)*time.Hour))
	}
	is.True(known >= 500)
	// The next ones replace the oldest.
	do(t, s, put("newsbot/a", "1"), change(myvault.OpDelete, "newsbot/a"))
	for info := range s.Versions(t.Context(), at("newsbot/a"), 0) {
		is.Equal(info.By, "commonUI")
		is.Equal(info.State, myvault.Deleted)
		break
	}
}

// TestNothingGoesUnnoted: if the tombstone cannot be written, nothing is destroyed or deleted.
func TestNothingGoesUnnoted(t *testing.T) {
	is := is.New(t)
	fake := fakevault.New(t)
	s := opened(t, fresh(fake.Address, fake.Token))
	do(t, s, put("newsbot/a", "1"), put("newsbot/a", "2"))
	fake.Break(func(r *http.Request) fakevault.Fault {
		if r.Method == http.MethodPatch {
			return fakevault.Fault{Status: http.StatusForbidden, Text: "permission denied"}
		}
		return fakevault.Fault{}
	})
	for _, op := range []myvault.Op{myvault.OpDestroy, myvault.OpDelete} {
		_, err := apply(t.Context(), s, change(op, "newsbot/a"))
		is.True(errors.Is(err, hashivault.ErrRights))
		is.Equal(states(t, s, "newsbot/a"), []string{"2 live", "1 live"})
	}
}

// TestDeletedByAnotherProgram: a secret that was deleted with Vault's own tools is deleted here
// too. Undelete restores its author.
func TestDeletedByAnotherProgram(t *testing.T) {
	onBoth(t, func(t *testing.T, server *vaultserver.Server) {
		is := is.New(t)
		config := fresh(server.Address, server.Token)
		s := opened(t, config)
		do(t, s, put("newsbot/a", "1"))
		server.Must(t, "POST", "secret/delete/"+config.Base+"/secrets/newsbot/a", `{"versions":[1]}`)
		_, err := s.Get(t.Context(), at("newsbot/a"), 0)
		is.True(errors.Is(err, myvault.ErrNotFound))
		info := do(t, s, change(myvault.OpUndelete, "newsbot/a"))
		is.Equal(info.By, "commonUI")
		is.Equal(info.At, began)
		is.Equal(info.State, myvault.Live)
	})
}

// TestForgottenVersions: a version that Vault has dropped is reported as destroyed, and never
// as a number that was not used.
func TestForgottenVersions(t *testing.T) {
	onBoth(t, func(t *testing.T, server *vaultserver.Server) {
		is := is.New(t)
		s := opened(t, fresh(server.Address, server.Token))
		do(t, s, put("newsbot/a", "1"), put("newsbot/a", "2"), put("newsbot/a", "3"))
		server.Must(t, "POST", "secret/config", `{"max_versions":2}`)
		do(t, s, put("newsbot/a", "4"))
		is.Equal(states(t, s, "newsbot/a"), []string{"4 live", "3 live", "2 destroyed", "1 destroyed"})
		_, err := s.Get(t.Context(), at("newsbot/a"), 1)
		is.True(errors.Is(err, myvault.ErrNotFound))
	})
}
