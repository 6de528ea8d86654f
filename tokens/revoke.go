package tokens

import (
	"context"
	"fmt"

	"github.com/myswiftagent/myvault"
)

// Revoke ends a token of the service of session by, and every token narrowed from it, in every
// process that uses the store. It destroys the token's key. It returns ErrNotFound if the
// service has no live token with that ID, and ErrDenied and ErrInvalid as Mint does.
//
// An operator who changes the shared token of a service also ends the tokens minted with it.
// Two cases remain. Tokens minted with a client certificate, or by an embedding program with
// Vault.As, stay valid. And until their records are destroyed, tokens minted with the old
// shared token become valid again if it returns to the policy. To end all tokens of a service,
// List and Revoke them as Vault.As(service), and call [Issuer.Sweep] after the change.
func (i *Issuer) Revoke(ctx context.Context, by *myvault.Session, id string) error {
	if _, err := i.checkService(ctx, by); err != nil {
		return err
	}
	parsed, ok := parseID(id)
	if !ok || parsed.service != by.Service() {
		return fmt.Errorf("tokens: %w: the service has no live token with that ID", myvault.ErrNotFound)
	}
	if _, err := i.find(ctx, parsed); err != nil {
		return err
	}
	return i.extension.DestroyRecord(ctx, by, parsed.path(), parsed.version)
}

// RevokeOwn ends the token that its bearer presents in c, and every token narrowed from it. It
// returns ErrUnauthenticated as Login does, and ErrDenied for a narrowed token: its holder must
// not end the token that it came from.
func (i *Issuer) RevokeOwn(ctx context.Context, c Credentials) error {
	session, t, err := i.LoginToken(ctx, c)
	if err != nil {
		return err
	}
	if t.Narrowed {
		return fmt.Errorf("tokens: %w: a narrowed token cannot be revoked by its holder; it ends with the token it came from", myvault.ErrDenied)
	}
	id, _ := parseID(t.ID)
	return i.extension.DestroyRecord(ctx, session, id.path(), id.version)
}
