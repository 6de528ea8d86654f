// Package tokens gives out capability tokens: bearer tokens that do a part of what a service
// may, for a while, and that their holder can narrow further without asking the vault.
//
//	issuer, err := tokens.New(vault, tokens.Config{})
//	token, err := issuer.Mint(ctx, vault.As("newsbot"), tokens.Grant{Rules: rules, Lifetime: time.Hour})
//	// the holder, anywhere, without the vault:
//	narrower, err := tokens.Narrow(token.Bearer, tokens.Actions(myvault.Read))
//	// the vault's side:
//	session, err := issuer.Login(ctx, tokens.Credentials{Bearer: narrower.Reveal()})
//
// A token is a macaroon (https://research.google/pubs/pub41892/) in the binary serialisation
// version 2 of libmacaroons, as unpadded base64url. Its identifier is "myvault-token-v1:" and the token's
// id, its location is empty, and its caveats are first-party caveats of the grammar at
// [ParseCaveat]; clients in other languages add theirs with any macaroon library. It holds no
// rules of its own: those stand, with its key, in a sealed record of the vault.
//
// What a token may do is the intersection of its service's present policy, the rules that it was
// minted with, and every caveat. So a child never outranks its parent, and never outlives it. A token ends when it
// expires, when it is revoked, when what its minter proved itself with is withdrawn (a shared token that
// leaves the policy; what was minted on another proof stays), when the service leaves the policy, and when the store is restored or moved to another one:
// for the next call of every session that came of it, in every process of the store.
//
// A token whose record is not there is invalid. Only a service's own sessions mint and revoke its tokens: not one that
// was narrowed, and so no bearer of a token; that one narrows its token in place of minting.
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
	// DefaultLifetime is that of a token whose Grant names none.
	DefaultLifetime = time.Hour
	// MaxRules is how many rules a Grant has at most.
	MaxRules = 64
	// MaxCaveats is how many caveats a token has at most, and MaxCaveat the size of one in bytes.
	MaxCaveats = 32
	MaxCaveat  = 1024
	// MaxBearer is the size limit of a bearer token as text, in bytes.
	MaxBearer = 8 << 10
)

// Config is what an Issuer may be told; the zero Config suits most.
type Config struct {
	// MaxLifetime is the longest lifetime that a token is minted with. 0: 30 days.
	MaxLifetime time.Duration
	// MaxPerService is how many live tokens a service has at most. 0: 1,000; at most 10,000.
	MaxPerService int
}

const (
	defaultMaxLifetime   = 30 * 24 * time.Hour
	defaultMaxPerService = 1000
	mostPerService       = 10_000
)

// Issuer mints, checks and revokes the tokens of one vault. It holds no state of its own, so every
// process of a store may have one. It may be used by many goroutines, and needs no Close.
type Issuer struct {
	vault     *myvault.Vault
	extension *myvault.Extension
	config    Config
	decoy     myvault.Value // a record that stands in for one that is not there, so that the work is the same
	// decoyKey is no token's key.
	decoyKey []byte
}

// New makes the issuer of a vault. ErrInvalid for a nil vault and for limits out of range.
func New(vault *myvault.Vault, config Config) (*Issuer, error) {
	if vault == nil {
		return nil, fmt.Errorf("tokens: %w: an issuer needs a vault", myvault.ErrInvalid)
	}
	if config.MaxLifetime == 0 {
		config.MaxLifetime = defaultMaxLifetime
	}
	if config.MaxPerService == 0 {
		config.MaxPerService = defaultMaxPerService
	}
	if config.MaxLifetime < time.Second || config.MaxPerService < 1 || config.MaxPerService > mostPerService {
		return nil, fmt.Errorf("tokens: %w: MaxLifetime is at least a second, MaxPerService 1 to %d", myvault.ErrInvalid, mostPerService)
	}
	extension, err := vault.Extend("tokens")
	if err != nil {
		return nil, err
	}
	i := &Issuer{vault: vault, extension: extension, config: config, decoyKey: newKey()}
	decoy := record{Version: recordVersion, Key: newKey(), Proof: "token:" + strings.Repeat("0", 64), Incarnation: vault.Incarnation(), Rules: []byte(`["*/*/"]`)}
	i.decoy, err = decoy.value()
	return i, err
}

// Of reports whether the issuer is that of the vault.
func (i *Issuer) Of(vault *myvault.Vault) bool { return i.vault == vault }

// MaxLifetime gives the longest lifetime that the issuer mints a token with.
func (i *Issuer) MaxLifetime() time.Duration { return i.config.MaxLifetime }

// newKey draws a root key.
func newKey() []byte {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails: it crashes the program where there is no randomness
	return key
}
