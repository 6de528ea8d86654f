package hashivault_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/internal/vaultserver"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/fakevault"
)

// onBoth runs a test on the fake and on a real server, side by side.
func onBoth(t *testing.T, test func(t *testing.T, server *vaultserver.Server)) {
	t.Run("fake", func(t *testing.T) {
		t.Parallel()
		fake := fakevault.New(t)
		test(t, &vaultserver.Server{Address: fake.Address, Token: fake.Token})
	})
	t.Run("real", func(t *testing.T) {
		t.Parallel()
		test(t, vaultserver.Dev(t, vaultserver.Binary(t)))
	})
}

// step is a request and the answer that Vault must return.
type step struct {
	about, method, path, body string
	status                    int
	has                       string // parts of the answer, divided by " … "
	hasNot                    string
}

// play makes the requests one after another.
func play(t *testing.T, server *vaultserver.Server, steps []step) {
	t.Helper()
	for _, s := range steps {
		status, body := server.Do(t, s.method, s.path, s.body)
		if status != s.status {
			t.Errorf("%s: %s %s answers %d, want %d: %s", s.about, s.method, s.path, status, s.status, body)
		}
		for part := range strings.SplitSeq(s.has, " … ") {
			if !strings.Contains(body, part) {
				t.Errorf("%s: %s %s answers %s, without %s", s.about, s.method, s.path, body, part)
			}
		}
		if s.hasNot != "" && strings.Contains(body, s.hasNot) {
			t.Errorf("%s: %s %s answers %s, with %s", s.about, s.method, s.path, body, s.hasNot)
		}
	}
}

// TestWhatTheProviderReliesOn: the fake and a real server answer every step in the same way.
func TestWhatTheProviderReliesOn(t *testing.T) {
	onBoth(t, func(t *testing.T, server *vaultserver.Server) {
		play(t, server, readSteps)
		play(t, server, markSteps)
		play(t, server, listSteps)
		play(t, server, customSteps)
		play(t, server, mountSteps)
		play(t, server, keptSteps)
	})
}

var readSteps = []step{
	{"a missing key", "GET", "secret/data/none", "", 404, `{"errors":[]}`, ""},
	{"a missing key", "GET", "secret/subkeys/none", "", 404, `{"errors":[]}`, ""},
	{"a missing key", "GET", "secret/metadata/none", "", 404, `{"errors":[]}`, ""},
	{"a missing folder", "GET", "secret/metadata/none/?list=true", "", 404, `{"errors":[]}`, ""},
	{"a missing mount", "GET", "nowhere/data/none", "", 404, `no handler for route`, ""},
	{"a first write", "POST", "secret/data/r/a", `{"data":{"value":"v","by":{"me":""},"none":{}},"options":{"cas":0}}`, 200, `"version":1`, ""},
	{"a version that was never made", "GET", "secret/data/r/a?version=2", "", 404, `{"errors":[]}`, ""},
	{"the largest version asked for", "GET", "secret/data/r/a?version=2147483648", "", 404, `{"errors":[]}`, ""},
	{"a number that is none", "GET", "secret/data/r/a?version=99999999999999999999", "", 400, "version", ""},
	{"version 0 is the current one", "GET", "secret/data/r/a?version=0", "", 200, `"value":"v"`, ""},
	{"keys without values", "GET", "secret/subkeys/r/a", "", 200, `"by":{"me":null} … "value":null … "none":null … "version":1`, `"v"`},
	{"another current version", "POST", "secret/data/r/a", `{"data":{"value":"w"},"options":{"cas":0}}`, 400, "check-and-set parameter did not match", ""},
	{"another current version", "POST", "secret/data/r/a", `{"data":{"value":"w"},"options":{"cas":2}}`, 400, "check-and-set parameter did not match", ""},
	{"that current version", "POST", "secret/data/r/a", `{"data":{"value":"w"},"options":{"cas":1}}`, 200, `"version":2`, ""},
	{"a string over the limit", "POST", "secret/data/r/a", `{"data":{"value":"` + strings.Repeat("x", 1<<20+1) + `"}}`, 500, "JSON string value exceeds allowed length", ""},
	{"no condition", "POST", "secret/data/r/a", `{"data":{"value":"x"},"options":{}}`, 200, `"version":3`, ""},
	{"an older version", "GET", "secret/data/r/a?version=2", "", 200, `"value":"w" … "version":2`, ""},
	{"names", "POST", "secret/data/r/.vault/...a/-rf/(x)+!'&=@~/a%20b/%E3%83%BB:", `{"data":{"value":"n"}}`, 200, `"version":1`, ""},
	{"names", "GET", "secret/data/r/.vault/...a/-rf/(x)+!'&=@~/a%20b/%E3%83%BB:", "", 200, `"value":"n"`, ""},
	{"names", "GET", "secret/metadata/r/.vault/...a/-rf/(x)+!'&=@~/a%20b/?list=true", "", 200, `"・:"`, ""},
}

var markSteps = []step{
	{"nothing to delete", "POST", "secret/delete/m/a", `{"versions":[1]}`, 204, "", ""},
	{"nothing to undelete", "POST", "secret/undelete/m/a", `{"versions":[1]}`, 204, "", ""},
	{"nothing to destroy", "POST", "secret/destroy/m/a", `{"versions":[1]}`, 204, "", ""},
	{"marks make no key", "GET", "secret/metadata/m/a", "", 404, `{"errors":[]}`, ""},
	{"a write", "POST", "secret/data/m/a", `{"data":{"value":"v"}}`, 200, `"version":1`, ""},
	{"a live version", "GET", "secret/subkeys/m/a", "", 200, `"deletion_time":"" … "destroyed":false`, ""},
	{"a version beyond the last", "POST", "secret/delete/m/a", `{"versions":[2]}`, 204, "", ""},
	{"nothing was deleted", "GET", "secret/data/m/a", "", 200, `"value":"v"`, ""},
	{"a deletion", "POST", "secret/delete/m/a", `{"versions":[1]}`, 204, "", ""},
	{"a deleted version", "GET", "secret/data/m/a", "", 404, `"data":null … "version":1 … "deletion_time":"2`, `errors`},
	{"a deleted version", "GET", "secret/subkeys/m/a", "", 404, `"subkeys":null … "version":1 … "deletion_time":"2`, `errors`},
	{"a condition counts deleted versions", "POST", "secret/data/m/a", `{"data":{},"options":{"cas":0}}`, 400, "check-and-set", ""},
	{"a write after a deletion", "POST", "secret/data/m/a", `{"data":{"value":"w"},"options":{"cas":1}}`, 200, `"version":2`, ""},
	{"the mark stays", "GET", "secret/data/m/a?version=1", "", 404, `"deletion_time":"2`, ""},
	{"an undeletion", "POST", "secret/undelete/m/a", `{"versions":[1]}`, 204, "", ""},
	{"an undeleted version", "GET", "secret/data/m/a?version=1", "", 200, `"value":"v" … "deletion_time":""`, ""},
	{"a destruction", "POST", "secret/destroy/m/a", `{"versions":[2,1]}`, 204, "", ""},
	{"a destroyed version", "GET", "secret/data/m/a", "", 404, `"data":null … "destroyed":true … "version":2`, ""},
	{"a destroyed version", "GET", "secret/subkeys/m/a?version=1", "", 404, `"subkeys":null … "destroyed":true … "version":1`, ""},
	{"no way back", "POST", "secret/undelete/m/a", `{"versions":[1]}`, 204, "", ""},
	{"no way back", "GET", "secret/data/m/a?version=1", "", 404, `"destroyed":true`, ""},
	{"numbers go on", "POST", "secret/data/m/a", `{"data":{"value":"x"},"options":{"cas":2}}`, 200, `"version":3`, ""},
	{"all states", "GET", "secret/metadata/m/a", "", 200, `"current_version":3 … "1":{ … "2":{ … "3":{ … "destroyed":true`, ""},
}

var listSteps = []step{
	{"a key", "POST", "secret/data/l/a", `{"data":{"value":"v"}}`, 200, "", ""},
	{"a key below a key", "POST", "secret/data/l/a/b", `{"data":{"value":"v"}}`, 200, "", ""},
	{"a key beside", "POST", "secret/data/l/a-x", `{"data":{"value":"v"}}`, 200, "", ""},
	{"deleted", "POST", "secret/delete/l/a-x", `{"versions":[1]}`, 204, "", ""},
	{"keys and folders, deleted ones too", "GET", "secret/metadata/l/?list=true", "", 200, `"a" … "a/" … "a-x"`, ""},
	{"without a slash", "GET", "secret/metadata/l?list=true", "", 200, `"a" … "a/" … "a-x"`, ""},
	{"a leaf has nothing inside", "GET", "secret/metadata/l/a-x/?list=true", "", 404, `{"errors":[]}`, ""},
}

var customSteps = []step{
	{"no key to note at", "PATCH", "secret/metadata/c/a", `{"custom_metadata":{"myvault-00":"1"}}`, 404, "", "errors"},
	{"a write", "POST", "secret/data/c/a", `{"data":{"value":"v"}}`, 200, "", ""},
	{"a note", "PATCH", "secret/metadata/c/a", `{"custom_metadata":{"myvault-00":"1,a,%2C;2","other":"x"}}`, 204, "", ""},
	{"a second note", "PATCH", "secret/metadata/c/a", `{"custom_metadata":{"myvault-01":"2","other":null}}`, 204, "", ""},
	{"notes come with keys", "GET", "secret/subkeys/c/a", "", 200, `"myvault-00":"1,a,%2C;2" … "myvault-01":"2"`, "other"},
	{"a note that is too long", "PATCH", "secret/metadata/c/a", `{"custom_metadata":{"myvault-02":"` + strings.Repeat("x", 513) + `"}}`, 400, "custom_metadata", ""},
	{"a note of 512 bytes", "PATCH", "secret/metadata/c/a", `{"custom_metadata":{"myvault-02":"` + strings.Repeat("x", 512) + `"}}`, 204, "", ""},
	{"too many notes", "PATCH", "secret/metadata/c/a", `{"custom_metadata":{` + customEntries(65) + `}}`, 400, "custom_metadata", ""},
	{"as many as the provider makes", "PATCH", "secret/metadata/c/a", `{"custom_metadata":{` + customEntries(60) + `}}`, 204, "", ""},
	{"a deletion", "POST", "secret/delete/c/a", `{"versions":[1]}`, 204, "", ""},
	{"notes come with what is deleted", "GET", "secret/subkeys/c/a", "", 404, `"myvault-01":"n"`, ""},
	{"a destruction", "POST", "secret/destroy/c/a", `{"versions":[1]}`, 204, "", ""},
	{"notes come with what is destroyed", "GET", "secret/data/c/a", "", 404, `"myvault-01":"n"`, ""},
	{"notes come with all states", "GET", "secret/metadata/c/a", "", 200, `"myvault-01":"n"`, ""},
}

// customEntries returns n entries of custom metadata.
func customEntries(n int) string {
	var entries []string
	for i := range n {
		entries = append(entries, fmt.Sprintf(`"myvault-%02d":"n"`, i))
	}
	return strings.Join(entries, ",")
}

var mountSteps = []step{
	{"what is mounted", "GET", "sys/internal/ui/mounts/secret", "", 200, `"type":"kv" … "version":"2"`, ""},
	{"what is not", "GET", "sys/internal/ui/mounts/nowhere", "", 403, "", "invalid token"},
	{"version 1", "POST", "sys/mounts/old", `{"type":"kv","options":{"version":"1"}}`, 204, "", ""},
	{"version 1", "GET", "sys/internal/ui/mounts/old", "", 200, `"type":"kv" … "version":"1"`, ""},
	{"version 1 takes what is not for it", "POST", "old/data/a", `{"data":{"value":"v"}}`, 204, "", ""},
	{"and does not find it", "GET", "old/subkeys/a", "", 404, `{"errors":[]}`, ""},
	{"rights", "POST", "sys/capabilities-self", `{"paths":["secret/data/x"]}`, 200, `"secret/data/x":["root"]`, ""},
	{"the token", "GET", "auth/token/lookup-self", "", 200, `"ttl":0 … "renewable":false`, ""},
}

var keptSteps = []step{
	{"settings", "GET", "secret/config", "", 200, `"cas_required":false … "delete_version_after":"0s" … "max_versions":10000`, ""},
	{"few versions", "POST", "secret/config", `{"max_versions":2}`, 204, "", ""},
	{"one", "POST", "secret/data/k/a", `{"data":{"value":"1"}}`, 200, "", ""},
	{"two", "POST", "secret/data/k/a", `{"data":{"value":"2"}}`, 200, "", ""},
	{"three", "POST", "secret/data/k/a", `{"data":{"value":"3"}}`, 200, `"version":3`, ""},
	{"what is forgotten is not found", "GET", "secret/subkeys/k/a?version=1", "", 404, `{"errors":[]}`, ""},
	{"nor named", "GET", "secret/metadata/k/a", "", 200, `"current_version":3 … "2":{ … "3":{`, `"1":{`},
	{"conditions only", "POST", "secret/config", `{"cas_required":true}`, 204, "", ""},
	{"no condition", "POST", "secret/data/k/a", `{"data":{"value":"4"}}`, 400, "check-and-set parameter required", ""},
	{"as before", "POST", "secret/config", `{"max_versions":10000,"cas_required":false}`, 204, "", ""},
}

// TestTokensAndRights: the fake and a real server answer alike about tokens and rights.
func TestTokensAndRights(t *testing.T) {
	onBoth(t, func(t *testing.T, server *vaultserver.Server) {
		is := is.New(t)
		root := server.Token
		server.Token = "hvs.wrong"
		play(t, server, []step{
			{"a wrong token", "GET", "secret/data/a", "", 403, "permission denied … invalid token", ""},
			{"a wrong token", "GET", "auth/token/lookup-self", "", 403, "invalid token", ""},
			{"a wrong token", "GET", "sys/internal/ui/mounts/secret", "", 403, "", ""},
			{"no AppRole there", "POST", "auth/approle/login", `{"role_id":"x","secret_id":"y"}`, 403, "permission denied", ""},
		})
		server.Token = root
		role(t, server, "2s", "10s", allRights("secret", "myvault"))
		server.Token = token(t, server, "90s", `{"path":{"secret/data/mine/*":{"capabilities":["read"]},"secret/metadata/mine/*":{"capabilities":["list"]}}}`)
		is.True(server.Token != root)
		play(t, server, []step{
			{"allowed", "GET", "secret/data/mine/a", "", 404, `{"errors":[]}`, ""},
			{"allowed", "GET", "secret/metadata/mine/?list=true", "", 404, `{"errors":[]}`, ""},
			{"allowed without the slash too", "GET", "secret/metadata/mine/x?list=true", "", 404, `{"errors":[]}`, ""},
			{"not allowed", "GET", "secret/subkeys/mine/a", "", 403, "permission denied", "invalid token"},
			{"not allowed", "POST", "secret/data/mine/a", `{"data":{}}`, 403, "permission denied", "invalid token"},
			{"what is mounted", "GET", "sys/internal/ui/mounts/secret", "", 200, `"version":"2"`, ""},
			{"rights", "POST", "sys/capabilities-self", `{"paths":["secret/data/mine/a","secret/data/b","secret/metadata/mine/"]}`, 200,
				`"secret/data/mine/a":["read"] … "secret/data/b":["deny"] … "secret/metadata/mine/":["list"]`, ""},
			{"its life", "GET", "auth/token/lookup-self", "", 200, `"renewable":true`, `"ttl":0`},
			{"renewal", "POST", "auth/token/renew-self", "{}", 200, `"lease_duration":90 … "renewable":true`, ""},
			{"a bad id", "POST", "auth/approle/login", `{"role_id":"x","secret_id":"y"}`, 400, "invalid role or secret ID", ""},
			{"revocation", "POST", "auth/token/revoke-self", "", 204, "", ""},
			{"revoked", "GET", "secret/data/mine/a", "", 403, "invalid token", ""},
		})
	})
}
