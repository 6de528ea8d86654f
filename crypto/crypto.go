// Package crypto implements the keys, encrypted records and MACs of a local vault. It does
// not depend on the vault itself. docs/format.md describes every format byte by byte.
//
// In order of use: a [Key] comes from [ParseKey] or [ReadKeyFile]. For one vault ID, a
// [Master] derives from it the key that wraps other keys, and a check value that detects a
// wrong key before anything is written. A [Sealer] seals the values of one epoch, each bound
// to one [RecordID]. A [Chain] links the entries of a trail, and a [RowMAC] authenticates single
// rows. A [StreamWriter] seals data too large for memory, such as a backup.
//
// Ciphers and hashes are those of the standard library: AES-256-GCM, HKDF-SHA256 and
// HMAC-SHA256. The format may change until its version 1 is declared final.
package crypto
