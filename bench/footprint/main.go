// Command footprint counts the functions and files of myVault that one GET and one PUT over HTTP
// execute, with a SQLite store that records every read before it answers. Run it in bench:
//
//	go run -cover -covermode=atomic -coverpkg=github.com/myswiftagent/myvault/... ./footprint
//
// -list prints the functions too.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"runtime/coverage"
	"slices"
	"strings"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

func main() {
	list := flag.Bool("list", false, "print the functions")
	flag.Parse()
	if err := run(*list); err != nil {
		log.Fatal(err)
	}
}

func run(list bool) error {
	dir, err := os.MkdirTemp("", "footprint-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	server, err := newServer(dir + "/store")
	if err != nil {
		return err
	}
	defer server.Close()
	for _, r := range []struct{ method, path, body string }{
		{http.MethodGet, "/api/secrets/newsbot/prod/db", ""},
		{http.MethodPatch, "/api/secrets/newsbot/prod/db", `{"value":"next"}`},
	} {
		functions, err := executed(server, dir+"/"+r.method, r.method, r.path, r.body)
		if err != nil {
			return err
		}
		files := make(map[string]bool)
		for _, f := range functions {
			file, _, _ := strings.Cut(f, ":")
			files[file] = true
			if list {
				fmt.Println(f)
			}
		}
		fmt.Printf("%s %s: %d functions in %d files\n", r.method, r.path, len(functions), len(files))
	}
	return nil
}

// newServer returns the API over a SQLite store with one secret.
func newServer(dir string) (*httptest.Server, error) {
	policy, err := myvault.ParsePolicy(map[string]string{"ALLOWED_SERVICES": "newsbot", "TOKEN_newsbot": "0123456789abcdef0123456789abcdef", "ALLOW_newsbot": "newsbot/"})
	if err != nil {
		return nil, err
	}
	store, err := sqlite.Open(context.Background(), dir, sqlite.StaticKey(crypto.NewKey()), sqlite.Config{})
	if err != nil {
		return nil, err
	}
	vault, err := myvault.New(store, policy, myvault.Config{Reads: myvault.ReadsStrict})
	if err != nil {
		return nil, err
	}
	_, err = vault.As("newsbot").Put(context.Background(), myvault.Address{Project: "newsbot", Path: "prod/db"}, myvault.Text("first"))
	if err != nil {
		return nil, err
	}
	handler, err := httpapi.New(vault, httpapi.Config{})
	if err != nil {
		return nil, err
	}
	return httptest.NewServer(handler), nil
}

// executed sends one request three times and returns the functions that the third one executed.
func executed(server *httptest.Server, dir, method, path, body string) ([]string, error) {
	for range 3 {
		// Wait until checks of files and locks are due again and work in the background has ended.
		time.Sleep(100 * time.Millisecond)
		if err := coverage.ClearCounters(); err != nil {
			return nil, err
		}
		if err := send(server, method, path, body); err != nil {
			return nil, err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	if err := coverage.WriteMetaDir(dir); err != nil {
		return nil, err
	}
	if err := coverage.WriteCountersDir(dir); err != nil {
		return nil, err
	}
	out, err := exec.Command("go", "tool", "covdata", "func", "-i="+dir).Output()
	if err != nil {
		return nil, err
	}
	var functions []string
	for _, m := range regexp.MustCompile(`(?m)^\S*?myvault/(\S+:\d+):\s+(\S+)\s+(\S+)%$`).FindAllStringSubmatch(string(out), -1) {
		if m[3] != "0.0" && !strings.HasPrefix(m[1], "bench/") {
			functions = append(functions, m[1]+" "+m[2])
		}
	}
	slices.Sort(functions)
	return functions, nil
}

func send(server *httptest.Server, method, path, body string) error {
	r, err := http.NewRequest(method, server.URL+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("X-Service", "newsbot")
	r.Header.Set("X-Token", "0123456789abcdef0123456789abcdef")
	r.Header.Set("Content-Type", "application/json")
	answer, err := server.Client().Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s", method, path, answer.Status)
	}
	return nil
}
