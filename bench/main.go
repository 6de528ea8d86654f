// Bench compares myVault with other ways to store secrets. Every store does the same work in one
// process and one run. Bench writes the tables of docs/benchmarks.md:
//
//	go run . -out ../docs/benchmarks.md
//
// Without -out it prints them. -quick takes a minute or two; its figures are too noisy to quote.
// The comparison with HashiCorp Vault is skipped unless MYVAULT_VAULT_BIN is the path of its
// binary (.ci/vault builds it).
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/myswiftagent/myvault/bench/scenarios"
)

// asChild is the first argument of a child process.
const asChild = "child"

func main() {
	if len(os.Args) > 1 && os.Args[1] == asChild {
		exit(scenarios.Child(os.Args[2:], os.Stdin, os.Stdout))
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
	report, err := scenarios.Run(ctx, o)
	if err != nil {
		return err
	}
	if out == "" {
		_, err := fmt.Print(report.Markdown())
		return err
	}
	return report.Write(out)
}
