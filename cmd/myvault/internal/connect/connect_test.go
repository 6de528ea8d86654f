package connect_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/cmd/myvault/internal/connect"
)

// TestOpenFindsTheServer checks which server and which identity the settings select.
func TestOpenFindsTheServer(t *testing.T) {
	t.Chdir(t.TempDir())
	write := func(name, text string) {
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	write("token", "secret\n")
	write("mine/client.headers", "X-Service: local\nX-Token: generated\n")
	write("other.env", "MYVAULT_ADDR=192.0.2.1:443\nMYVAULT_TLS_CERT=x\n")
	write("tls.env", "MYVAULT_ADDR=0.0.0.0:8443\nMYVAULT_TLS_CERT=x\n")
	for _, c := range []struct {
		name     string
		settings connect.Settings
		environ  map[string]string
		where    string // "": an error
		service  string
	}{
		{"nothing", connect.Settings{}, nil, "", ""},
		{"a generated identity", connect.Settings{}, map[string]string{"MYVAULT_DATA": "mine"}, "http://127.0.0.1:8000", "local"},
		{"PORT", connect.Settings{}, map[string]string{"MYVAULT_DATA": "mine", "PORT": "9"}, "http://127.0.0.1:9", "local"},
		{"another service", connect.Settings{Service: "x"}, map[string]string{"MYVAULT_DATA": "mine"}, "", ""},
		{"the .env", connect.Settings{TokenFile: "token", Service: "x"}, map[string]string{"MYVAULT_ENV": "tls.env"}, "https://127.0.0.1:8443", "x"},
		{"a URL", connect.Settings{URL: "https://a.example", Service: "x"}, map[string]string{"MYVAULT_TOKEN": "t"}, "https://a.example", "x"},
		{"the flag wins", connect.Settings{URL: "https://a.example", Service: "x"}, map[string]string{"MYVAULT_TOKEN": "t", "MYVAULT_URL": "https://b.example"}, "https://a.example", "x"},
		{"a generated identity for another machine", connect.Settings{URL: "https://a.example"}, map[string]string{"MYVAULT_DATA": "mine"}, "", ""},
		{"an address of another machine", connect.Settings{TokenFile: "token", Service: "x"}, map[string]string{"MYVAULT_ENV": "other.env"}, "", ""},
		{"a token alone", connect.Settings{URL: "https://a.example"}, map[string]string{"MYVAULT_TOKEN": "t"}, "", ""},
		{"a certificate without its key", connect.Settings{URL: "https://a.example", Certificate: "token"}, nil, "", ""},
		{"an empty authority", connect.Settings{URL: "https://a.example", Service: "x", TokenFile: "token", CACert: "token"}, nil, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			is := is.New(t)
			c.settings.Environ = c.environ
			v, err := connect.Open(t.Context(), c.settings)
			if c.where == "" {
				is.True(err != nil)
				is.True(!strings.Contains(err.Error(), "secret"))
				return
			}
			is.NoErr(err)
			is.Equal(v.Where, c.where)
			is.Equal(v.Service(), c.service)
			is.NoErr(v.Close())
		})
	}
}
