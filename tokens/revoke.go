package tokens

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/myswiftagent/myvault"
)

// Revoke ends a token of the service that by acts for, with all that was narrowed from it, in every process of
// the store: its key is destroyed. ErrNotFound for what is no live token of the service, whoever's it
// is; ErrDenied as for Mint. An operator ends all tokens of a service by changing its shared token, or one
// in a program with the vault by vault.As(service).
func (i *Issuer) Revoke(ctx context.Context, by *myvault.Session, id string) error {
	if err := i.own(ctx, by); err != nil {
		return err
	}
	at, ok := parseID(id)
	if !ok || at.service != by.Service() {
		return fmt.Errorf("tokens: %w: the service has no live token of that id", myvault.ErrNotFound)
	}
	if _, err := i.find(ctx, at); err != nil {
		return err
	}
	return i.records.Destroy(ctx, by, at.path(), at.version)
}

// List yields the live tokens of the service that by acts for, without their secret, ordered by place.
func (i *Issuer) List(ctx context.Context, by *myvault.Session) iter.Seq2[Token, error] {
	return func(yield func(Token, error) bool) {
		if err := i.own(ctx, by); err != nil {
			yield(Token{}, err)
			return
		}
		for info, err := range i.records.List(ctx, by.Service()+"/", "") {
			if err != nil {
				yield(Token{}, err)
				return
			}
			t, err := i.describe(ctx, by, info)
			if errors.Is(err, myvault.ErrNotFound) {
				continue // it ended
			}
			if !yield(t, err) || err != nil {
				return
			}
		}
	}
}

// describe gives the token of a record, ErrNotFound where it has ended.
func (i *Issuer) describe(ctx context.Context, by *myvault.Session, info myvault.Info) (Token, error) {
	at, ok := placeOf(info)
	if !ok || at.service != by.Service() {
		return Token{}, myvault.ErrNotFound
	}
	r, err := i.find(ctx, at)
	if err == nil && (i.holds(ctx, at, r.Expires) != nil || i.vault.Resume(at.service, r.proof).Ended(ctx) != nil) {
		err = myvault.ErrNotFound
	}
	return r.token(at), err
}

// placeOf reads where a record stands.
func placeOf(info myvault.Info) (place, bool) {
	service, slot, _ := strings.Cut(info.Path, "/")
	return parseID(fmt.Sprintf("%s.%s.%d", service, slot, info.Version))
}

// Sweep destroys the records of tokens that have expired, and gives their number. Nothing depends on
// it: they let nobody in, and their places are used again. It acts in the name "tokens".
func (i *Issuer) Sweep(ctx context.Context) (int, error) {
	by := i.vault.As("tokens")
	n := 0
	for info, err := range i.records.List(ctx, "", "") {
		if err != nil {
			return n, err
		}
		secret, err := i.records.Get(ctx, info.Path)
		if err == nil && secret.Version == info.Version && i.over(secret.Value) {
			err = i.records.Destroy(ctx, by, info.Path, info.Version)
			n++
		}
		if err != nil && !errors.Is(err, myvault.ErrNotFound) {
			return n, err
		}
	}
	return n, nil
}
