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
// is; ErrDenied and ErrInvalid for a session as for Mint.
//
// An operator who changes the shared token of a service ends what was minted on it. What was minted on a
// client certificate alone, or by an embedding program (vault.As), lives on; and as long as a record is there,
// what was minted on a shared token comes back with it. So to be rid of all, in a program with the vault: List and
// Revoke as vault.As(service), and, behind a change of shared tokens, [Issuer.Sweep].
func (i *Issuer) Revoke(ctx context.Context, by *myvault.Session, id string) error {
	if _, err := i.own(ctx, by); err != nil {
		return err
	}
	at, ok := parseID(id)
	if !ok || at.service != by.Service() {
		return fmt.Errorf("tokens: %w: the service has no live token of that id", myvault.ErrNotFound)
	}
	if _, err := i.find(ctx, at); err != nil {
		return err
	}
	return i.extension.DestroyRecord(ctx, by, at.path(), at.version)
}

// List yields the live tokens of the service that by acts for, without their secret, ordered by place.
// ErrDenied and ErrInvalid for a session as for Mint.
func (i *Issuer) List(ctx context.Context, by *myvault.Session) iter.Seq2[Token, error] {
	return i.ListAfter(ctx, by, "")
}

// ListAfter yields what List does behind the token of that ID, which may have ended, or all for
// "". ErrInvalid if it is no ID of a token of the service.
func (i *Issuer) ListAfter(ctx context.Context, by *myvault.Session, id string) iter.Seq2[Token, error] {
	return func(yield func(Token, error) bool) {
		if _, err := i.own(ctx, by); err != nil {
			yield(Token{}, err)
			return
		}
		after := ""
		if id != "" {
			at, ok := parseID(id)
			if !ok || at.service != by.Service() {
				yield(Token{}, fmt.Errorf("tokens: %w: the service has no token of that id", myvault.ErrInvalid))
				return
			}
			after = at.path()
		}
		for info, err := range i.extension.ListRecords(ctx, by.Service()+"/", after) {
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
	if err == nil {
		r, err = r.understand()
	}
	if err == nil {
		err = i.holds(ctx, at, r.Expires)
	}
	if err == nil {
		err = i.minterEnded(ctx, at.service, r)
	}
	if errors.Is(err, myvault.ErrUnauthenticated) { // no other error says that it has ended
		err = myvault.ErrNotFound
	}
	if err != nil {
		return Token{}, err
	}
	return r.token(at), nil
}

// minterEnded returns the error with which the session that minted the token has ended, or nil.
func (i *Issuer) minterEnded(ctx context.Context, service string, r record) error {
	s, err := i.resume(service, r)
	if err != nil {
		return err
	}
	return i.extension.Ended(ctx, s)
}

// placeOf reads where a record stands.
func placeOf(info myvault.Info) (place, bool) {
	service, slot, _ := strings.Cut(info.Path, "/")
	return parseID(fmt.Sprintf("%s.%s.%d", service, slot, info.Version))
}
