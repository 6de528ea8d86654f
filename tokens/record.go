package tokens

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/myswiftagent/myvault"
)

const recordVersion = 1

// record is the encrypted record that the vault keeps of a token.
type record struct {
	Version        int            `json:"v"`
	Key            []byte         `json:"key"`         // the root key of the macaroon
	Authentication string         `json:"proof"`       // how the minter authenticated
	Incarnation    string         `json:"incarnation"` // that of the store when it was minted
	Issued         time.Time      `json:"issued"`
	Expires        time.Time      `json:"expires"`
	Rules          jsontext.Value `json:"rules"`                 // an array of strings
	Certificate    string         `json:"certificate,omitempty"` // SHA-256 of the leaf in hexadecimal

	rules []myvault.Rule // set by parseDetails
}

// errUnreadable omits the cause, which may quote the record.
func errUnreadable() error {
	return fmt.Errorf("tokens: %w: a record is malformed or of another version", myvault.ErrTampered)
}

func (r record) value() (myvault.Value, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return myvault.Value{}, fmt.Errorf("tokens: writing a record: %w", err)
	}
	return myvault.Bytes(text), nil
}

// parseRecord parses a record, or returns ErrTampered. It leaves the authentication and the
// rules to parseDetails, whose time depends on the number of rules: Login must not reveal that
// number to a caller without the token.
func parseRecord(v myvault.Value) (record, error) {
	var r record
	text := v.RevealBytes()
	defer clear(text)
	if err := json.Unmarshal(text, &r, json.RejectUnknownMembers(true)); err != nil || r.Version != recordVersion || len(r.Key) == 0 {
		return record{}, errUnreadable()
	}
	return r, nil
}

// resume returns a session of service that ends when check fails, and when the session that minted
// the token would. It returns ErrUnauthenticated if that has ended, and ErrTampered if the record's
// authentication is malformed.
func (i *Issuer) resume(service string, r record, check func(context.Context) error) (*myvault.Session, error) {
	s, err := i.extension.Resume(service, r.Authentication, check)
	if errors.Is(err, myvault.ErrInvalid) {
		return nil, errUnreadable()
	}
	return s, err
}

// minterEnded returns the error of the minter's authentication if it has ended, or nil.
func (i *Issuer) minterEnded(service string, r record) error {
	_, err := i.resume(service, r, nil)
	return err
}

// parseDetails parses the rules. It returns ErrTampered if they are malformed.
func (r record) parseDetails() (record, error) {
	var texts []string
	if err := json.Unmarshal(r.Rules, &texts); err != nil {
		return record{}, errUnreadable()
	}
	for _, text := range texts {
		rule, err := myvault.ParseRule(text)
		if err != nil {
			return record{}, errUnreadable()
		}
		r.rules = append(r.rules, rule)
	}
	return r, nil
}

// find returns the record of a token. It returns ErrNotFound if the token was revoked or never
// minted: the slot is empty, or its record has another version or incarnation. In that case it
// returns the other record with ErrNotFound.
func (i *Issuer) find(ctx context.Context, id tokenID) (record, error) {
	secret, err := i.extension.GetRecord(ctx, id.path())
	if err != nil {
		return record{}, err
	}
	r, err := parseRecord(secret.Value)
	if err != nil {
		return record{}, err
	}
	if secret.Version != id.version || r.Incarnation != i.vault.Incarnation() {
		return r, myvault.ErrNotFound
	}
	return r, nil
}

// checkLive returns ErrUnauthenticated if the token has been revoked or until has passed.
func (i *Issuer) checkLive(ctx context.Context, id tokenID, until time.Time) error {
	if !time.Now().Before(until) {
		return myvault.ErrUnauthenticated
	}
	_, err := i.find(ctx, id)
	if errors.Is(err, myvault.ErrNotFound) {
		return myvault.ErrUnauthenticated
	}
	return err
}
