// Command server serves a vault over HTTP from a Go program, with settings in code. It is a
// program to copy: myvault serve is the one with settings, reloads, HTTPS and metrics.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/httpapi/console"
	"github.com/myswiftagent/myvault/httpapi/guard"
	"github.com/myswiftagent/myvault/httpapi/serve"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/tokens"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ready := func(addr net.Addr) { fmt.Printf("serving http://%s\n", addr) }
	if err := run(ctx, "data", "master.key", "newsbot.token", "127.0.0.1:8000", ready); err != nil {
		log.Fatal(err)
	}
}

// run serves the store in a directory. The key and the token of the only service are in files.
func run(ctx context.Context, dir, keyFile, tokenFile, address string, ready func(net.Addr)) (err error) {
	token, err := os.ReadFile(tokenFile)
	if err != nil {
		return err
	}
	rule, err := myvault.ParseRule("newsbot/")
	if err != nil {
		return err
	}
	policy, err := myvault.NewPolicy(myvault.Service{Name: "newsbot", Tokens: []string{string(token)}, Allow: []myvault.Rule{rule}})
	if err != nil {
		return err
	}
	store, err := sqlite.Open(ctx, dir, sqlite.KeyFile(keyFile), sqlite.Config{})
	if err != nil {
		return err
	}
	vault, err := myvault.New(store, policy, myvault.Config{})
	if err != nil {
		return errors.Join(err, store.Close())
	}
	defer func() { err = errors.Join(err, vault.Close()) }()
	issuer, err := tokens.New(vault, tokens.Config{})
	if err != nil {
		return err
	}
	hosts, err := guard.New(guard.Config{})
	if err != nil {
		return err
	}
	handler, err := httpapi.New(vault, httpapi.Config{Logger: slog.Default(), Guard: hosts, Tokens: issuer, Console: console.New()})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	return httpapi.Serve(ctx, listener, handler, serve.Config{Ready: ready})
}
