package vaultserver

import (
	"os"
	"testing"
)

// Binary gives the path of the server that MYVAULT_VAULT_BIN names. Without it the test is
// skipped, and says how to run it; in CI it fails.
func Binary(t testing.TB) string {
	t.Helper()
	path := os.Getenv("MYVAULT_VAULT_BIN")
	switch {
	case path != "":
	case os.Getenv("CI") != "":
		t.Fatal("MYVAULT_VAULT_BIN names no Vault server; build one with .ci/vault")
	default:
		t.Skip("needs a real Vault server: export MYVAULT_VAULT_BIN=$(bash .ci/vault)")
	}
	return path
}
