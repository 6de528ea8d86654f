package live_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/live"
	"github.com/myswiftagent/myvault/providers/memory"
)

type settings struct {
	Password myvault.Value `vault:"prod/db/password"`
	Timeout  time.Duration `vault:"prod/db/timeout,optional"`
}

// Validate refuses a set that the program could not use.
func (s *settings) Validate() error {
	if s.Timeout < 0 {
		return errors.New("the timeout is negative")
	}
	return nil
}

func Example() {
	ctx := context.Background()
	rule, err := myvault.ParseRule("newsbot/")
	if err != nil {
		panic(err)
	}
	policy, err := myvault.NewPolicy(myvault.Service{Name: "newsbot", Allow: []myvault.Rule{rule}})
	if err != nil {
		panic(err)
	}
	vault, err := myvault.New(memory.New(memory.Config{}), policy, myvault.Config{})
	if err != nil {
		panic(err)
	}
	defer vault.Close()
	session := vault.As("newsbot")
	write := func(path, value string) {
		if _, err := session.Put(ctx, myvault.Address{Project: "newsbot", Path: path}, myvault.Text(value)); err != nil {
			panic(err)
		}
	}
	write("prod/db/password", "hunter2")

	config, err := live.Bind[settings](ctx, session, "newsbot")
	if err != nil {
		panic(err)
	}
	defer config.Close()
	fmt.Println(config.Load().Password.Reveal())

	write("prod/db/password", "hunter3")
	fmt.Println(config.Refresh(ctx), config.Load().Password.Reveal()) // soon also without Refresh

	write("prod/db/timeout", "-5s")
	write("prod/db/password", "hunter4")
	fmt.Println(config.Refresh(ctx), config.Load().Password.Reveal())
	// Output:
	// hunter2
	// <nil> hunter3
	// live: invalid set: the timeout is negative hunter3
}
