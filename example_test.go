package myvault_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
)

func mustParse(text string) myvault.Rule {
	rule, err := myvault.ParseRule(text)
	if err != nil {
		log.Fatal(err)
	}
	return rule
}

func Example() {
	ctx := context.Background()
	policy, err := myvault.NewPolicy(myvault.Service{Name: "newsbot", Allow: []myvault.Rule{mustParse("newsbot/prod/")}})
	if err != nil {
		log.Fatal(err)
	}
	vault, err := myvault.New(memory.New(memory.Config{}), policy, myvault.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer vault.Close()

	s := vault.As("newsbot")
	addr := myvault.Address{Project: "newsbot", Path: "prod/db/password"}
	if _, err := s.Put(ctx, addr, myvault.Text("hunter2"), myvault.IfAbsent()); err != nil {
		log.Fatal(err)
	}
	secret, err := s.Get(ctx, addr)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(secret.Address, "version", secret.Version, "by", secret.By)
	fmt.Println("printed:", secret.Value)
	fmt.Println("revealed:", secret.Value.Reveal())
	_, err = s.Get(ctx, myvault.Address{Project: "billing", Path: "prod/key"})
	fmt.Println(errors.Is(err, myvault.ErrDenied), err)
	// Output:
	// newsbot/prod/db/password version 1 by newsbot
	// printed: [REDACTED]
	// revealed: hunter2
	// true myvault: get billing/prod/key: denied by policy
}

func ExampleParsePolicy() {
	settings, err := myvault.ReadEnv(strings.NewReader(`
ALLOWED_SERVICES=myscheduler,commonUI
TOKEN_myscheduler=msched-0123456789abcdef
TOKEN_commonUI=ui-0123456789abcdef
ALLOW_myscheduler=project:newsbot/prod/,common/prod/
ALLOW_commonUI=project:*/prod/,common/*/
DENY_commonUI=billing/
`))
	if err != nil {
		log.Fatal(err)
	}
	policy, err := myvault.ParsePolicy(settings)
	if err != nil {
		log.Fatal(err)
	}
	addr := myvault.Address{Project: "billing", Path: "prod/key"}
	fmt.Println(policy.Allows("commonUI", myvault.Read, addr))
	fmt.Println(policy.Explain("commonUI", myvault.Read, addr).Reason)
	fmt.Println(policy.Who(myvault.Read, myvault.Address{Project: "common", Path: "prod/smtp"}))
	// Output:
	// false
	// denied by DENY_commonUI: billing/
	// [commonUI myscheduler]
}

func ExamplePolicy_Lint() {
	policy, err := myvault.ParsePolicy(map[string]string{
		"ALLOWED_SERVICES": "newsbot",
		"TOKEN_newsbot":    "newsbot-0123456789abcdef",
		"ALLOW_newsbot":    "newsbot/prod/,newsbot/prod/db",
		"DENY_newsbot":     "newsbot/production/",
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, finding := range policy.Lint() {
		fmt.Println(finding)
	}
	// Output:
	// ALLOW_newsbot: newsbot/prod/db: it adds nothing to newsbot/prod/
	// DENY_newsbot: newsbot/production/: it forbids nothing that ALLOW_newsbot allows
}

func ExampleSession_Put() {
	ctx := context.Background()
	vault := exampleVault()
	defer vault.Close()
	s := vault.As("newsbot")
	addr := myvault.Address{Project: "newsbot", Path: "prod/key"}

	first, err := s.Put(ctx, addr, myvault.Text("one"), myvault.IfAbsent())
	if err != nil {
		log.Fatal(err)
	}
	second, err := s.Put(ctx, addr, myvault.Text("two"), myvault.IfVersion(first.Version))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(first.Version, second.Version)
	_, err = s.Put(ctx, addr, myvault.Text("three"), myvault.IfVersion(first.Version))
	fmt.Println(err)
	// Output:
	// 1 2
	// myvault: put newsbot/prod/key: version conflict
}

func ExampleSession_Trail() {
	ctx := context.Background()
	vault := exampleVault()
	defer vault.Close()
	addr := myvault.Address{Project: "newsbot", Path: "prod/key"}
	if _, err := vault.As("newsbot").Put(ctx, addr, myvault.Text("v")); err != nil {
		log.Fatal(err)
	}
	for e, err := range vault.As("auditor").Trail(ctx, myvault.TrailFilter{Action: "write"}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e.Service, e.Action, e.Address, "version", e.Version, e.Outcome)
	}
	// Output:
	// newsbot write newsbot/prod/key version 1 ok
}

func ExampleSession_Restrict() {
	ctx := context.Background()
	vault := exampleVault()
	defer vault.Close()
	addr := myvault.Address{Project: "newsbot", Path: "prod/key"}
	readOnly := vault.As("newsbot").Restrict(mustParse("newsbot/prod/@read"))
	_, err := readOnly.Put(ctx, addr, myvault.Text("v"))
	fmt.Println(err)
	// Output:
	// myvault: put newsbot/prod/key: denied by policy
}

func exampleVault() *myvault.Vault {
	policy, err := myvault.NewPolicy(
		myvault.Service{Name: "newsbot", Allow: []myvault.Rule{mustParse("newsbot/prod/")}},
		myvault.Service{Name: "auditor", Allow: []myvault.Rule{mustParse("newsbot/@audit")}},
	)
	if err != nil {
		log.Fatal(err)
	}
	vault, err := myvault.New(memory.New(memory.Config{}), policy, myvault.Config{})
	if err != nil {
		log.Fatal(err)
	}
	return vault
}

// A watch yields the changes as they are made. Its first event is a bookmark.
func ExampleSession_Watch() {
	vault := exampleVault()
	defer vault.Close()
	ctx, session := context.Background(), vault.As("newsbot")
	addr := myvault.Address{Project: "newsbot", Path: "prod/db/password"}
	for event, err := range session.Watch(ctx, myvault.WatchOptions{Prefix: myvault.Prefix{Project: "newsbot"}}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		if len(event.Changes) > 0 {
			fmt.Println(event.Changes, "by", event.By)
			return
		}
		// Here the program lists the secrets. Then it misses no later change.
		if _, err := session.Put(ctx, addr, myvault.Text("hunter2")); err != nil {
			fmt.Println(err)
			return
		}
	}
	// Output: [newsbot/prod/db/password version 1 live] by newsbot
}
