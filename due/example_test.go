package due_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/due"
	"github.com/myswiftagent/myvault/generate"
	"github.com/myswiftagent/myvault/providers/memory"
)

// A callback that rotates a secret: it creates the next version, and never two.
func Example() {
	ctx := context.Background()
	vault := exampleVault()
	defer vault.Close()
	rotator := vault.As("rotator")
	password, err := generate.Text(32, generate.Alphanumeric)
	if err != nil {
		log.Fatal(err)
	}
	addr := myvault.Address{Project: "newsbot", Path: "prod/db/password"}
	if _, err := rotator.PutVersion(ctx, addr, myvault.NewVersion{Generate: password, RotateAfter: time.Now()}); err != nil {
		log.Fatal(err)
	}

	rotated := make(chan myvault.Info, 1)
	watcher, err := due.Start(vault, rotator, due.Config{Notify: func(ctx context.Context, n due.Notice) error {
		next := myvault.NewVersion{Generate: password, RotateAfter: time.Now().AddDate(0, 3, 0)}
		info, err := rotator.PutVersion(ctx, n.Secret.Address, next, myvault.IfVersion(n.Secret.Version))
		if errors.Is(err, myvault.ErrConflict) {
			return nil // already rotated, perhaps by this call before a crash
		}
		if err == nil {
			rotated <- info
		}
		return err
	}})
	if err != nil {
		log.Fatal(err)
	}
	defer watcher.Close()
	fmt.Println(<-rotated)
	// Output:
	// newsbot/prod/db/password version 2 live
}

func exampleVault() *myvault.Vault {
	rule, err := myvault.ParseRule("*/@read+write+list")
	if err != nil {
		log.Fatal(err)
	}
	policy, err := myvault.NewPolicy(myvault.Service{Name: "rotator", Allow: []myvault.Rule{rule}})
	if err != nil {
		log.Fatal(err)
	}
	vault, err := myvault.New(memory.New(memory.Config{}), policy, myvault.Config{})
	if err != nil {
		log.Fatal(err)
	}
	return vault
}
