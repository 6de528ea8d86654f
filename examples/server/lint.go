package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/caarlos0/env/v11"

	"github.com/myswiftagent/myvault/examples/internal/setup"
)

// lint checks the settings that the server would start with, and starts and makes nothing.
func lint(to io.Writer) error {
	process := env.ToMap(os.Environ())
	path := setup.Look(process)
	if path == "" && process["ALLOWED_SERVICES"] == "" {
		return errors.New("there is no .env, here or in MYVAULT_DATA; name it with MYVAULT_ENV")
	}
	l, err := source{path, process}.load()
	if err != nil {
		return err
	}
	findings := l.policy.Lint()
	for _, f := range findings {
		fmt.Fprintln(to, f)
	}
	for _, name := range l.policy.WeakTokens() {
		fmt.Fprintf(to, "TOKEN_%s: a token is under 16 characters: it can be guessed, and is refused beyond loopback\n", name)
	}
	if len(findings) > 0 {
		return fmt.Errorf("%d findings: rules that have no effect, or are not what was meant", len(findings))
	}
	return nil
}
