package vaultserver

import (
	"os"
	"testing"
)

// Binary returns the path of the server in MYVAULT_VAULT_BIN. Without it the test is skipped,
// or fails in CI.
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
