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
// ErrDenied and ErrInvalid for a session as for Mint.
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
	if err == nil {
		r, err = r.understand()
	}
	if err == nil {
		err = i.holds(ctx, at, r.Expires)
	}
	if err == nil {
		err = i.vault.Resume(at.service, r.proof).Ended(ctx)
	}
	if errors.Is(err, myvault.ErrUnauthenticated) { // no other error says that it has ended
		err = myvault.ErrNotFound
	}
	if err != nil {
		return Token{}, err
	}
	return r.token(at), nil
}

// placeOf reads where a record stands.
func placeOf(info myvault.Info) (place, bool) {
	service, slot, _ := strings.Cut(info.Path, "/")
	return parseID(fmt.Sprintf("%s.%s.%d", service, slot, info.Version))
}

// Sweep destroys the records of tokens that have ended: that have expired, or rest on what the policy of this process
// no longer takes, such as a shared token that left it. It gives their number. A place that is needed is used again without it;
// but until then a shared token that comes back brings back what was minted on it. It acts in the name "tokens".
// Where several processes have one store, a new shared token stands beside the old one until all of them have it.
func (i *Issuer) Sweep(ctx context.Context) (int, error) {
	by := i.vault.As("tokens")
	n := 0
	for info, err := range i.records.List(ctx, "", "") {
		if err != nil {
			return n, err
		}
		secret, err := i.records.Get(ctx, info.Path)
		service, _, _ := strings.Cut(info.Path, "/")
		if err == nil && secret.Version == info.Version && i.over(ctx, service, secret.Value) {
			err = i.records.Destroy(ctx, by, info.Path, info.Version)
			n++
		}
		if err != nil && !errors.Is(err, myvault.ErrNotFound) {
			return n, err
		}
	}
	return n, nil
}
