package guard_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/myswiftagent/myvault/httpapi/guard"
)

func Example() {
	g, err := guard.New(guard.Config{AllowedHosts: []string{"vault.example.org"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	pages := http.NewServeMux()
	pages.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "fine") })
	handler := g.Handler(pages)

	for _, host := range []string{"vault.example.org", "attacker.example"} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("GET", "http://"+host+"/status", nil))
		fmt.Println(host, w.Code)
	}
	// Output:
	// vault.example.org 200
	// attacker.example 421
}
