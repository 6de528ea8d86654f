package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/caarlos0/env/v11"

	"github.com/myswiftagent/myvault/cmd/myvault/internal/setup"
)

// Lint checks the settings like a start of the server, and reports rules without effect. It creates
// no files.
func Lint(ctx context.Context, out io.Writer) error {
	process := env.ToMap(os.Environ())
	path := setup.LocateEnv(process)
	if path == "" && process["ALLOWED_SERVICES"] == "" {
		return errors.New("no .env in this directory or in MYVAULT_DATA; set MYVAULT_ENV to it")
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
			fmt.Fprintln(out, "note:", f)
			continue
		}
		findings++
		fmt.Fprintln(out, f)
	}
	for _, name := range l.policy.WeakTokens() {
		fmt.Fprintf(out, "TOKEN_%s: a token has fewer than 16 characters or is a published example; it can be guessed and is rejected beyond loopback\n", name)
	}
	if findings > 0 {
		return fmt.Errorf("%d findings: rules without effect, or with an effect that is probably not intended", findings)
	}
	services, rules := l.policy.Services(), 0
	for _, name := range services {
		rules += count(l.all["ALLOW_"+name]) + count(l.all["DENY_"+name])
	}
	_, err = fmt.Fprintf(out, "ok: %d services, %d rules\n", len(services), rules)
	return err
}

// count returns the number of items in a comma-separated list.
func count(list string) int {
	if list == "" {
		return 0
	}
	return strings.Count(list, ",") + 1
}
