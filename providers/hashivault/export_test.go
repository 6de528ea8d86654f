package hashivault

import (
	"context"
	"net"
)

// Over returns a Config that connects by dial in place of TCP.
func Over(c Config, dial func(ctx context.Context, network, address string) (net.Conn, error)) Config {
	c.dial = dial
	return c
}
