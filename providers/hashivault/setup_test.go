package hashivault_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/vaultserver"
	"github.com/myswiftagent/myvault/providers/hashivault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/fakevault"
)

// allRights is the policy of the package documentation, as JSON.
func allRights(mount, base string) string {
	return fmt.Sprintf(`{"path":{
		"%[1]s/data/%[2]s/*":{"capabilities":["create","read","update","patch"]},
		"%[1]s/subkeys/%[2]s/*":{"capabilities":["read"]},
		"%[1]s/metadata/%[2]s/*":{"capabilities":["read","list","patch"]},
		"%[1]s/delete/%[2]s/*":{"capabilities":["update"]},
		"%[1]s/undelete/%[2]s/*":{"capabilities":["update"]},
		"%[1]s/destroy/%[2]s/*":{"capabilities":["update"]},
		"%[1]s/config":{"capabilities":["read"]}}}`, mount, base)
}

// member returns a string deep in a JSON object.
func member(t *testing.T, text string, path ...string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	for _, name := range path {
		v = v.(map[string]any)[name]
	}
	return v.(string)
}

// grant writes a policy.
func grant(t *testing.T, server *vaultserver.Server, name, rights string) {
	t.Helper()
	body, err := json.Marshal(map[string]string{"policy": rights})
	if err != nil {
		t.Fatal(err)
	}
	server.Must(t, "POST", "sys/policies/acl/"+name, string(body))
}

// token returns a token with those rights.
func token(t *testing.T, server *vaultserver.Server, ttl, rights string) string {
	t.Helper()
	grant(t, server, "of-a-token", rights)
	text := server.Must(t, "POST", "auth/token/create", fmt.Sprintf(`{"policies":["of-a-token"],"ttl":%q}`, ttl))
	return member(t, text, "auth", "client_token")
}

// role returns an AppRole whose tokens have those rights.
func role(t *testing.T, server *vaultserver.Server, ttl, most, rights string) *hashivault.AppRole {
	t.Helper()
	grant(t, server, "of-a-role", rights)
	server.Do(t, "POST", "sys/auth/approle", `{"type":"approle"}`)
	server.Must(t, "POST", "auth/approle/role/app", fmt.Sprintf(`{"token_policies":"of-a-role","token_ttl":%q,"token_max_ttl":%q}`, ttl, most))
	id := server.Must(t, "GET", "auth/approle/role/app/role-id", "")
	secret := server.Must(t, "POST", "auth/approle/role/app/secret-id", "{}")
	return &hashivault.AppRole{
		RoleID: member(t, id, "data", "role_id"), SecretID: myvault.Text(member(t, secret, "data", "secret_id")),
	}
}

// opened opens a store until the end of the test.
func opened(t testing.TB, config hashivault.Config) *hashivault.Store {
	t.Helper()
	s, err := hashivault.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// began is the time of every commit of these tests.
var began = time.Date(2026, 11, 23, 15, 4, 5, 123456000, time.UTC)

// at parses an address.
func at(text string) myvault.Address {
	a, err := myvault.ParseAddress(text)
	if err != nil {
		panic(err)
	}
	return a
}

func put(addr, value string, conditions ...myvault.Condition) myvault.Change {
	c := myvault.Change{Op: myvault.OpPut, Address: at(addr), Value: myvault.Text(value)}
	if len(conditions) > 0 {
		c.If = conditions[0]
	}
	return c
}

func change(op myvault.Op, addr string) myvault.Change {
	return myvault.Change{Op: op, Address: at(addr)}
}

func ofProject(op myvault.Op, name string) myvault.Change {
	return myvault.Change{Op: op, Project: myvault.Project{Name: name}}
}

// apply makes one change.
func apply(ctx context.Context, s *hashivault.Store, c myvault.Change) (myvault.Info, error) {
	infos, err := s.Apply(ctx, myvault.Commit{Changes: []myvault.Change{c}, By: "commonUI", At: began})
	if err != nil {
		return myvault.Info{}, err
	}
	return infos[0], nil
}

// do makes changes that must succeed, and returns the result of the last.
func do(t *testing.T, s *hashivault.Store, changes ...myvault.Change) (last myvault.Info) {
	t.Helper()
	for _, c := range changes {
		var err error
		if last, err = apply(t.Context(), s, c); err != nil {
			t.Fatalf("%v: %v", c.Op, err)
		}
	}
	return last
}

// states returns the versions of a secret, as "2 live".
func states(t *testing.T, s *hashivault.Store, addr string) (all []string) {
	t.Helper()
	is := is.New(t)
	for info, err := range s.Versions(t.Context(), at(addr), 0) {
		is.NoErr(err)
		all = append(all, fmt.Sprintf("%d %v", info.Version, info.State))
	}
	return all
}

func withBase(c hashivault.Config, base string) hashivault.Config {
	c.Base = base
	return c
}

// serverOf returns the fake as a server that is asked over HTTP.
func serverOf(fake *fakevault.Vault) *vaultserver.Server {
	return &vaultserver.Server{Address: fake.Address, Token: fake.Token}
}

// sprint formats v with every verb that shows fields.
func sprint(v any) string { return fmt.Sprintf("%v %+v %#v", v, v, v) }

// inBubble runs a test with the clock of a bubble, over a fake in memory. Its assertions about
// timeouts and expiry hold on a busy machine too. The Config connects to the fake.
func inBubble(t *testing.T, test func(t *testing.T, fake *fakevault.Vault, config hashivault.Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		fake := fakevault.Piped(t)
		test(t, fake, hashivault.Over(fresh(fake.Address, fake.Token), fake.Dial))
	})
}

// routes connects to one of several servers in memory, by host and port.
type routes map[string]func(ctx context.Context, network, address string) (net.Conn, error)

func (r routes) dial(ctx context.Context, network, address string) (net.Conn, error) {
	return r[address](ctx, network, address)
}
