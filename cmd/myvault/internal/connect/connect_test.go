package connect_test

import (
	"errors"
	"maps"
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

// TestUnnamedEnvChoosesNoServer works in a checkout whose .env names a port. Only a credential of
// the same directory goes there, unless the user names the file.
func TestUnnamedEnvChoosesNoServer(t *testing.T) {
	home := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(home, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	const headers = "X-Service: local\nX-Token: generated\n"
	write("mine/client.headers", headers)
	write("token", "secret\n")
	write("port/.env", "PORT=6666\n")
	write("address/.env", "MYVAULT_ADDR=127.0.0.1:6666\n")
	write("directory/.env", "PORT=6666\nMYVAULT_DATA=../mine\n")
	write("link/.env", "PORT=6666\n")
	if err := os.Symlink("../mine", filepath.Join(home, "link", "data")); err != nil {
		t.Fatal(err)
	}
	write("own/.env", "PORT=6666\n")
	write("own/data/client.headers", headers)
	write("generated/data/.env", "PORT=6666\n")
	write("generated/data/client.headers", headers)
	write("default/.env", "ALLOWED_SERVICES=x\n")
	token := map[string]string{"MYVAULT_SERVICE": "x", "MYVAULT_TOKEN": "t"}
	for _, c := range []struct {
		dir      string
		settings connect.Settings
		environ  map[string]string
		where    string // "": an error
	}{
		{"port", connect.Settings{}, token, ""},
		{"address", connect.Settings{}, token, ""},
		{"port", connect.Settings{Service: "x", TokenFile: "../token"}, nil, ""},
		{"port", connect.Settings{Certificate: "../token", Key: "../token"}, nil, ""},
		{"directory", connect.Settings{}, nil, ""},
		{"link", connect.Settings{}, nil, ""},
		{"port", connect.Settings{}, map[string]string{"MYVAULT_DATA": "../mine"}, ""},
		{"own", connect.Settings{}, nil, "http://127.0.0.1:6666"},
		{"own", connect.Settings{}, token, ""},
		{"generated", connect.Settings{}, nil, "http://127.0.0.1:6666"},
		{"default", connect.Settings{}, token, "http://127.0.0.1:8000"},
		{"port", connect.Settings{}, with(token, "PORT", "7777"), "http://127.0.0.1:7777"},
		{"port", connect.Settings{}, with(token, "MYVAULT_ENV", ".env"), "http://127.0.0.1:6666"},
		{"port", connect.Settings{URL: "http://127.0.0.1:7777"}, token, "http://127.0.0.1:7777"},
		{"directory", connect.Settings{}, map[string]string{"MYVAULT_ENV": ".env"}, "http://127.0.0.1:6666"},
	} {
		t.Run(c.dir, func(t *testing.T) {
			is := is.New(t)
			t.Chdir(filepath.Join(home, c.dir))
			c.settings.Environ = c.environ
			v, err := connect.Open(t.Context(), c.settings)
			if c.where == "" {
				is.True(err != nil)
				is.True(strings.Contains(err.Error(), "set MYVAULT_ENV to its path"))
				return
			}
			is.NoErr(err)
			is.Equal(v.Where, c.where)
			is.NoErr(v.Close())
		})
	}
}

// with returns environ with one more variable.
func with(environ map[string]string, name, value string) map[string]string {
	more := maps.Clone(environ)
	more[name] = value
	return more
}
