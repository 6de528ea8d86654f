package hashivault_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/vaultserver"
	"github.com/myswiftagent/myvault/providers/hashivault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/fakevault"
)

var patchSteps = []step{
	{"nothing to patch", "PATCH", "secret/data/p/a", `{"data":{"value":"w"},"options":{"cas":0}}`, 404, "", ""},
	{"it made nothing", "GET", "secret/data/p/a", "", 404, `{"errors":[]}`, ""},
	{"a write", "POST", "secret/data/p/a", `{"data":{"value":"v","by":{"me":""},"expires":{"x":""}}}`, 200, `"version":1`, ""},
	{"a patch", "PATCH", "secret/data/p/a", `{"data":{"value":null,"base64":"/w==","by":{"me":null,"you":""},"expires":null,"none":null},"options":{"cas":1}}`, 200, `"version":2`, ""},
	{"what it made", "GET", "secret/data/p/a", "", 200, `"data":{"base64":"/w==","by":{"you":""}}`, ""},
	{"what it was made from", "GET", "secret/data/p/a?version=1", "", 200, `"by":{"me":""}`, ""},
	{"another current version", "PATCH", "secret/data/p/a", `{"data":{"value":"w"},"options":{"cas":1}}`, 400, "check-and-set parameter did not match", ""},
	{"a deletion", "POST", "secret/delete/p/a", `{"versions":[2]}`, 204, "", ""},
	{"a patch of what is deleted", "PATCH", "secret/data/p/a", `{"data":{"value":"w"},"options":{"cas":2}}`, 404, "", ""},
	{"an undeletion", "POST", "secret/undelete/p/a", `{"versions":[2]}`, 204, "", ""},
	{"a patch after it", "PATCH", "secret/data/p/a", `{"data":{"value":"<&\u2028>","base64":null},"options":{"cas":2}}`, 200, `"version":3`, ""},
	{"what it made", "GET", "secret/data/p/a", "", 200, `"by":{"you":""}`, "base64"},
	{"a destruction", "POST", "secret/destroy/p/a", `{"versions":[3]}`, 204, "", ""},
	{"a patch of what is destroyed", "PATCH", "secret/data/p/a", `{"data":{"value":"w"},"options":{"cas":3}}`, 404, "", ""},
	{"numbers", "GET", "secret/metadata/p/a", "", 200, `"current_version":3`, ""},
}

// TestPatches: the fake and a real server answer alike about patches.
func TestPatches(t *testing.T) {
	onBoth(t, func(t *testing.T, server *vaultserver.Server) { play(t, server, patchSteps) })
}

// TestWritingWhatWasSeen: a write with the condition that a cached version is current is one
// request. Nothing of that version is left in the next.
func TestWritingWhatWasSeen(t *testing.T) {
	onBoth(t, func(t *testing.T, server *vaultserver.Server) {
		is := is.New(t)
		config := fresh(server.Address, server.Token)
		s := opened(t, config)
		c := put("newsbot/a", "1")
		c.Expires = began.AddDate(0, 1, 0)
		do(t, s, c)
		binary := put("newsbot/a", "\xff\x00", myvault.IfVersion(1))
		binary.RotateAfter = began.AddDate(0, 2, 0)
		do(t, s, binary)
		secret, err := s.Get(t.Context(), at("newsbot/a"), 0)
		is.NoErr(err)
		is.Equal(secret.Value.Reveal(), "\xff\x00")
		is.True(secret.Expires.IsZero() && secret.RotateAfter.Equal(binary.RotateAfter) && secret.By == "commonUI" && secret.At.Equal(began))

		another := opened(t, config) // reads, and then writes
		_, err = another.Get(t.Context(), at("newsbot/a"), 0)
		is.NoErr(err)
		infos, err := another.Apply(t.Context(), myvault.Commit{
			Changes: []myvault.Change{put("newsbot/a", "<3>", myvault.IfVersion(2))}, By: "newsbot", At: began.AddDate(0, 0, 1),
		})
		is.NoErr(err)
		is.Equal(infos[0].Version, myvault.Version(3))
		secret, err = s.Get(t.Context(), at("newsbot/a"), 0)
		is.NoErr(err)
		is.Equal(secret.Value.Reveal(), "<3>")
		is.True(secret.RotateAfter.IsZero() && secret.By == "newsbot" && secret.At.Equal(began.AddDate(0, 0, 1)))
		text := server.Must(t, "GET", "secret/data/"+config.Base+"/secrets/newsbot/a", "")
		for _, part := range []string{"base64", "rotate_after", "expires", "commonUI"} {
			is.True(!strings.Contains(text, part)) // left of an older version
		}
	})
}

// TestWhatWasSeenIsGone: another program changed or deleted the secret since. This costs two
// more requests, and no version is made.
func TestWhatWasSeenIsGone(t *testing.T) {
	inBubble(t, func(t *testing.T, fake *fakevault.Vault, config hashivault.Config) {
		is := is.New(t)
		s, other := opened(t, config), opened(t, config)
		do(t, s, put("newsbot/a", "1"))
		do(t, other, put("newsbot/a", "2"))
		fake.Requests()
		_, err := apply(t.Context(), s, put("newsbot/a", "x", myvault.IfVersion(1)))
		is.True(errors.Is(err, myvault.ErrConflict))
		is.Equal(fake.Requests(), []string{"PATCH data", "GET subkeys", "GET subkeys"})

		do(t, s, put("newsbot/a", "3"))
		do(t, other, change(myvault.OpDelete, "newsbot/a"))
		do(t, s, put("newsbot/near", "1"))
		fake.Requests()
		_, err = apply(t.Context(), s, put("newsbot/a", "x", myvault.IfVersion(3)))
		is.True(errors.Is(err, myvault.ErrNotFound))
		is.Equal(fake.Requests(), []string{"PATCH data", "GET subkeys", "GET subkeys"})
		is.Equal(states(t, s, "newsbot/a"), []string{"3 deleted", "2 live", "1 live"})
		_, err = apply(t.Context(), s, put("newsbot/a", "x", myvault.IfVersion(2)))
		is.True(errors.Is(err, myvault.ErrNotFound))
	})
}

// TestTheAnswerToAPatchIsLost: its outcome is looked up, and it is made once.
func TestTheAnswerToAPatchIsLost(t *testing.T) {
	for _, f := range []fakevault.Fault{{Lose: true}, {Drop: true}, {Status: 500, Text: "no answer"}} {
		is := is.New(t)
		fake := fakevault.New(t)
		s := opened(t, fresh(fake.Address, fake.Token))
		do(t, s, put("newsbot/a", "1"))
		fake.Break(once("PATCH data", f))
		info := do(t, s, put("newsbot/a", "2", myvault.IfVersion(1)))
		is.Equal(info.Version, myvault.Version(2))
		secret, err := s.Get(t.Context(), at("newsbot/a"), 0)
		is.NoErr(err)
		is.Equal(secret.Value.Reveal(), "2")
		is.Equal(len(states(t, s, "newsbot/a")), 2)
	}
}

// TestATokenThatMayNotPatch: the current version is read before a write, from the start or once
// the right is revoked.
func TestATokenThatMayNotPatch(t *testing.T) {
	onBoth(t, func(t *testing.T, server *vaultserver.Server) {
		is := is.New(t)
		config := withBase(fresh(server.Address, server.Token), "myvault")
		may := allRights("secret", config.Base)
		mayNot := strings.Replace(may, `["create","read","update","patch"]`, `["create","read","update"]`, 1)
		is.True(may != mayNot)
		for _, rights := range []string{mayNot, may} {
			config.Token = myvault.Text(token(t, server, "1h", rights))
			s := opened(t, config)
			info := do(t, s, put("newsbot/a", "1"))
			info = do(t, s, put("newsbot/a", "2", myvault.IfVersion(info.Version)))
			grant(t, server, "of-a-token", mayNot)
			info = do(t, s, put("newsbot/a", "3", myvault.IfVersion(info.Version)))
			do(t, s, put("newsbot/a", "4", myvault.IfVersion(info.Version)))
		}
	})
}
