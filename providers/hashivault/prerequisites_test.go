package hashivault_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/vaultserver"
	"github.com/myswiftagent/myvault/providers/hashivault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/fakevault"
)

// cannotOpen requires Open to return an error that describes the problem and contains no
// secret.
func cannotOpen(t *testing.T, config hashivault.Config, want error, says string) {
	t.Helper()
	is := is.New(t)
	s, err := hashivault.Open(t.Context(), config)
	is.True(s == nil)
	is.True(errors.Is(err, want))
	is.True(strings.Contains(err.Error(), says)) // says what to do
	for _, secret := range []string{config.Token.Reveal(), "s.wrong-secret"} {
		is.True(secret == "" || secret == vaultserver.RootToken || !strings.Contains(err.Error(), secret))
	}
}

// TestBadDaysAtTheStart: each problem is reported at once and in the same way.
func TestBadDaysAtTheStart(t *testing.T) {
	onBoth(t, func(t *testing.T, server *vaultserver.Server) {
		config := fresh(server.Address, server.Token)
		wrong := config
		wrong.Token = myvault.Text("hvs.not-the-token")
		cannotOpen(t, wrong, hashivault.ErrToken, "vault refuses the token")
		wrong = config
		wrong.Token = myvault.Value{}
		wrong.AppRole = &hashivault.AppRole{RoleID: "unknown", SecretID: myvault.Text("s.wrong-secret")}
		cannotOpen(t, wrong, hashivault.ErrLogin, "vault refuses the log-in") // no AppRole method
		wrong.AppRole = role(t, server, "60s", "600s", allRights("secret", config.Base))
		wrong.AppRole.SecretID = myvault.Text("s.wrong-secret")
		cannotOpen(t, wrong, hashivault.ErrLogin, "vault refuses the log-in")
		wrong = config
		wrong.Mount = "nowhere"
		cannotOpen(t, wrong, hashivault.ErrMount, `none at "nowhere"`)
		server.Must(t, "POST", "sys/mounts/old", `{"type":"kv","options":{"version":"1"}}`)
		wrong.Mount = "old"
		cannotOpen(t, wrong, hashivault.ErrMount, "vault secrets enable -path=old -version=2 kv")
		wrong = config
		wrong.KeepVersions = 10_001
		cannotOpen(t, wrong, hashivault.ErrMount, "vault write secret/config max_versions=10001")
		server.Must(t, "POST", "secret/config", `{"max_versions":0}`)
		cannotOpen(t, config, hashivault.ErrMount, "keeps 10 versions and 1000 are wanted")
		server.Must(t, "POST", "secret/config", `{"max_versions":1000,"cas_required":true}`)
		cannotOpen(t, config, hashivault.ErrMount, "cas_required=false")
		server.Must(t, "POST", "secret/config", `{"cas_required":false,"delete_version_after":"1h"}`)
		cannotOpen(t, config, hashivault.ErrMount, "delete_version_after=0s")
		server.Must(t, "POST", "secret/config", `{"delete_version_after":"0s"}`)
		opened(t, config)
	})
}

// TestRightsAtTheStart: with the documented policy everything works; without one of its
// rights the start says which is missing.
func TestRightsAtTheStart(t *testing.T) {
	onBoth(t, func(t *testing.T, server *vaultserver.Server) {
		is := is.New(t)
		config := fresh(server.Address, server.Token)
		full := allRights("secret", config.Base)
		for _, missing := range []string{"create", "update", "patch", "list"} {
			config.Token = myvault.Text(token(t, server, "60s", strings.ReplaceAll(full, `"`+missing+`"`, `"sudo"`)))
			cannotOpen(t, config, hashivault.ErrRights, missing+" of secret/")
		}
		config.Token = myvault.Text(token(t, server, "60s", strings.ReplaceAll(full, "secret/metadata/", "secret/elsewhere/")))
		cannotOpen(t, config, hashivault.ErrRights, fmt.Sprintf("list of secret/metadata/%s/secrets/*", config.Base))
		config.Token = myvault.Text(token(t, server, "60s", strings.ReplaceAll(full, "secret/config", "secret/elsewhere")))
		cannotOpen(t, config, hashivault.ErrRights, "read of secret/config")

		config.Token = myvault.Text(token(t, server, "60s", full))
		s := opened(t, config)
		do(t, s, put("newsbot/a", "1"), put("newsbot/a", "2", myvault.IfVersion(1)),
			change(myvault.OpDelete, "newsbot/a"), change(myvault.OpUndelete, "newsbot/a"), change(myvault.OpDestroy, "newsbot/a"),
			ofProject(myvault.OpDefaultProject, "newsbot"), ofProject(myvault.OpDeleteProject, "newsbot"))
		is.Equal(states(t, s, "newsbot/a"), []string{"2 destroyed", "1 destroyed"})
		// Rights that are revoked later are reported as well, and not as a denial of the caller.
		grant(t, server, "of-a-token", `{"path":{}}`)
		_, err := s.Get(t.Context(), at("newsbot/a"), 0)
		is.True(errors.Is(err, hashivault.ErrRights) && errors.Is(err, myvault.ErrUnavailable))
		is.True(!errors.Is(err, myvault.ErrDenied))
	})
}

// TestSealed: a Vault that is sealed says so at the start and later.
func TestSealed(t *testing.T) {
	onBoth(t, func(t *testing.T, server *vaultserver.Server) {
		is := is.New(t)
		config := fresh(server.Address, server.Token)
		s := opened(t, config)
		do(t, s, put("newsbot/a", "1"))
		server.Must(t, "POST", "sys/seal", "")
		is.True(errors.Is(s.Ping(t.Context()), hashivault.ErrSealed))
		_, err := apply(t.Context(), s, put("newsbot/a", "2"))
		is.True(errors.Is(err, hashivault.ErrSealed) && errors.Is(err, myvault.ErrUnavailable))
		is.True(!errors.Is(err, myvault.ErrUnknownOutcome)) // it was not made, and that is known
		cannotOpen(t, config, hashivault.ErrSealed, "vault is sealed")
	})
}

// TestDownAtTheStart: Open returns soon.
func TestDownAtTheStart(t *testing.T) {
	is := is.New(t)
	config := fresh("http://"+vaultserver.FreeAddress(t), "any")
	cannotOpen(t, config, myvault.ErrUnavailable, "connection refused")
	config.Addresses = nil
	cannotOpen(t, config, myvault.ErrInvalid, "no address")
	for _, address := range []string{"vault:8200", "https://user:secret@vault", "https://vault/ui", "ftp://vault", "unix:///run/vault"} {
		config.Addresses = []string{address}
		_, err := hashivault.Open(t.Context(), config)
		is.True(errors.Is(err, myvault.ErrInvalid))
		is.True(!strings.Contains(err.Error(), "secret@"))
	}
	for _, spoil := range []func(*hashivault.Config){
		func(c *hashivault.Config) { c.Mount = "../sys" },
		func(c *hashivault.Config) { c.Base = "a/../../b" },
		func(c *hashivault.Config) { c.Base = "a//b" },
		func(c *hashivault.Config) { c.Base = "a?list=true" },
		func(c *hashivault.Config) { c.Base = "a%2f..%2fb" },
		func(c *hashivault.Config) { c.Mount = "secret#" },
		func(c *hashivault.Config) {
			c.Token, c.AppRole = myvault.Value{}, &hashivault.AppRole{RoleID: "app", Mount: "../token/create-orphan?x="}
		},
		func(c *hashivault.Config) {
			c.Token, c.AppRole = myvault.Value{}, &hashivault.AppRole{RoleID: "app", Mount: "../token"}
		},
		func(c *hashivault.Config) { c.Token = myvault.Value{} },
		func(c *hashivault.Config) { c.Token = myvault.Text("hvs.token\n") },
		func(c *hashivault.Config) { c.AppRole = &hashivault.AppRole{RoleID: "both"} },
		func(c *hashivault.Config) { c.Token, c.AppRole = myvault.Value{}, &hashivault.AppRole{} },
		func(c *hashivault.Config) { c.Timeout = -time.Second },
		func(c *hashivault.Config) { c.TLS.CACert = "/nowhere/ca.pem" },
	} {
		wrong := fresh("http://127.0.0.1:1", "any")
		spoil(&wrong)
		_, err := hashivault.Open(t.Context(), wrong)
		is.True(errors.Is(err, myvault.ErrInvalid))
	}
}

// TestAMountThatWentAway: this does not read as if the secrets did not exist.
func TestAMountThatWentAway(t *testing.T) {
	onBoth(t, func(t *testing.T, server *vaultserver.Server) {
		is := is.New(t)
		server.Must(t, "POST", "sys/mounts/ours", `{"type":"kv","options":{"version":"2"}}`)
		config := fresh(server.Address, server.Token)
		config.Mount, config.KeepVersions = "ours", 10
		// A new engine answers for a moment that it is not ready.
		var s *hashivault.Store
		for range 1200 {
			var err error
			if s, err = hashivault.Open(t.Context(), config); err == nil {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		is.True(s != nil)
		defer s.Close()
		do(t, s, put("newsbot/a", "1"))
		server.Must(t, "DELETE", "sys/mounts/ours", "")
		_, err := s.Get(t.Context(), at("newsbot/a"), 0)
		is.True(errors.Is(err, hashivault.ErrMount) && !errors.Is(err, myvault.ErrNotFound))
	})
}

// TestVaultTakesLess: Vault may be configured with a lower limit than the vault's.
func TestVaultTakesLess(t *testing.T) {
	is := is.New(t)
	fake := fakevault.New(t)
	s := opened(t, fresh(fake.Address, fake.Token))
	for _, f := range []fakevault.Fault{
		{Status: 413, Text: "http: request body too large"},
		{Status: 500, Text: "failed to parse JSON input: JSON string value exceeds allowed length"},
		{Status: 500, Text: "1 error occurred: put failed due to value being too large; got 2000000 bytes, max: 1048576 bytes"},
	} {
		fake.Break(nil)
		do(t, s, put("newsbot/near", "1"))
		fake.Break(once("POST data", f))
		_, err := apply(t.Context(), s, put("newsbot/a", "1"))
		is.True(errors.Is(err, myvault.ErrTooLarge))
	}
}

// TestOversize: a value over the vault's limit is not sent.
func TestOversize(t *testing.T) {
	onBoth(t, func(t *testing.T, server *vaultserver.Server) {
		is := is.New(t)
		s := opened(t, fresh(server.Address, server.Token))
		_, err := apply(t.Context(), s, put("newsbot/a", strings.Repeat("x", myvault.MaxValue+1)))
		is.True(errors.Is(err, myvault.ErrTooLarge))
		for _, err := range s.List(t.Context(), myvault.ListOptions{}) {
			is.NoErr(err)
			t.Error("something was stored")
		}
	})
}
