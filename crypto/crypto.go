// Package crypto holds the keys and the sealing of a local vault; it knows keys, records
// and MACs, and no vault. docs/format.md describes all of it byte by byte.
//
// In the order of use: a [Key] comes from [ParseKey] or [ReadKeyFile]. A [Master] derives
// from it, for one vault id, the key that wraps other keys and the check value that tells
// a wrong key before anything is written. A [Sealer] seals the values of one epoch, each
// for one [Place]. A [Chain] links the entries of a trail, and a [Stamp] authenticates
// single rows. A [StreamWriter] seals what is too large for the memory, such as a backup.
//
// Ciphers and hashes are those of the standard library: AES-256-GCM, HKDF-SHA256 and
// HMAC-SHA256. The format may change until its version 1 is declared final.
package crypto
