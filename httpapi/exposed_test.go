package httpapi_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/httpapi/serve"
	"github.com/myswiftagent/myvault/providers/memory"
)

// shortTokens returns the API of a vault whose service app has tokens of 3, 15 and 16 bytes, by
// their digests.
func shortTokens(t *testing.T) *httpapi.Handler {
	t.Helper()
	service := myvault.Service{Name: "app"}
	for _, token := range []string{"abc", "0123456789abcde", "0123456789abcdef"} {
		service.Tokens = append(service.Tokens, fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(token))))
	}
	policy, err := myvault.NewPolicy(service)
	if err != nil {
		t.Fatal(err)
	}
	vault, err := myvault.New(memory.New(memory.Config{}), policy, myvault.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = vault.Close() })
	api, err := httpapi.New(vault, httpapi.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return api
}

// TestAShortTokenNeverLogsInBeyondLoopback, although the policy, which has its digest, cannot know
// that it is short.
func TestAShortTokenNeverLogsInBeyondLoopback(t *testing.T) {
	for _, c := range []struct {
		address string
		token   string
		status  int
	}{
		{"127.0.0.1:0", "abc", 200},
		{"127.0.0.1:0", "0123456789abcde", 200},
		{"0.0.0.0:0", "abc", 401}, // by whichever address the client comes
		{"0.0.0.0:0", "0123456789abcde", 401},
		{"0.0.0.0:0", "0123456789abcdef", 200},
		{"0.0.0.0:0", "", 401},
	} {
		t.Run(c.address+" "+c.token, func(t *testing.T) {
			is := is.New(t)
			listener := listen(t, "tcp", c.address)
			ctx, stop := context.WithCancel(t.Context())
			api, ended := shortTokens(t), make(chan error, 1)
			go func() {
				ended <- httpapi.Serve(ctx, listener, api, serve.Config{PlaintextBeyondLoopback: true})
			}()
			request, err := http.NewRequest("GET", fmt.Sprintf("http://127.0.0.1:%d/api/whoami", listener.Addr().(*net.TCPAddr).Port), nil)
			is.NoErr(err)
			request.Header.Set("X-Service", "app")
			request.Header.Set("X-Token", c.token)
			response, err := http.DefaultClient.Do(request)
			is.NoErr(err)
			is.NoErr(response.Body.Close())
			is.Equal(response.StatusCode, c.status)
			stop()
			is.NoErr(<-ended)
		})
	}
}

// TestAShortTokenInAServerOfOnesOwn is held to the address of its connection.
func TestAShortTokenInAServerOfOnesOwn(t *testing.T) {
	is := is.New(t)
	api := shortTokens(t)
	for address, status := range map[string]int{"127.0.0.1": 200, "192.0.2.7": 401} {
		r := httptest.NewRequest("GET", "http://localhost/api/whoami", nil)
		r.Header.Set("X-Service", "app")
		r.Header.Set("X-Token", "abc")
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.ParseIP(address), Port: 1}))
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		is.Equal(w.Code, status)
	}
}
