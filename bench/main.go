// Bench compares myVault with other ways of keeping secrets, the same work in one process and
// one run, and writes the tables of docs/benchmarks.md:
//
//	go run . -out ../docs/benchmarks.md
//
// Without -out it prints them. -quick takes a minute or two and is no measure.
// What compares with a HashiCorp Vault is left out unless MYVAULT_VAULT_BIN names its program (.ci/vault builds it).
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/myswiftagent/myvault/bench/themes"
)

// asChild is the first argument of a process that this one started.
const asChild = "child"

func main() {
	if len(os.Args) > 1 && os.Args[1] == asChild {
		exit(themes.Child(os.Args[2:], os.Stdin, os.Stdout))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	exit(run(ctx))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func run(ctx context.Context) error {
	o, out, err := options()
	if err != nil {
		return err
	}
	report, err := themes.Run(ctx, o)
	if err != nil {
		return err
	}
	if out == "" {
		_, err := fmt.Print(report.Markdown())
		return err
	}
	return report.Write(out)
}
