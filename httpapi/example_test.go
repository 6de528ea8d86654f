package httpapi_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/httpapi/serve"
	"github.com/myswiftagent/myvault/providers/memory"
)

func Example() {
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
