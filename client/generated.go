package client

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/myswiftagent/myvault"
)

// Generate describes a value that the server generates: Length characters of an Alphabet, Bytes in
// an Encoding, or the result of a Function of the server. The zero Generate is 32 letters and
// digits.
type Generate struct {
	Length   int    `json:"length,omitzero"`    // 0: 32
	Alphabet string `json:"alphabet,omitempty"` // "": alphanumeric; else hex, base64url, readable, printable
	Bytes    int    `json:"bytes,omitzero"`     // 0: 32, if Encoding is set
	Encoding string `json:"encoding,omitempty"` // "": base64url, if Bytes is set; else base64, base64url-unpadded, hex
	Function string `json:"function,omitempty"` // with none of the others
}

// PutGenerated makes a new version with a value that the server generates, so that this process
// does not see it. The trail records it as "generate". ErrInvalid if g asks for less than 64 random
// bits or mixes its forms.
func (c *Client) PutGenerated(ctx context.Context, addr myvault.Address, g Generate, expires, rotateAfter time.Time, conditions ...myvault.Condition) (myvault.Info, error) {
	condition, err := join(conditions)
	if err == nil {
		err = addr.Validate()
	}
	if err != nil {
		return myvault.Info{}, fail("put", myvault.Address{}, err)
	}
	value := valueBody{Generate: &g, ExpiresAt: timeText(expires), RotateAfter: timeText(rotateAfter)}
	if condition == myvault.IfPresent() {
		info, err := c.patch(ctx, addr, value)
		return info, fail("put", addr, err)
	}
	infos, err := c.send(ctx, []changeBody{{
		Op: "put", Project: addr.Project, Path: addr.Path, valueBody: &value,
		IfAbsent: condition == myvault.IfAbsent(), IfVersion: condition.Version(),
	}}, condition.Version() > 0)
	if err != nil {
		return myvault.Info{}, fail("put", addr, withoutIndex(err))
	}
	return infos[0], nil
}

// patch makes a new version of a live secret.
func (c *Client) patch(ctx context.Context, addr myvault.Address, value valueBody) (myvault.Info, error) {
	var made item
	r := change(http.MethodPatch, secretPath("/api/secrets", addr), value)
	if value.Value != "" {
		r.secrets = []string{value.Value}
	}
	_, err := c.do(ctx, r, &made)
	c.cache.forget(err, addr)
	if err != nil {
		return myvault.Info{}, err
	}
	info, err := made.info()
	if err != nil {
		return info, errUnreadable
	}
	return info, nil
}

// withoutIndex returns the cause of the error of a single change.
func withoutIndex(err error) error {
	if failed, ok := errors.AsType[*myvault.ChangeError](err); ok {
		return failed.Err
	}
	return err
}
