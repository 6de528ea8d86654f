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

// record is what the vault keeps of a token, sealed.
type record struct {
	Version     int            `json:"v"`
	Key         []byte         `json:"key"`         // the root key of the macaroon
	Proof       string         `json:"proof"`       // what its minter rested on
	Incarnation string         `json:"incarnation"` // of the store that it was minted in
	Issued      time.Time      `json:"issued"`
	Expires     time.Time      `json:"expires"`
	Rules       jsontext.Value `json:"rules"`                 // an array of strings
	Certificate string         `json:"certificate,omitempty"` // hexadecimal SHA-256 of the leaf

	rules []myvault.Rule // as understand read them
}

// unreadable has no cause: it may quote what it did not understand.
func unreadable() error {
	return fmt.Errorf("tokens: %w: a record is none of this version", myvault.ErrTampered)
}

func (r record) value() (myvault.Value, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return myvault.Value{}, fmt.Errorf("tokens: writing a record: %w", err)
	}
	return myvault.Bytes(text), nil
}

// parseRecord reads a record as a whole or not at all: ErrTampered. What its rules say is left
// to understand: it takes longer, the more rules there are, and is not for those who have no such token.
func parseRecord(v myvault.Value) (record, error) {
	var r record
	text := v.RevealBytes()
	defer clear(text)
	if err := json.Unmarshal(text, &r, json.RejectUnknownMembers(true)); err != nil || r.Version != recordVersion || len(r.Key) == 0 {
		return record{}, unreadable()
	}
	return r, nil
}

// resume returns a session of service that ends when the one that minted the token would.
// ErrTampered if the record does not say which.
func (i *Issuer) resume(service string, r record) (*myvault.Session, error) {
	s, err := i.extension.Resume(service, r.Proof)
	if err != nil {
		return nil, unreadable()
	}
	return s, nil
}

// understand reads the rules. ErrTampered if they are malformed.
func (r record) understand() (record, error) {
	var texts []string
	if err := json.Unmarshal(r.Rules, &texts); err != nil {
		return record{}, unreadable()
	}
	for _, text := range texts {
		rule, err := myvault.ParseRule(text)
		if err != nil {
			return record{}, unreadable()
		}
		r.rules = append(r.rules, rule)
	}
	return r, nil
}

// find reads the record of a token. What is gone, of another version or of another life of the
// store is not found: the token is revoked, or was never made. The record that stands there
// comes with that error, if one does.
func (i *Issuer) find(ctx context.Context, at place) (record, error) {
	secret, err := i.extension.GetRecord(ctx, at.path())
	if err != nil {
		return record{}, err
	}
	r, err := parseRecord(secret.Value)
	if err != nil {
		return record{}, err
	}
	if secret.Version != at.version || r.Incarnation != i.vault.Incarnation() {
		return r, myvault.ErrNotFound
	}
	return r, nil
}

// holds reports whether a token still stands: it wraps ErrUnauthenticated where not.
func (i *Issuer) holds(ctx context.Context, at place, until time.Time) error {
	if !time.Now().Before(until) {
		return myvault.ErrUnauthenticated
	}
	_, err := i.find(ctx, at)
	if errors.Is(err, myvault.ErrNotFound) {
		return myvault.ErrUnauthenticated
	}
	return err
}
