package serve

import "time"

// Expiry has the times at which the certificates of a server end.
type Expiry struct {
	Certificate time.Time // the server's certificate, without the intermediate ones
	ClientCA    time.Time // the authority of clients that ends first; zero: there is none
}

// Expiry returns the times of the certificates that new connections get.
func (c *Certificates) Expiry() Expiry { return c.current.Load().expiry }
