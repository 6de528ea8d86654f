// Command myvault works with the secrets of a vault: on a server over HTTP, or in a local store.
// It also starts programs with their secrets, and operates a store. docs/cli.md describes it.
package main

//go:generate sh -c "go run . docs > ../../docs/cli.md"

import (
	"os"

	"github.com/myswiftagent/myvault/cmd/myvault/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Environ())) }
