package tokens

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"gopkg.in/macaroon.v2"

	"github.com/myswiftagent/myvault"
)

// Grant describes a token to mint.
type Grant struct {
	Rules       []myvault.Rule     // 1 to 64: the rights that it grants, as far as its service has them
	Lifetime    time.Duration      // whole seconds; 0: DefaultLifetime
	Certificate *[sha256.Size]byte // SHA-256 of the client certificate that Login requires; nil: none
}

// Token describes a minted token. Only its Bearer is secret.
type Token struct {
	ID          string        // "<service>.<number>.<number>", never reused
	Bearer      myvault.Value // set by Mint alone: it cannot be retrieved again
	Service     string
	IssuedAt    time.Time
	ExpiresAt   time.Time
	Rules       []myvault.Rule
	Certificate string // SHA-256 of the client certificate that Login requires, in hexadecimal; "": none
	Narrowed    bool   // set by LoginToken alone: the bearer has caveats
}

// Mint makes a token for the service of session by. It returns ErrDenied for a session of an
// unknown service and for a restricted session, such as that of a token. It returns ErrInvalid
// for a session of another vault and for a Grant out of range. It returns ErrTooLarge if the
// service has Config.MaxPerService live tokens, and if the rules are too long.
func (i *Issuer) Mint(ctx context.Context, by *myvault.Session, g Grant) (Token, error) {
	authentication, err := i.checkService(ctx, by)
	if err != nil {
		return Token{}, err
	}
	r, err := i.newRecord(authentication, g)
	if err != nil {
		return Token{}, err
	}
	value, err := r.value()
	if err != nil {
		return Token{}, err
	}
	id, err := i.storeRecord(ctx, by, value)
	if err != nil {
		return Token{}, err
	}
	m, err := macaroon.New(r.Key, []byte(idPrefix+id.String()), "", macaroon.V2)
	if err != nil {
		return Token{}, fmt.Errorf("tokens: minting: %w", err)
	}
	t := r.token(id)
	t.Bearer, err = encodeBearer(m)
	return t, err
}

// checkService returns how by authenticated, or an error unless by is an unrestricted session of a
// service of this vault.
func (i *Issuer) checkService(ctx context.Context, by *myvault.Session) (authentication string, err error) {
	authentication, err = i.extension.Authentication(ctx, by)
	if by == nil || errors.Is(err, myvault.ErrDenied) {
		return "", fmt.Errorf("tokens: %w: only an unrestricted session of the service can manage its tokens; "+
			"the bearer of a token can narrow it", myvault.ErrDenied)
	}
	if err != nil {
		return "", err
	}
	_, err = by.Rights(ctx) // fails, and records it, for unknown services and ended sessions
	return authentication, err
}

// newRecord returns the record of a new token.
func (i *Issuer) newRecord(authentication string, g Grant) (record, error) {
	if g.Lifetime == 0 {
		g.Lifetime = min(DefaultLifetime, i.config.MaxLifetime)
	}
	if g.Lifetime < time.Second || g.Lifetime > i.config.MaxLifetime || g.Lifetime%time.Second != 0 {
		return record{}, fmt.Errorf("tokens: %w lifetime: use whole seconds, 1s to %s", myvault.ErrInvalid, i.config.MaxLifetime)
	}
	texts, err := encodeRules(g.Rules)
	if err != nil {
		return record{}, err
	}
	now := time.Now().UTC().Truncate(time.Second)
	r := record{
		Version: recordVersion, Key: newKey(), Authentication: authentication,
		Incarnation: i.vault.Incarnation(),
		Issued:      now, Expires: now.Add(g.Lifetime), Rules: texts, rules: slices.Clone(g.Rules),
	}
	if g.Certificate != nil {
		r.Certificate = hex.EncodeToString(g.Certificate[:])
	}
	return r, nil
}

// maxRulesSize is the size limit of the rules of a token, in bytes: half of that of a record.
const maxRulesSize = 8 << 10

// encodeRules returns the rules as a record stores them.
func encodeRules(rules []myvault.Rule) (jsontext.Value, error) {
	if len(rules) == 0 || len(rules) > MaxRules {
		return nil, fmt.Errorf("tokens: %w rules: use 1 to %d", myvault.ErrInvalid, MaxRules)
	}
	texts, size := make([]string, len(rules)), 0
	for n, rule := range rules {
		if rule.Actions() == 0 {
			return nil, fmt.Errorf("tokens: %w rule: it is the zero Rule; use ParseRule", myvault.ErrInvalid)
		}
		texts[n] = rule.String()
		size += len(texts[n])
	}
	if size > maxRulesSize {
		return nil, fmt.Errorf("tokens: %w: the rules have more than %d bytes", myvault.ErrTooLarge, maxRulesSize)
	}
	return json.Marshal(texts)
}

func (r record) token(id tokenID) Token {
	return Token{
		ID: id.String(), Service: id.service, IssuedAt: r.Issued, ExpiresAt: r.Expires,
		Rules: r.rules, Certificate: r.Certificate,
	}
}

// randomTries is how many random slots storeRecord tries before it tries all of them.
const randomTries = 8

// storeRecord stores the record of a new token in a free slot of its service. A service has
// one slot for each live token that it may have, so concurrent minters cannot exceed the
// limit. Slots are reused, so tokens add no names to the store. The log of changes still grows.
func (i *Issuer) storeRecord(ctx context.Context, by *myvault.Session, value myvault.Value) (tokenID, error) {
	for range randomTries {
		id, err := i.useSlot(ctx, by, rand.IntN(i.config.MaxPerService), value)
		if !errors.Is(err, myvault.ErrExists) {
			return id, err
		}
	}
	for slot := range i.config.MaxPerService {
		id, err := i.useSlot(ctx, by, slot, value)
		if !errors.Is(err, myvault.ErrExists) {
			return id, err
		}
	}
	return tokenID{}, fmt.Errorf("tokens: %w: the service has the maximum of %d live tokens; revoke one",
		myvault.ErrTooLarge, i.config.MaxPerService)
}

// useSlot stores a record in a slot that is free, or whose token has ended. It returns
// ErrExists for a slot in use.
func (i *Issuer) useSlot(ctx context.Context, by *myvault.Session, slot int, value myvault.Value) (tokenID, error) {
	id := tokenID{service: by.Service(), slot: slot}
	secret, err := i.extension.GetRecord(ctx, id.path())
	switch {
	case err == nil && !i.hasEnded(ctx, id.service, secret.Value):
		return tokenID{}, myvault.ErrExists
	case err == nil:
		err = i.extension.DestroyRecord(ctx, by, id.path(), secret.Version)
	case errors.Is(err, myvault.ErrNotFound):
		err = nil
	}
	if err != nil {
		return tokenID{}, err
	}
	info, err := i.extension.PutRecord(ctx, by, id.path(), value, myvault.IfAbsent())
	id.version = info.Version
	return id, err
}
