package hashivault_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/hashivault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/fakevault"
)

// liar answers as a Vault does until says is set.
type liar struct {
	http.Handler
	says     atomic.Pointer[lie]
	requests atomic.Int64
	leave    atomic.Pointer[context.CancelFunc] // called after many requests
}

type lie struct {
	status int
	body   string
}

// manyRequests is more than any call makes for the secrets of these tests.
const manyRequests = 300

func (l *liar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	says := l.says.Load()
	if says == nil {
		l.Handler.ServeHTTP(w, r)
		return
	}
	if l.requests.Add(1) > manyRequests {
		(*l.leave.Load())()
	}
	w.WriteHeader(says.status)
	_, _ = w.Write([]byte(says.body))
}

// lied calls test with a store whose Vault, in memory, returns only one answer from now on.
func lied(t *testing.T, says lie, test func(ctx context.Context, s *hashivault.Store)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := &liar{Handler: fakevault.Piped(t)}
		s := opened(t, hashivault.Over(fresh("http://vault.internal:8200", fakevault.RootToken), fakevault.Serve(t, l)))
		do(t, s, put("newsbot/a", "1"), put("newsbot/a", "2"), put("newsbot/b/c", "1"))
		says.body = strings.ReplaceAll(says.body, "INCARNATION", s.Incarnation())
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		l.leave.Store(&cancel)
		l.says.Store(&says)
		test(ctx, s)
	})
}

// callAll calls every method, and fails if one yields more than was stored.
func callAll(t *testing.T, ctx context.Context, s *hashivault.Store) (errs map[string]error) {
	errs = map[string]error{}
	a := at("newsbot/a")
	_, errs["get"] = s.Get(ctx, a, 0)
	_, errs["get a version"] = s.Get(ctx, a, 1)
	errs["versions"] = some(s.Versions(ctx, a, 0))
	errs["history"] = some(s.History(ctx, a))
	errs["list"] = some(s.List(ctx, myvault.ListOptions{}))
	errs["list below"] = some(s.List(ctx, myvault.ListOptions{Prefix: myvault.Prefix{Project: "newsbot", Path: "b"}}))
	errs["projects"] = some(s.Projects(ctx, ""))
	errs["ping"] = s.Ping(ctx)
	for about, c := range map[string]myvault.Change{
		"put": put("newsbot/a", "3"), "put if": put("newsbot/a", "3", myvault.IfVersion(2)), "put if present": put("newsbot/a", "3", myvault.IfPresent()),
		"delete": change(myvault.OpDelete, "newsbot/a"), "undelete": change(myvault.OpUndelete, "newsbot/a"), "destroy": change(myvault.OpDestroy, "newsbot/a"),
		"put project":     {Op: myvault.OpPutProject, Project: myvault.Project{Name: "p"}},
		"default project": {Op: myvault.OpDefaultProject, Project: myvault.Project{Name: "newsbot"}},
	} {
		_, errs[about] = apply(ctx, s, c)
	}
	for about, err := range errs {
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error shows what was answered", about)
		}
	}
	return errs
}

// some is last for an iterator that may not end. It stops after a few items.
func some[T any](seq func(yield func(T, error) bool)) error {
	n := 0
	for _, err := range seq {
		if n++; err != nil || n > 100 {
			return err
		}
	}
	return nil
}

const named = `"custom_metadata":{"myvault_key":"INCARNATION/secrets/newsbot/a"}`

// TestHostileAnswers: numbers, names and nesting that no Vault sends are refused. Nothing
// panics or grows.
func TestHostileAnswers(t *testing.T) {
	history := func(current, versions string) string {
		return fmt.Sprintf(`{"data":{"current_version":%s,"versions":{%s},%s}}`, current, versions, named)
	}
	one := `"1":{"created_time":"2026-11-23T15:04:05Z","deletion_time":"","destroyed":false}`
	read := func(version string) string {
		return `{"data":{"data":{"value":"hunter2"},"metadata":{"version":` + version + `,` + named + `}}}`
	}
	for _, c := range []struct{ about, body, method string }{
		{"the largest number", history("18446744073709551615", one), "versions"},
		{"a number above that", history("18446744073709551616", one), "versions"},
		{"more versions than can be", history("9223372036854775807", one), "destroy"},
		{"more versions than are listed", history("10000001", one), "history"},
		{"a negative number", history("-1", one), "versions"},
		{"a fraction", history("1.5", one), "versions"},
		{"an exponent", history("1e308", one), "versions"},
		{"a text", history(`"1"`, one), "versions"},
		{"no versions", `{"data":{"current_version":3,` + named + `}}`, "versions"},
		{"a version twice", history("1", one+","+one), "versions"},
		{"a member twice", `{"data":{"current_version":1,"current_version":2,"versions":{` + one + `}}}`, "versions"},
		{"deep nesting", `{"data":` + strings.Repeat(`{"a":`, 20_000) + `1` + strings.Repeat(`}`, 20_000) + `}`, "get"},
		{"deep arrays", strings.Repeat(`[`, 1<<20), "list"},
		{"the largest version", read("18446744073709551615"), "get"},
		{"version 0", read("0"), "get"},
		{"a version beyond the last", read("4294967296"), "put if present"},
		{"no metadata", `{"data":{"data":{"value":"hunter2"}}}`, "get"},
		{"nothing", `{}`, "get"},
		{"no keys", `{"data":{}}`, "list"},
		{"keys that are numbers", `{"data":{"keys":[1,2]}}`, "list"},
	} {
		t.Run(c.about, func(t *testing.T) {
			lied(t, lie{200, c.body}, func(ctx context.Context, s *hashivault.Store) {
				is := is.New(t)
				err := callAll(t, ctx, s)[c.method]
				is.True(errors.Is(err, myvault.ErrTampered) || errors.Is(err, myvault.ErrUnknownOutcome))
			})
		})
	}
}

// TestGapsBetweenVersions: versions that Vault does not name are reported as destroyed, for any
// numbers.
func TestGapsBetweenVersions(t *testing.T) {
	is := is.New(t)
	lied(t, lie{200, `{"data":{"current_version":9000000,"versions":{"1":{},"x":{},"99999999999999999999":{},"-1":{},"2":{"destroyed":true}},` + named + `}}`},
		func(ctx context.Context, s *hashivault.Store) {
			n := 0
			for info, err := range s.Versions(ctx, at("newsbot/a"), 0) {
				is.NoErr(err)
				is.Equal(info.State, myvault.Destroyed)
				if n++; n == 1000 {
					break
				}
			}
			is.Equal(n, 1000)
		})
}

// TestNamesThatNoAddressHas: a listing skips them, so it ends.
func TestNamesThatNoAddressHas(t *testing.T) {
	for _, names := range []string{
		`"/"`, `"","/"`, `"./"`, `"../"`, `"..","."`, `"a//"`, `"\u0000/"`, `"\n"`, `"` + strings.Repeat("x", 1000) + `/"`, `"a\\/"`, `"*/"`,
	} {
		t.Run(names[:min(len(names), 20)], func(t *testing.T) {
			lied(t, lie{200, `{"data":{"keys":[` + names + `]}}`}, func(ctx context.Context, s *hashivault.Store) {
				is := is.New(t)
				for _, r := range []myvault.ListOptions{{}, {Prefix: myvault.Prefix{Project: "newsbot"}}} {
					is.NoErr(last(s.List(ctx, r)))
				}
			})
		})
	}
}

// TestTokensOfOthers: an answer about another token, or about none, is refused.
func TestTokensOfOthers(t *testing.T) {
	for _, body := range []string{
		`{}`, `null`, `{"data":{}}`, `{"data":{"data":{"value":"x"},"metadata":{"version":1}}}`, `{"data":{"keys":["a"]}}`,
		`{"data":{"id":"hvs.other","ttl":0}}`, `{"data":{"ttl":-5}}`, `{"data":{"ttl":99999999999999}}`, `{"data":{"ttl":1e308}}`, `{"data":{"ttl":{}}}`,
		`{"auth":{"client_token":"hvs.other","lease_duration":5}}`,
	} {
		t.Run(body, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				is := is.New(t)
				l := &liar{Handler: fakevault.Piped(t)}
				l.says.Store(&lie{200, body})
				_, err := hashivault.Open(t.Context(), hashivault.Over(fresh("http://vault.internal:8200", fakevault.RootToken), fakevault.Serve(t, l)))
				is.True(errors.Is(err, myvault.ErrUnavailable))
				is.True(!strings.Contains(err.Error(), "hvs."))
			})
		})
	}
}

// FuzzAnswers answers every request with the same bytes: while the store is opened, or
// afterwards.
func FuzzAnswers(f *testing.F) {
	for _, body := range []string{
		`{"data":{"data":{"value":"v","by":{"me":""},"at":{"2026-11-23T15:04:05.123456Z":""},"change":{"x":""}},"metadata":{"version":2,` + named + `,"created_time":"2026-11-23T15:04:05.5Z","deletion_time":"","destroyed":false}}}`,
		`{"data":{"subkeys":{"value":null,"by":{"me":null}},"metadata":{"version":2,` + named + `}}}`,
		`{"data":{"current_version":2,"versions":{"1":{},"2":{"deletion_time":"2026-11-23T15:04:05Z"}},` + named + `}}`,
		`{"data":{"keys":["a","b/","newsbot/"]}}`,
		`{"data":{"version":3,` + named + `}}`,
		`{"data":{"data":{"layout":"2","incarnation":"INCARNATION"},"metadata":{"version":1}}}`,
		`{"data":{"type":"kv","options":{"version":"2"},"max_versions":10000,"delete_version_after":"0s"}}`,
		`{"auth":{"client_token":"root","lease_duration":2,"renewable":true}}`,
		`{"data":{"id":"root","ttl":3600,"renewable":true}}`,
		`{"errors":["check-and-set parameter did not match"]}`, `{"errors":[]}`, `{"sealed":true}`, `null`, ``,
	} {
		f.Add(uint16(200), body)
		f.Add(uint16(404), body)
	}
	f.Add(uint16(503), `{"errors":["Vault is sealed"]}`)
	f.Add(uint16(307), ``)
	f.Fuzz(func(t *testing.T, status uint16, body string) {
		says := lie{int(status), body}
		if says.status < 200 || says.status > 599 {
			return
		}
		lied(t, says, func(ctx context.Context, s *hashivault.Store) { callAll(t, ctx, s) })
		synctest.Test(t, func(t *testing.T) {
			l := &liar{Handler: fakevault.Piped(t)}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			l.leave.Store(&cancel)
			l.says.Store(&says)
			s, err := hashivault.Open(ctx, hashivault.Over(fresh("http://vault.internal:8200", fakevault.RootToken), fakevault.Serve(t, l)))
			if err == nil {
				_ = s.Close()
			}
		})
	})
}
