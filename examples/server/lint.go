package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/caarlos0/env/v11"

	"github.com/myswiftagent/myvault/examples/internal/setup"
)

// lint checks the settings as the server does at its start, and what in the policy has no effect. It starts
// and makes nothing.
func lint(ctx context.Context, to io.Writer) error {
	process := env.ToMap(os.Environ())
	path := setup.Look(process)
	if path == "" && process["ALLOWED_SERVICES"] == "" {
		return errors.New("there is no .env, here or in MYVAULT_DATA; name it with MYVAULT_ENV")
	}
	l, err := source{path, process}.load()
	if err != nil {
		return err
	}
	if _, err := l.check(ctx, false); err != nil {
		return err
	}
	findings := 0
	for _, f := range l.policy.Lint() {
		if f.Note {
			fmt.Fprintln(to, "note:", f)
			continue
		}
		findings++
		fmt.Fprintln(to, f)
	}
	for _, name := range l.policy.WeakTokens() {
		fmt.Fprintf(to, "TOKEN_%s: a token is under 16 characters, or one that the documents show: it can be guessed, and is refused beyond loopback\n", name)
	}
	if findings > 0 {
		return fmt.Errorf("%d findings: rules that have no effect, or are not what was meant", findings)
	}
	services, rules := l.policy.Services(), 0
	for _, name := range services {
		rules += count(l.all["ALLOW_"+name]) + count(l.all["DENY_"+name])
	}
	_, err = fmt.Fprintf(to, "ok: %d services, %d rules\n", len(services), rules)
	return err
}

// count gives how many items stand in a list.
func count(list string) int {
	if list == "" {
		return 0
	}
	return strings.Count(list, ",") + 1
}
