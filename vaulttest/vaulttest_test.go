package vaulttest_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/matryer/is"
	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/vaulttest"
)

var db = myvault.Address{Project: "newsbot", Path: "prod/db"}

func TestNew(t *testing.T) {
	is := is.New(t)
	vault := vaulttest.New(t, map[string]string{"newsbot/prod/db": "hunter2", "newsbot/dev/db": "x"})
	secret, err := vault.As(vaulttest.DefaultService).Get(t.Context(), db)
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), "hunter2")
	is.Equal(secret.Version, myvault.Version(1))
}

func TestPolicyApplies(t *testing.T) {
	is := is.New(t)
	vault := vaulttest.New(t, map[string]string{"newsbot/prod/db": "v"}, vaulttest.Service(t, "rag", "rag/"))
	_, err := vault.As("rag").Get(t.Context(), db)
	is.True(errors.Is(err, myvault.ErrDenied))
	_, err = vault.As(vaulttest.DefaultService).Get(t.Context(), db)
	is.True(errors.Is(err, myvault.ErrDenied)) // it exists only without other services
	_, err = vault.Login(t.Context(), myvault.Credentials{Service: "rag", Token: vaulttest.Token("rag")})
	is.NoErr(err)
}

func TestNewServer(t *testing.T) {
	is := is.New(t)
	server := vaulttest.NewServer(t, map[string]string{"newsbot/prod/db": "hunter2"})
	response, err := server.Client(vaulttest.DefaultService).Get(server.URL + "/api/secrets/newsbot/prod/db")
	is.NoErr(err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	is.NoErr(err)
	is.Equal(response.StatusCode, http.StatusOK)
	is.True(strings.Contains(string(body), `"hunter2"`))
	refused, err := server.Client("stranger").Get(server.URL + "/api/secrets/newsbot/prod/db")
	is.NoErr(err)
	defer refused.Body.Close()
	is.Equal(refused.StatusCode, http.StatusUnauthorized)
}

// recorder is a testing.TB that records the message of Fatalf.
type recorder struct {
	testing.TB
	message string
}

func (r *recorder) Fatalf(format string, args ...any) { r.message = format; panic(r) }

func TestInvalidArgumentsEndTheTest(t *testing.T) {
	for name, try := range map[string]func(testing.TB){
		"address": func(t testing.TB) { vaulttest.New(t, map[string]string{"p//x": "v"}) },
		"value":   func(t testing.TB) { vaulttest.New(t, map[string]string{"p/x": ""}) },
		"rule":    func(t testing.TB) { vaulttest.Service(t, "svc", "p") },
		"service": func(t testing.TB) { vaulttest.New(t, nil, vaulttest.Service(t, "a b", "p/")) },
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			r := &recorder{TB: t}
			defer func() {
				is.True(recover() == any(r))
				is.True(strings.HasPrefix(r.message, "vaulttest: "))
			}()
			try(r)
		})
	}
}
