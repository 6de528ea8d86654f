// Vaultserver is a real HashiCorp Vault server, for tests alone. The server's licence is
// BUSL-1.1, so neither this module nor its binary is part of what myVault ships: the library
// speaks to a server over HTTP, and links only the client's package, which is MPL-2.0.
//
// .ci/vault builds it with Vault's own tag "minimal": storage in memory and raft, the KV
// engine, log-in by token and AppRole. go.mod was filled by `go list -mod=mod -deps -tags
// minimal .`; `go mod tidy` must not run here, because it does not know the tag and would ask
// for much more.
package main

import (
	"os"

	"github.com/hashicorp/vault/command"
)

func main() {
	os.Exit(command.Run(os.Args[1:]))
}
