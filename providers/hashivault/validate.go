package hashivault

import "errors"

// Check returns everything for which [Open] would refuse the Config before it asks Vault, as
// myvault.ErrInvalid; nil if there is nothing. It reads the files of TLS.
func (c Config) Check() error {
	_, wrong := c.withDefaults()
	_, addresses := c.parseAddresses()
	_, tls := c.tls()
	return errors.Join(wrong, addresses, tls)
}
