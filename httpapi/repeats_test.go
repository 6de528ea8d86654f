package httpapi_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/providers/memory"
)

// TestAFloodOfWrongTokensIsTwoLinesASecond, and who is known has a line for each request all the while.
func TestAFloodOfWrongTokensIsTwoLinesASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		policy, err := myvault.ParsePolicy(settings)
		is.NoErr(err)
		vault, err := myvault.New(memory.New(memory.Config{}), policy, myvault.Config{})
		is.NoErr(err)
		defer vault.Close()
		logs := &safeBuffer{}
		handler, err := httpapi.New(vault, httpapi.Config{Logger: slog.New(slog.NewJSONHandler(logs, nil)), FailuresPerMinute: 1000})
		is.NoErr(err)
		ask := func(service, token string) {
			r := newRequest("GET", "/api/whoami")
			r.Header = http.Header{"X-Service": {service}, "X-Token": {token}}
			record(handler, r)
		}
		lines := func(parts ...string) (n int) {
			for line := range strings.Lines(logs.String()) {
				found := 0
				for _, part := range parts {
					if strings.Contains(line, part) {
						found++
					}
				}
				if found == len(parts) {
					n++
				}
			}
			return n
		}
		for n := range 1500 { // of which 1,000 are free
			ask("reader", fmt.Sprint("wrong ", n))
		}
		ask("admin", adminToken)
		ask("admin", adminToken)
		is.Equal(lines(`"status":200`), 2)
		is.Equal(lines(`"status":401`), 1)
		is.Equal(lines(`"status":429`), 1)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		is.Equal(lines(`"status":401`, `"more":999`, "/api/whoami"), 1)
		is.Equal(lines(`"status":429`, `"more":499`), 1)
		is.Equal(lines(), 6)
		ask("nobody", "wrong")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		is.Equal(lines(), 7) // one alone is not counted again
	})
}
