// Command embedded is a Go program that embeds the vault: an encrypted store in a directory, one
// service with its rules, and no HTTP.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

func main() {
	dir, err := os.MkdirTemp("", "myvault-embedded-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := run(context.Background(), dir, crypto.NewKey()); err != nil {
		log.Fatal(err)
	}
}

// run stores a password and reads it back. A real program keeps the key and the directory.
func run(ctx context.Context, dir string, key crypto.Key) error {
	rule, err := myvault.ParseRule("newsbot/prod/")
	if err != nil {
		return err
	}
	policy, err := myvault.NewPolicy(myvault.Service{Name: "newsbot", Allow: []myvault.Rule{rule}})
	if err != nil {
		return err
	}
	store, err := sqlite.Open(ctx, dir, sqlite.StaticKey(key), sqlite.Config{})
	if err != nil {
		return err
	}
	vault, err := myvault.New(store, policy, myvault.Config{})
	if err != nil {
		return err
	}
	defer vault.Close()

	newsbot := vault.As("newsbot")
	addr := myvault.Address{Project: "newsbot", Path: "prod/db/password"}
	if _, err := newsbot.Put(ctx, addr, myvault.Text("hunter2")); err != nil {
		return err
	}
	secret, err := newsbot.Get(ctx, addr)
	if err != nil {
		return err
	}
	fmt.Printf("%s version %d by %s: %v, %d bytes\n", secret.Address, secret.Version, secret.By, secret.Value, secret.Value.Len())
	return nil
}
