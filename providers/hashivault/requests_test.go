package hashivault_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/hashivault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/fakevault"
)

// TestRequests asserts the requests of each call. "near" makes a change in the same project
// before, so that the registration is known.
func TestRequests(t *testing.T) {
	inBubble(t, func(t *testing.T, fake *fakevault.Vault, config hashivault.Config) {
		s := opened(t, config)
		near := func() { do(t, s, put("newsbot/near", "1")) }
		made := func(err error) {
			t.Helper()
			is.New(t).NoErr(err)
		}
		do(t, s, put("newsbot/a", "1"), put("newsbot/a", "2"))
		for _, c := range []struct {
			what string
			call func()
			want string
		}{
			{"get", func() { _, err := s.Get(t.Context(), at("newsbot/a"), 0); made(err) }, "GET data"},
			{"get a version", func() { _, err := s.Get(t.Context(), at("newsbot/a"), 1); made(err) }, "GET data, GET subkeys"},
			{"put", func() { do(t, s, put("newsbot/a", "3")) }, "POST data"},
			{"put if", func() { do(t, s, put("newsbot/a", "4", myvault.IfVersion(3))) }, "PATCH data"},
			{"put if present", func() { do(t, s, put("newsbot/a", "5", myvault.IfPresent())) }, "GET subkeys, POST data"},
			{"put if, of what was not seen", func() {
				another := opened(t, config)
				do(t, another, put("newsbot/near", "1"))
				fake.Requests()
				do(t, another, put("newsbot/a", "6", myvault.IfVersion(5)))
			}, "GET subkeys, POST data"},
			{"put if absent", func() { do(t, s, put("newsbot/b", "1", myvault.IfAbsent())) }, "GET subkeys, POST data, PATCH metadata, GET subkeys"},
			{"delete", func() { do(t, s, change(myvault.OpDelete, "newsbot/a")) }, "GET subkeys, PATCH metadata, POST delete, GET metadata"},
			{"undelete", func() { do(t, s, change(myvault.OpUndelete, "newsbot/a")) }, "GET subkeys, POST undelete, GET metadata"},
			{"delete again", func() { do(t, s, change(myvault.OpDelete, "newsbot/a")) }, "GET subkeys, POST delete, GET metadata"},
			{"versions", func() { states(t, s, "newsbot/b") }, "GET metadata, GET subkeys"},
			{"destroy", func() { do(t, s, change(myvault.OpDestroy, "newsbot/b")) }, "GET metadata, GET subkeys, PATCH metadata, POST destroy, GET metadata"},
			{"ping", func() { made(s.Ping(t.Context())) }, "GET data"},
			{"first put of a project", func() { do(t, s, put("common/a", "1")) }, "GET data, GET list, POST data, PATCH metadata, GET subkeys, POST data, PATCH metadata, GET subkeys"},
		} {
			near()
			fake.Requests()
			c.call()
			got := fake.Requests()
			if strings.Join(got, ", ") != c.want {
				t.Errorf("%s makes %q, want %q", c.what, strings.Join(got, ", "), c.want)
			}
		}
	})
}

// TestListRequests: a listing reads no folder and no secret that is wholly outside its range,
// and no value.
func TestListRequests(t *testing.T) {
	inBubble(t, func(t *testing.T, fake *fakevault.Vault, config hashivault.Config) {
		s := opened(t, config)
		for _, folder := range []string{"a", "b", "c"} {
			for i := range 4 {
				do(t, s, put(fmt.Sprintf("newsbot/%s/%d", folder, i), "1"), put(fmt.Sprintf("common/%s/%d", folder, i), "1"))
			}
		}
		for _, c := range []struct {
			about             string
			r                 myvault.ListOptions
			found, lists, all int
		}{
			{"everything", myvault.ListOptions{}, 24, 9, 33},
			{"a project", myvault.ListOptions{Prefix: myvault.Prefix{Project: "newsbot"}}, 12, 4, 16},
			{"a folder", myvault.ListOptions{Prefix: myvault.Prefix{Project: "newsbot", Path: "b/"}}, 4, 1, 5},
			{"a folder and the secret of its name", myvault.ListOptions{Prefix: myvault.Prefix{Project: "newsbot", Path: "b"}}, 4, 1, 6},
			{"what comes late", myvault.ListOptions{After: at("newsbot/b/2")}, 5, 4, 9},
			{"what comes late in a project", myvault.ListOptions{Prefix: myvault.Prefix{Project: "newsbot"}, After: at("newsbot/b/2")}, 5, 3, 8},
			{"after a project", myvault.ListOptions{After: at("common/zzz")}, 12, 6, 18},
			{"after all", myvault.ListOptions{After: at("zzz/a")}, 0, 1, 1},
		} {
			fake.Requests()
			n := 0
			for _, err := range s.List(t.Context(), c.r) {
				is.New(t).NoErr(err)
				n++
			}
			requests := fake.Requests()
			lists := 0
			for _, r := range requests {
				switch r {
				case "GET list":
					lists++
				case "GET subkeys":
				default:
					t.Errorf("%s makes %s", c.about, r)
				}
			}
			if n != c.found || lists != c.lists || len(requests) != c.all {
				t.Errorf("%s: %d found, %d folders listed, %d requests; want %d, %d, %d", c.about, n, lists, len(requests), c.found, c.lists, c.all)
			}
		}
	})
}

// TestListStopsAsking: a loop that ends early has read only a little ahead.
func TestListStopsAsking(t *testing.T) {
	inBubble(t, func(t *testing.T, fake *fakevault.Vault, config hashivault.Config) {
		is := is.New(t)
		s := opened(t, config)
		for i := range 200 {
			do(t, s, put(fmt.Sprintf("newsbot/%03d", i), "1"))
		}
		fake.Requests()
		for range s.List(t.Context(), myvault.ListOptions{}) {
			break
		}
		is.True(len(fake.Requests()) <= 20)
		is.Equal(len(fake.Requests()), 0) // no request follows
		for range 100 {
			do(t, s, put("newsbot/000", "again"))
		}
		fake.Requests()
		for range s.Versions(t.Context(), at("newsbot/000"), 0) {
			break
		}
		is.True(len(fake.Requests()) <= 20)
	})
}

// TestWhatStandsInVault asserts the layout that the package documentation describes.
func TestWhatStandsInVault(t *testing.T) {
	is := is.New(t)
	fake := fakevault.New(t)
	s := opened(t, withBase(fresh(fake.Address, fake.Token), "team/vault"))
	server := serverOf(fake)
	c := put("newsbot/prod/db", "hunter2")
	c.Expires = began.AddDate(0, 3, 0)
	do(t, s, c)
	do(t, s, myvault.Change{Op: myvault.OpPut, Address: at("newsbot/prod/key"), Value: myvault.Bytes([]byte{0xff, 0})})
	text := server.Must(t, "GET", "secret/data/team/vault/secrets/newsbot/prod/db", "")
	for _, part := range []string{
		`"value":"hunter2"`, `"by":{"commonUI":""}`, `"at":{"2026-11-23T15:04:05.123456Z":""}`,
		`"expires":{"2027-02-23T15:04:05.123456Z":""}`, `"change":{"`,
	} {
		is.True(strings.Contains(text, part)) // part of the version's data
	}
	is.True(strings.Contains(server.Must(t, "GET", "secret/data/team/vault/secrets/newsbot/prod/key", ""), `"base64":"/wA="`))
	is.True(strings.Contains(server.Must(t, "GET", "secret/data/team/vault/projects/newsbot", ""), `"state":"registered"`))
	is.True(strings.Contains(server.Must(t, "GET", "secret/data/team/vault/store", ""), `"layout":"2"`))
	// Other layouts and records of other programs are refused.
	server.Must(t, "POST", "secret/data/team/vault/secrets/newsbot/theirs", `{"data":{"password":"x"}}`)
	_, err := s.Get(t.Context(), at("newsbot/theirs"), 0)
	is.True(errors.Is(err, myvault.ErrTampered))
	server.Must(t, "POST", "secret/data/team/vault/store", `{"data":{"layout":"3","incarnation":"x"}}`)
	is.True(errors.Is(s.Ping(t.Context()), hashivault.ErrNewer))
}

// TestLargeValuesFit: Vault stores JSON, in which some bytes take six, and has room for 1 MiB.
// A value that would not fit as text is stored as base64.
func TestLargeValuesFit(t *testing.T) {
	is := is.New(t)
	fake := fakevault.New(t)
	s := opened(t, withBase(fresh(fake.Address, fake.Token), "large"))
	server := serverOf(fake)
	for _, c := range []struct{ piece, kept string }{
		{"plain text ", "value"}, {"日本語の文章", "value"}, {"a line of 20 letters\n", "value"},
		{"<", "base64"}, {"\x01", "base64"}, {"\u2028", "base64"}, {"&lt;", "base64"},
	} {
		value := strings.Repeat(c.piece, myvault.MaxValue/len(c.piece))
		do(t, s, put("newsbot/a", value))
		text := server.Must(t, "GET", "secret/data/large/secrets/newsbot/a", "")
		is.True(strings.Contains(text, `"`+c.kept+`":"`))                    // stored in that form
		stored, err := json.Marshal(member(t, text, "data", "data", c.kept)) // as Vault does
		is.NoErr(err)
		is.True(len(stored) < 1<<20-64<<10) // with room for the rest
		secret, err := s.Get(t.Context(), at("newsbot/a"), 0)
		is.NoErr(err)
		is.Equal(secret.Value.Reveal() == value, true)
	}
	do(t, s, put("newsbot/a", "<short & legible>"))
	is.True(strings.Contains(server.Must(t, "GET", "secret/data/large/secrets/newsbot/a", ""), `"value":"<short`))
}
