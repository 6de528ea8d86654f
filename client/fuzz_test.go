package client_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/client"
)

// FuzzAnswer sends any answer to a read and to a listing. Each is a valid result or an error that
// has neither the token nor anything else of the answer that could be one.
func FuzzAnswer(f *testing.F) {
	type answer struct {
		status           int
		kind, link, body string
	}
	var current atomic.Pointer[answer]
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		a := current.Load()
		w.Header()["Content-Type"] = []string{a.kind}
		w.Header()["Link"] = []string{a.link}
		w.WriteHeader(a.status)
		_, _ = w.Write([]byte(a.body))
	}))
	defer s.Close()
	c, err := client.New(client.Config{Address: s.URL, Service: "newsbot", Token: myvault.Text(hostileToken), Attempts: 1})
	if err != nil {
		f.Fatal(err)
	}
	item := `{"project":"newsbot","path":"prod/db","value":"x","version":1,"updated_at":"2026-01-31T12:00:00.000000Z","updated_by":"a"}`
	f.Add(200, "application/json", "", item)
	f.Add(200, "application/json", `</api/secrets?cursor=x>; rel="next"`, "["+item+"]")
	f.Add(404, "application/problem+json", "", `{"code":"not_found","detail":"not found"}`)
	f.Add(400, "application/problem+json", "", `{"code":"invalid","detail":"`+hostileToken+`","index":0}`)
	f.Add(302, "text/html", "", "")
	f.Fuzz(func(t *testing.T, status int, kind, link, body string) {
		if status < 200 || status > 599 || strings.ContainsAny(kind+link, "\r\n\x00") {
			t.Skip()
		}
		current.Store(&answer{status, kind, link, body})
		secret, err := c.Get(t.Context(), db)
		if err == nil && (secret.Address != db || secret.Value.Validate() != nil || secret.Version == 0) {
			t.Errorf("an invalid secret: %v", secret.Info)
		}
		_, listErr := c.ListPage(t.Context(), myvault.ListOptions{}, 10)
		for _, err := range []error{err, listErr} {
			if err == nil {
				continue
			}
			if _, ok := errors.AsType[*myvault.Error](err); !ok || strings.Contains(err.Error(), hostileToken) || len(err.Error()) > 600 {
				t.Errorf("%T: %v", err, err)
			}
		}
	})
}
