package generate_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/generate"
	"github.com/myswiftagent/myvault/providers/memory"
)

func Example() {
	ctx := context.Background()
	rule, err := myvault.ParseRule("newsbot/")
	if err != nil {
		log.Fatal(err)
	}
	policy, err := myvault.NewPolicy(myvault.Service{Name: "newsbot", Allow: []myvault.Rule{rule}})
	if err != nil {
		log.Fatal(err)
	}
	vault, err := myvault.New(memory.New(memory.Config{}), policy, myvault.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer vault.Close()

	password, err := generate.Text(32, generate.Alphanumeric)
	if err != nil {
		log.Fatal(err)
	}
	addr := myvault.Address{Project: "newsbot", Path: "prod/db/password"}
	version := myvault.NewVersion{Generate: password, RotateAfter: time.Now().AddDate(0, 3, 0)}
	info, err := vault.As("newsbot").PutVersion(ctx, addr, version, myvault.IfAbsent())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(info, "due:", !info.RotateAfter.After(time.Now()))
	secret, err := vault.As("newsbot").Get(ctx, addr)
	fmt.Println(secret.Value, secret.Value.Len(), err)
	// Output:
	// newsbot/prod/db/password version 1 live due: false
	// [REDACTED] 32 <nil>
}
