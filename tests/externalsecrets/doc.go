// Package externalsecrets runs the Vault provider of External Secrets Operator, unmodified,
// against package vaultapi. It needs no cluster: the client of Kubernetes is a fake.
package externalsecrets
