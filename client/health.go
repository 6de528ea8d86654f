package client

import (
	"context"

	"github.com/myswiftagent/myvault"
)

// Health returns nil if the server and its store answer, else ErrUnavailable. It sends no identity.
func (c *Client) Health(ctx context.Context) error {
	return fail("health", myvault.Address{}, c.probe(ctx, "/health"))
}

// Ready returns nil if the server takes requests, else ErrUnavailable, also while it is about to
// stop. It sends no identity.
func (c *Client) Ready(ctx context.Context) error {
	return fail("ready", myvault.Address{}, c.probe(ctx, "/ready"))
}

// probe asks once: the answer is about now.
func (c *Client) probe(ctx context.Context, path string) error {
	r := read(path, nil)
	r.public = true
	_, err := c.doTimes(ctx, r, nil, 1)
	return err
}
