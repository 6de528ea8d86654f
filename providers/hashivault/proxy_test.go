package hashivault_test

import (
	"errors"
	"iter"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/fakevault"
)

// TestWhatIsNotVaultFindsNothing: what stands between answers 404 for a moment, as proxies do whose route is gone. That does
// not read as secrets that never were.
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

// last gives the error that an iterator ends with.
func last[T any](seq iter.Seq2[T, error]) (err error) {
	for _, err = range seq {
	}
	return err
}
