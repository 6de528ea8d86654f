package vaultapi_test

import (
	"fmt"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
)

// fill returns a body of about size bytes: head, repeated items and tail.
func fill(size int, head, item, tail string) string {
	return head + strings.Repeat(item+",", size/(len(item)+1)-1) + item + tail
}

// members returns a body of about size bytes with as many members.
func members(size int, head, tail string) string {
	var b strings.Builder
	for n := 0; b.Len() < size; n++ {
		fmt.Fprintf(&b, `"%x":1,`, n)
	}
	return head + strings.TrimSuffix(b.String(), ",") + tail
}

// TestBodiesAreDecodedWithinALimit: a body full of items takes at most 4 MiB. One of 64 KiB is
// decoded without a limit on requests.
func TestBodiesAreDecodedWithinALimit(t *testing.T) {
	for _, c := range []struct {
		about, method, path, body string
		status                    int
		reason                    string
		most                      uint64 // bytes
	}{
		{"versions", "POST", "newsbot/destroy/prod/db", fill(1_000_000, `{"versions":[`, `1`, `]}`), 400, "more than 1000 items", 4 << 20},
		{"versions of a small body", "POST", "newsbot/delete/prod/db", fill(60_000, `{"versions":[`, `1`, `]}`), 400, "more than 1000 items", 2 << 20},
		{"paths", "POST", "sys/capabilities-self", fill(1_000_000, `{"paths":[`, `""`, `]}`), 400, "more than 100 items", 4 << 20},
		{"other members", "POST", "newsbot/undelete/prod/db", fill(60_000, `{"other":[`, `{}`, `]}`), 400, "No version number", 2 << 20},
		{"custom metadata", "POST", "newsbot/metadata/prod/db", members(60_000, `{"custom_metadata":{`, `}}`), 400, "at most 64 members", 4 << 20},
	} {
		t.Run(c.about, func(t *testing.T) {
			is := is.New(t)
			h, _, _ := newBare(t)
			send := func(body string) *httptest.ResponseRecorder {
				r := httptest.NewRequest(c.method, "/v1/"+c.path, strings.NewReader(body))
				r.Header.Set("X-Vault-Token", token("admin"))
				return ask(h, r)
			}
			send("{}") // allocate now what is allocated once
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			w := send(c.body)
			runtime.ReadMemStats(&after)
			t.Logf("%d bytes allocated", after.TotalAlloc-before.TotalAlloc)
			is.True(after.TotalAlloc-before.TotalAlloc < c.most)
			is.Equal(w.Code, c.status)
			is.True(strings.Contains(w.Body.String(), c.reason))
		})
	}
}

// TestListsAreLimited to 10,000 names, however many secrets the folders in it have.
func TestListsAreLimited(t *testing.T) {
	is := is.New(t)
	f := serveOn(t, memory.New(memory.Config{}))
	put := func(folder string, from, to int) {
		var changes []myvault.Change
		for n := from; n < to; n++ {
			addr := myvault.Address{Project: "newsbot", Path: fmt.Sprintf("%s/n%d", folder, n)}
			changes = append(changes, myvault.Change{Op: myvault.OpPut, Address: addr, Value: myvault.Text("a")})
		}
		for batch := range slices.Chunk(changes, 1000) {
			_, err := f.vault.As("admin").Apply(t.Context(), batch...)
			is.NoErr(err)
		}
	}
	put("prod", 0, 10_000)
	r := f.as("lister", "LIST", "newsbot/metadata/prod", "")
	is.Equal(len(r.member("data", "keys").([]any)), 10_000)
	put("prod", 10_000, 10_001)
	r = f.as("lister", "LIST", "newsbot/metadata/prod", "")
	is.Equal(r.status, 400)
	is.True(strings.Contains(r.body, "more than 10000 names") && strings.Contains(r.body, "GET /api/secrets"))
	is.Equal(f.as("admin", "LIST", "newsbot/metadata/", "").member("data", "keys"), []any{"prod/"})
}
