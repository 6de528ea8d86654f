// Package tokens issues capability tokens: bearer tokens that grant a subset of a service's
// rights for a limited time. Their holder can narrow them further without the vault.
//
//	issuer, err := tokens.New(vault, tokens.Config{})
//	grant := tokens.Grant{Rules: rules, Lifetime: time.Hour}
//	token, err := issuer.Mint(ctx, vault.As("newsbot"), grant)
//	// the holder, anywhere, without the vault:
//	narrower, err := tokens.Narrow(token.Bearer, tokens.Actions(myvault.Read))
//	// the vault's side:
//	session, err := issuer.Login(ctx, tokens.Credentials{Bearer: narrower.Reveal()})
//
// A token is a macaroon (https://research.google/pubs/pub41892/) in the binary serialization
// version 2 of libmacaroons, as unpadded base64url. Its identifier is "myvault-token-v1:"
// followed by the token's ID. Its location is empty. Its caveats are first-party caveats in
// the grammar of [ParseCaveat]; clients in other languages can add some with any macaroon
// library. The rules it was minted with and its key are in an encrypted record of the vault.
//
// A token grants the intersection of its service's current policy, the rules that it was
// minted with, and every caveat. A narrowed token therefore never grants more than the token
// it came from, and never outlives it. A token ends when
//
//   - it expires or is revoked,
//   - the shared token that its minter logged in with leaves the policy (tokens minted after
//     another kind of login remain),
//   - its service leaves the policy,
//   - the store is restored, or its contents are moved to another store.
//
// The end applies to the next call of every session of the token, in every process that uses
// the store. A token without a record is invalid.
//
// Only an unrestricted session of a service can mint, list and revoke the service's tokens. The
// bearer of a token cannot: it narrows its own token instead. It can end its own token, see
// [Issuer.RevokeOwn].
package tokens

import (
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/myswiftagent/myvault"
)

// The limits of a token.
const (
	// DefaultLifetime is the lifetime of a token whose Grant has none.
	DefaultLifetime = time.Hour
	// MaxRules is the maximum number of rules in a Grant.
	MaxRules = 64
	// MaxCaveats is the maximum number of caveats in a token.
	MaxCaveats = 32
	// MaxCaveatSize is the maximum size of a caveat, in bytes.
	MaxCaveatSize = 1024
	// MaxBearerSize is the maximum size of a bearer token as text, in bytes.
	MaxBearerSize = 8 << 10
)

// Config configures an Issuer. The zero Config is ready to use.
type Config struct {
	// MaxLifetime is the longest lifetime that a token may be minted with. 0: 30 days.
	MaxLifetime time.Duration
	// MaxPerService is the maximum number of live tokens of a service, up to 10,000. 0: 1,000.
	MaxPerService int
}

const (
	defaultMaxLifetime   = 30 * 24 * time.Hour
	defaultMaxPerService = 1000
	maxPerService        = 10_000
)

// Issuer mints, checks and revokes the tokens of one vault. Its state is in the store, so every
// process that uses the store may have one. It is safe for concurrent use and needs no Close.
type Issuer struct {
	vault     *myvault.Vault
	extension *myvault.Extension
	config    Config
	// decoyRecord is parsed if a token has no record, so that Login takes the same time.
	decoyRecord myvault.Value
	decoyKey    []byte // the key of no token
}

// New returns the issuer of a vault. It returns ErrInvalid for a nil vault and for limits out
// of range.
func New(vault *myvault.Vault, config Config) (*Issuer, error) {
	if vault == nil {
		return nil, fmt.Errorf("tokens: %w: the vault is nil", myvault.ErrInvalid)
	}
	if config.MaxLifetime == 0 {
		config.MaxLifetime = defaultMaxLifetime
	}
	if config.MaxPerService == 0 {
		config.MaxPerService = defaultMaxPerService
	}
	if config.MaxLifetime < time.Second || config.MaxPerService < 1 || config.MaxPerService > maxPerService {
		return nil, fmt.Errorf("tokens: %w: MaxLifetime must be at least a second, MaxPerService 1 to %d",
			myvault.ErrInvalid, maxPerService)
	}
	extension, err := vault.Extend("tokens")
	if err != nil {
		return nil, err
	}
	i := &Issuer{vault: vault, extension: extension, config: config, decoyKey: newKey()}
	i.decoyRecord, err = record{
		Version: recordVersion, Key: newKey(), Authentication: "token:" + strings.Repeat("0", 64),
		Incarnation: vault.Incarnation(), Rules: []byte(`["*/*/"]`),
	}.value()
	return i, err
}

// BelongsTo reports whether i is an issuer of vault.
func (i *Issuer) BelongsTo(vault *myvault.Vault) bool { return i.vault == vault }

// MaxLifetime returns the longest lifetime that i mints a token with.
func (i *Issuer) MaxLifetime() time.Duration { return i.config.MaxLifetime }

// newKey returns a random root key.
func newKey() []byte {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails: it crashes the program if the system has no randomness
	return key
}
