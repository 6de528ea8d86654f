package tokens

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/myswiftagent/myvault"
)

// List yields the live tokens of the service of session by, without their Bearer, in a stable
// order. It yields ErrDenied and ErrInvalid as Mint returns them.
func (i *Issuer) List(ctx context.Context, by *myvault.Session) iter.Seq2[Token, error] {
	return i.ListAfter(ctx, by, "")
}

// ListAfter yields the tokens that List yields after the one with that ID, which may have
// ended. For "" it yields all. It yields ErrInvalid if the service cannot have a token with
// that ID.
func (i *Issuer) ListAfter(ctx context.Context, by *myvault.Session, id string) iter.Seq2[Token, error] {
	return func(yield func(Token, error) bool) {
		if _, err := i.checkService(ctx, by); err != nil {
			yield(Token{}, err)
			return
		}
		after := ""
		if id != "" {
			parsed, ok := parseID(id)
			if !ok || parsed.service != by.Service() {
				yield(Token{}, fmt.Errorf("tokens: %w: the service has no token with that ID", myvault.ErrInvalid))
				return
			}
			after = parsed.path()
		}
		for info, err := range i.extension.ListRecords(ctx, by.Service()+"/", after) {
			if err != nil {
				yield(Token{}, err)
				return
			}
			t, err := i.describe(ctx, by, info)
			if errors.Is(err, myvault.ErrNotFound) {
				continue // it has ended
			}
			if !yield(t, err) || err != nil {
				return
			}
		}
	}
}

// describe returns the token of a record, or ErrNotFound if it has ended.
func (i *Issuer) describe(ctx context.Context, by *myvault.Session, info myvault.Info) (Token, error) {
	id, ok := idOf(info)
	if !ok || id.service != by.Service() {
		return Token{}, myvault.ErrNotFound
	}
	r, err := i.find(ctx, id)
	if err == nil {
		r, err = r.parseDetails()
	}
	if err == nil {
		err = i.checkLive(ctx, id, r.Expires)
	}
	if err == nil {
		err = i.minterEnded(id.service, r)
	}
	if errors.Is(err, myvault.ErrUnauthenticated) { // it has ended
		err = myvault.ErrNotFound
	}
	if err != nil {
		return Token{}, err
	}
	return r.token(id), nil
}

// idOf returns the ID of the token whose record info describes.
func idOf(info myvault.Info) (tokenID, bool) {
	service, slot, _ := strings.Cut(info.Path, "/")
	return parseID(fmt.Sprintf("%s.%s.%d", service, slot, info.Version))
}
