package client

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/myswiftagent/myvault"
)

// changeBody is a change in the body of a request.
type changeBody struct {
	Op      string `json:"op"`
	Project string `json:"project"`
	Path    string `json:"path"`
	*valueBody
	IfAbsent  bool            `json:"if_absent,omitzero"`
	IfVersion myvault.Version `json:"if_version,omitzero"`
}

// valueBody is a new version in the body of a request.
type valueBody struct {
	Value       string    `json:"value,omitempty"`
	Encoding    string    `json:"encoding,omitempty"`
	Generate    *Generate `json:"generate,omitzero"`
	ExpiresAt   string    `json:"expires_at,omitempty"`
	RotateAfter string    `json:"rotate_after,omitempty"`
}

// body returns a put or delete for a request. It runs the generator of a put.
func body(ctx context.Context, change myvault.Change) (changeBody, error) {
	b := changeBody{Project: change.Address.Project, Path: change.Address.Path, IfVersion: change.If.Version()}
	switch {
	case change.Op == myvault.OpPut && change.If != myvault.IfPresent():
		b.Op, b.IfAbsent = "put", change.If == myvault.IfAbsent()
		value, err := newValue(ctx, change)
		b.valueBody = &value
		return b, err
	case change.Op == myvault.OpDelete && change.If != myvault.IfAbsent(): // a delete implies IfPresent
		b.Op = "delete"
		return b, nil
	}
	return b, fmt.Errorf("%w over HTTP: several changes can be puts and deletes, under IfAbsent or IfVersion", errors.ErrUnsupported)
}

// newValue returns the version that a put makes.
func newValue(ctx context.Context, change myvault.Change) (valueBody, error) {
	b := valueBody{ExpiresAt: timeText(change.Expires), RotateAfter: timeText(change.RotateAfter)}
	value := change.Value
	if change.Generate != nil {
		var err error
		if value, err = change.Generate(ctx); err == nil {
			err = value.Validate()
		}
		if err != nil {
			return b, fmt.Errorf("%w: %w", myvault.ErrGenerator, err)
		}
	}
	if b.Value = value.Reveal(); !utf8.ValidString(b.Value) || len(b.Value) > maxText {
		b.Value, b.Encoding = base64.StdEncoding.EncodeToString([]byte(b.Value)), base64Encoding
	}
	return b, nil
}

// maxText is the size of the largest value that is sent as text, in bytes: JSON may write a byte
// as six, and a body has up to 1 MiB.
const maxText = 128 << 10
