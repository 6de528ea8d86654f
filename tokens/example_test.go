package tokens_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/tokens"
)

// A service mints a token for a job. The job narrows it for a script, without the vault.
func Example() {
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
	issuer, err := tokens.New(vault, tokens.Config{})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	newsbot := vault.As("newsbot")
	addr := myvault.Address{Project: "newsbot", Path: "prod/db"}
	if _, err := newsbot.Put(ctx, addr, myvault.Text("hunter2")); err != nil {
		log.Fatal(err)
	}

	token, err := issuer.Mint(ctx, newsbot, tokens.Grant{Rules: []myvault.Rule{rule}, Lifetime: 15 * time.Minute})
	if err != nil {
		log.Fatal(err)
	}
	forTheScript, err := tokens.Narrow(token.Bearer, tokens.Actions(myvault.Read), tokens.Before(time.Now().Add(time.Minute)))
	if err != nil {
		log.Fatal(err)
	}

	script, err := issuer.Login(ctx, tokens.Credentials{Bearer: forTheScript.Reveal()})
	if err != nil {
		log.Fatal(err)
	}
	secret, err := script.Get(ctx, addr)
	fmt.Println(secret.Value.Reveal(), err)
	fmt.Println(script.Delete(ctx, addr))

	if err := issuer.Revoke(ctx, newsbot, token.ID); err != nil {
		log.Fatal(err)
	}
	_, err = script.Get(ctx, addr)
	fmt.Println(token.Bearer, errors.Is(err, myvault.ErrUnauthenticated))
	// Output:
	// hunter2 <nil>
	// myvault: delete newsbot/prod/db: denied by policy
	// [REDACTED] true
}
