package hashivault_test

import (
	"errors"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/fakevault"
)

// TestWhatAnswersSay: only members of the layout are read, and others are ignored. A member of
// the wrong type is an error.
func TestWhatAnswersSay(t *testing.T) {
	fake := fakevault.New(t)
	var says atomic.Value
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if text, _ := says.Load().(string); text != "" {
			_, _ = w.Write([]byte(text))
			return
		}
		fake.ServeHTTP(w, r)
	}))
	defer front.Close()
	s := opened(t, fresh(front.URL, fake.Token))
	meta := `"metadata":{"created_time":"2026-11-23T15:04:05.5Z","custom_metadata":{"myvault_key":"` + s.Incarnation() + `/secrets/newsbot/a"},"deletion_time":"","destroyed":false,"version":7}`
	answer := func(data string) string { return `{"data":{"data":` + data + `,` + meta + `}}` }
	for _, c := range []struct{ about, answer, value, by string }{
		{"the layout", answer(`{"value":"v","by":{"me":""}}`), "v", "me"},
		{"white space, another order, and more than we know", ` { "auth" : null, "data":{"x":[{"data":{}}],"metadata":{"y":{},"version":7,"custom_metadata":{"myvault_key":"` + s.Incarnation() + `/secrets/newsbot/a"}},"data":{"z":1,"by":{"me":""},"value":"v"}},"w":[]} `, "v", "me"},
		{"escapes", answer(`{"value":"\u003c\n\ud83d\ude00","by":{"a\"b":null}}`), "<\n😀", `a"b`},
		{"bytes", answer(`{"base64":"/wA="}`), "\xff\x00", ""},
		{"nulls", answer(`{"value":"v","base64":null,"by":null,"at":null,"expires":{}}`), "v", ""},
		{"no value", answer(`{"value":null,"by":{"me":""}}`), "", ""},
		{"an empty value", answer(`{"value":""}`), "", ""},
		{"a number as a value", answer(`{"value":5}`), "", ""},
		{"a text as a name", answer(`{"value":"v","by":"me"}`), "", ""},
		{"a number below a name", answer(`{"value":"v","by":{"me":5}}`), "", ""},
		{"no base64", answer(`{"base64":"?"}`), "", ""},
		{"data that is a text", answer(`"v"`), "", ""},
		{"a value twice", answer(`{"value":"v","value":"w"}`), "", ""},
		{"no UTF-8", answer("{\"value\":\"\xff\"}"), "", ""},
		{"a version that is none", strings.Replace(answer(`{"value":"v"}`), `:7}`, `:-7}`, 1), "", ""},
		{"destroyed in words", strings.Replace(answer(`{"value":"v"}`), `false`, `"no"`, 1), "", ""},
		{"a part", answer(`{"value":"v"}`)[:40], "", ""},
		{"two answers", answer(`{"value":"v"}`) + answer(`{"value":"w"}`), "", ""},
		{"nothing", " ", "", ""},
	} {
		t.Run(c.about, func(t *testing.T) {
			is := is.New(t)
			says.Store(c.answer)
			secret, err := s.Get(t.Context(), at("newsbot/a"), 0)
			if c.value == "" {
				is.True(errors.Is(err, myvault.ErrTampered)) // not guessed
				return
			}
			is.NoErr(err)
			is.Equal(secret.Value.Reveal(), c.value)
			is.Equal(secret.By, c.by)
			is.Equal(secret.Version, myvault.Version(7))
		})
	}
}

// TestWhatIsNotVaultFindsNothing: a proxy answers 404 for a moment, because its route is gone.
// This does not read as if the secrets did not exist.
func TestWhatIsNotVaultFindsNothing(t *testing.T) {
	fake := fakevault.New(t)
	var body atomic.Pointer[string]
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if text := body.Load(); text != nil {
			http.Error(w, *text, http.StatusNotFound)
			return
		}
		fake.ServeHTTP(w, r)
	}))
	defer proxy.Close()
	config := fresh(proxy.URL, fake.Token)
	s := opened(t, config)
	do(t, s, put("newsbot/a", "1"))
	for _, text := range []string{"", "default backend - 404", "<html></html>", "{}", `{"message":"no Route matched"}`, `{"error":"not found"}`, "[]", "null"} {
		t.Run(text, func(t *testing.T) {
			body.Store(&text)
			defer body.Store(nil)
			_, get := s.Get(t.Context(), at("newsbot/a"), 0)
			_, earlier := s.Get(t.Context(), at("newsbot/a"), 1)
			_, put := apply(t.Context(), s, put("newsbot/a", "2", myvault.IfAbsent()))
			_, remove := apply(t.Context(), s, change(myvault.OpDelete, "newsbot/a"))
			for what, err := range map[string]error{
				"get": get, "get an earlier version": earlier, "put if absent": put, "delete": remove, "ping": s.Ping(t.Context()),
				"list":     last(s.List(t.Context(), myvault.ListOptions{})),
				"versions": last(s.Versions(t.Context(), at("newsbot/a"), 0)),
				"history":  last(s.History(t.Context(), at("newsbot/a"))),
				"projects": last(s.Projects(t.Context(), "")),
			} {
				if !errors.Is(err, myvault.ErrUnavailable) || errors.Is(err, myvault.ErrNotFound) {
					t.Errorf("%s: %v", what, err)
				}
			}
		})
	}
}

// last returns the error that ends an iterator.
func last[T any](seq iter.Seq2[T, error]) (err error) {
	for _, err = range seq {
	}
	return err
}
