package httpapi_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/httpapi/guard"
	"github.com/myswiftagent/myvault/httpapi/serve"
	"github.com/myswiftagent/myvault/providers/memory"
)

func Example() {
	vault := exampleVault()
	defer vault.Close()
	api, err := httpapi.New(vault, httpapi.Config{})
	if err != nil {
		panic(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- httpapi.Serve(ctx, listener, api, serve.Config{}) }()

	request, err := http.NewRequest("POST", "http://"+listener.Addr().String()+"/api/secrets/test", nil)
	if err != nil {
		panic(err)
	}
	request.Header.Set("X-Service", "newsbot")
	request.Header.Set("X-Token", "a-token-of-16-or-more")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		panic(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		panic(err)
	}
	fmt.Print(response.StatusCode, " ", string(body))

	stop()
	fmt.Println(<-ended)
	// Output:
	// 200 {"status":"ok","message":"Authentication successful for service 'newsbot'"}
	// <nil>
}

// A host puts its own middleware between the server, the guard and the API: here a log of
// requests and the prefix /vault, beside a page of the host's own.
func ExampleHandler() {
	vault := exampleVault()
	defer vault.Close()
	hosts, err := guard.New(guard.Config{AllowedHosts: []string{"vault.example.org"}})
	if err != nil {
		panic(err)
	}
	api, err := httpapi.New(vault, httpapi.Config{Guard: hosts})
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/vault/", http.StripPrefix("/vault", api))
	mux.HandleFunc("/about", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "a page of the host") })
	guarded := hosts.Handler(mux, "/vault/health", "/vault/ready")
	traced := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // for example otelhttp.NewHandler
		fmt.Println(r.Method, r.URL.Path)
		guarded.ServeHTTP(w, r)
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	config := serve.Config{Check: api.Check, Draining: api.Drain}
	go func() { ended <- serve.Serve(ctx, listener, traced, config) }()

	for _, host := range []string{"vault.example.org", "evil.example.org"} {
		for _, path := range []string{"/vault/api/whoami", "/about"} {
			fmt.Println(exampleStatus(listener.Addr(), host, path))
		}
	}
	stop()
	fmt.Println(<-ended)
	api.FlushLog()
	// Output:
	// GET /vault/api/whoami
	// 200 OK
	// GET /about
	// 200 OK
	// GET /vault/api/whoami
	// 421 Misdirected Request
	// GET /about
	// 421 Misdirected Request
	// <nil>
}

func exampleVault() *myvault.Vault {
	policy, err := myvault.ParsePolicy(map[string]string{
		"ALLOWED_SERVICES": "newsbot",
		"TOKEN_newsbot":    "a-token-of-16-or-more",
		"ALLOW_newsbot":    "newsbot/",
	})
	if err != nil {
		panic(err)
	}
	vault, err := myvault.New(memory.New(memory.Config{}), policy, myvault.Config{})
	if err != nil {
		panic(err)
	}
	return vault
}

// exampleStatus sends a request of newsbot.
func exampleStatus(addr net.Addr, host, path string) string {
	request, err := http.NewRequest("GET", "http://"+addr.String()+path, nil)
	if err != nil {
		panic(err)
	}
	request.Host = host
	request.Header.Set("X-Service", "newsbot")
	request.Header.Set("X-Token", "a-token-of-16-or-more")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		panic(err)
	}
	defer response.Body.Close()
	return response.Status
}
