// Package vaultclients runs programs and libraries that are written for HashiCorp Vault,
// unmodified, against package vaultapi.
//
// They are found through the environment:
//
//	MYVAULT_VAULT_BIN        the vault command, which is Vault Agent too; .ci/vault builds it
//	MYVAULT_CONSUL_TEMPLATE  the consul-template command
//	MYVAULT_PYTHON           a Python with hvac, such as /usr/bin/python3 with Debian's python3-hvac
//	MYVAULT_NODE_MODULES     a node_modules directory with the packages of package.json
//
// A test without its client is skipped, or fails if CI is set. The Go libraries are dependencies
// of this module.
package vaultclients
