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

// Grant is what a token is to be good for.
type Grant struct {
	Rules       []myvault.Rule     // 1 to 64: what it may do, where its service may too
	Lifetime    time.Duration      // whole seconds; 0: DefaultLifetime
	Certificate *[sha256.Size]byte // SHA-256 of the client certificate that must be shown; nil: none
}

// Token tells of a token that was minted. The fields other than Bearer are no secret.
type Token struct {
	ID          string        // "<service>.<number>.<number>", never given to another one
	Bearer      myvault.Value // set by Mint alone: it cannot be had again
	Service     string
	IssuedAt    time.Time
	ExpiresAt   time.Time
	Rules       []myvault.Rule
	Certificate string // SHA-256 of the client certificate, in hexadecimal digits; "": none is needed
}

// Mint makes a token of the service that by acts for. ErrDenied for a stranger and for a session that
// was narrowed, a bearer's among them; ErrInvalid for a session of another vault and for a Grant out of range; ErrTooLarge where
// the service has as many live tokens as it may.
func (i *Issuer) Mint(ctx context.Context, by *myvault.Session, g Grant) (Token, error) {
	authentication, err := i.own(ctx, by)
	if err != nil {
		return Token{}, err
	}
	r, err := i.grant(authentication, g)
	if err != nil {
		return Token{}, err
	}
	value, err := r.value()
	if err != nil {
		return Token{}, err
	}
	at, err := i.store(ctx, by, value)
	if err != nil {
		return Token{}, err
	}
	m, err := macaroon.New(r.Key, []byte(idPrefix+at.id()), "", macaroon.V2)
	if err != nil {
		return Token{}, fmt.Errorf("tokens: minting: %w", err)
	}
	t := r.token(at)
	t.Bearer, err = write(m)
	return t, err
}

// own wants a session of this vault that may do all that its service may.
// It returns how the session authenticated.
func (i *Issuer) own(ctx context.Context, by *myvault.Session) (authentication string, err error) {
	authentication, err = i.extension.Authentication(by)
	if by == nil || errors.Is(err, myvault.ErrDenied) {
		return "", fmt.Errorf("tokens: %w: only a service itself has to do with its tokens; who bears one can narrow it", myvault.ErrDenied)
	}
	if err != nil {
		return "", err
	}
	_, err = by.Rights(ctx) // strangers and sessions that have ended have none, and it is recorded
	return authentication, err
}

// grant makes the record.
func (i *Issuer) grant(authentication string, g Grant) (record, error) {
	if g.Lifetime == 0 {
		g.Lifetime = min(DefaultLifetime, i.config.MaxLifetime)
	}
	if g.Lifetime < time.Second || g.Lifetime > i.config.MaxLifetime || g.Lifetime%time.Second != 0 {
		return record{}, fmt.Errorf("tokens: %w lifetime: want whole seconds up to %s", myvault.ErrInvalid, i.config.MaxLifetime)
	}
	texts, err := written(g.Rules)
	if err != nil {
		return record{}, err
	}
	now := time.Now().UTC().Truncate(time.Second)
	r := record{
		Version: recordVersion, Key: newKey(), Proof: authentication, Incarnation: i.vault.Incarnation(),
		Issued: now, Expires: now.Add(g.Lifetime), Rules: texts, rules: slices.Clone(g.Rules),
	}
	if g.Certificate != nil {
		r.Certificate = hex.EncodeToString(g.Certificate[:])
	}
	return r, nil
}

// written gives the rules as a record holds them.
func written(rules []myvault.Rule) (jsontext.Value, error) {
	if len(rules) == 0 || len(rules) > MaxRules {
		return nil, fmt.Errorf("tokens: %w rules: want 1 to %d", myvault.ErrInvalid, MaxRules)
	}
	texts, size := make([]string, len(rules)), 0
	for n, rule := range rules {
		if rule.Actions() == 0 {
			return nil, fmt.Errorf("tokens: %w rule: a zero Rule; make rules with ParseRule", myvault.ErrInvalid)
		}
		texts[n] = rule.String()
		size += len(texts[n])
	}
	if size > myvault.MaxRecord/2 {
		return nil, fmt.Errorf("tokens: %w: the rules have over %d bytes", myvault.ErrTooLarge, myvault.MaxRecord/2)
	}
	return json.Marshal(texts)
}

func (r record) token(at place) Token {
	return Token{
		ID: at.id(), Service: at.service, IssuedAt: r.Issued, ExpiresAt: r.Expires, Rules: r.rules, Certificate: r.Certificate,
	}
}

// tries is how many places are looked at by chance, before all are.
const tries = 8

// store puts the record of a new token into a free place of its service. There are as many as it may have
// live tokens, so that the number holds whoever mints at the same time. What was minted once leaves no name
// behind; what the changes of its record leave, a store keeps as of every change.
func (i *Issuer) store(ctx context.Context, by *myvault.Session, value myvault.Value) (place, error) {
	for range tries {
		at, err := i.occupy(ctx, by, rand.IntN(i.config.MaxPerService), value)
		if !errors.Is(err, myvault.ErrExists) {
			return at, err
		}
	}
	for slot := range i.config.MaxPerService {
		at, err := i.occupy(ctx, by, slot, value)
		if !errors.Is(err, myvault.ErrExists) {
			return at, err
		}
	}
	return place{}, fmt.Errorf("tokens: %w: the service has %d live tokens, and the limit is that; revoke one", myvault.ErrTooLarge, i.config.MaxPerService)
}

// occupy takes one place if it is free, or if its token has ended; else ErrExists.
func (i *Issuer) occupy(ctx context.Context, by *myvault.Session, slot int, value myvault.Value) (place, error) {
	at := place{service: by.Service(), slot: slot}
	secret, err := i.extension.GetRecord(ctx, at.path())
	switch {
	case err == nil && !i.over(ctx, at.service, secret.Value):
		return place{}, myvault.ErrExists
	case err == nil:
		err = i.extension.DestroyRecord(ctx, by, at.path(), secret.Version)
	case errors.Is(err, myvault.ErrNotFound):
		err = nil
	}
	if err != nil {
		return place{}, err
	}
	info, err := i.extension.PutRecord(ctx, by, at.path(), value, myvault.IfAbsent())
	at.version = info.Version
	return at, err
}
