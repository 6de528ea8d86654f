package hashivault

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/transport"
)

// Config describes where Vault is and how to log in. Nothing is read from the environment:
// VAULT_ADDR, VAULT_TOKEN and the like have no effect, and no proxy is used.
type Config struct {
	// Addresses are the base URLs of the nodes of one cluster, such as
	// https://vault-1.example:8200. At least one is needed. The first one that answers is used.
	// Vault's api_addr of each node must be among them: redirects to other hosts are refused.
	// Except on loopback they must be https, unless Plaintext is set.
	Addresses []string
	// Plaintext allows http addresses beyond loopback. Anyone who can read that network then
	// reads the token and every value.
	Plaintext bool
	// Mount is where the KV version 2 engine is mounted. Empty means "secret". Mounts and Base
	// must not contain the segments . and .., double slashes, ?, # or %.
	Mount string
	// Base is the path below the mount that holds the store. Empty means "myvault".
	Base string
	// Namespace is that of Vault Enterprise. Empty means none. The community edition ignores it.
	Namespace string
	// Token is the token to use. Exactly one of Token and AppRole is needed.
	Token myvault.Value
	// AppRole is the role to log in with.
	AppRole *AppRole
	// TLS configures https addresses: own CA, client certificate, server name. Open reads the
	// files.
	TLS api.TLSConfig
	// Timeout is for one request to one node. 0 means 5 seconds.
	Timeout time.Duration
	// KeepVersions is how many versions of a secret the mount must keep at least. Open refuses
	// a mount that keeps fewer. 0 means 1000.
	KeepVersions int
	// MaxProjects is how many projects can be registered. One more is myvault.ErrTooLarge. 0
	// means myvault.MaxProjects.
	MaxProjects int
	// WatchInterval is how often the secrets that are watched are listed, see [Store.Watch]. Each
	// costs a request for each folder and for each secret. 0 means 5 seconds.
	WatchInterval time.Duration
	// ReadOnly makes Apply return [errors.ErrUnsupported]. Open creates no store: if there is
	// none, it reads as an empty one. Nothing is written to Vault.
	ReadOnly bool

	dial transport.Dialer // nil: TCP; tests connect in memory
}

// AppRole logs in with a role id and a secret id.
type AppRole struct {
	Mount    string // of the auth method; empty means "approle"
	RoleID   string
	SecretID myvault.Value // may be zero if the role does not need one
}

const (
	defaultTimeout      = 5 * time.Second
	defaultKeepVersions = 1000

	defaultWatchInterval = 5 * time.Second
)

// Check returns all reasons for which [Open] would refuse the Config before it asks Vault, as
// myvault.ErrInvalid, or nil. It reads the files of TLS.
func (c Config) Check() error {
	_, err := c.withDefaults()
	_, err2 := c.parseAddresses()
	_, err3 := c.tls()
	return errors.Join(err, err2, err3)
}

// withDefaults returns the Config with its zero fields filled in.
func (c Config) withDefaults() (Config, error) {
	c.Mount = strings.Trim(cmp.Or(c.Mount, "secret"), "/")
	c.Base = strings.Trim(cmp.Or(c.Base, "myvault"), "/")
	c.Timeout = cmp.Or(c.Timeout, defaultTimeout)
	c.KeepVersions = cmp.Or(c.KeepVersions, defaultKeepVersions)
	c.WatchInterval = cmp.Or(c.WatchInterval, defaultWatchInterval)
	c.MaxProjects = cmp.Or(max(c.MaxProjects, 0), myvault.MaxProjects)
	var wrong []error
	if len(c.Addresses) == 0 {
		wrong = append(wrong, errors.New("no address; add at least one node of the cluster"))
	}
	paths := []string{c.Mount, c.Base}
	if c.AppRole != nil {
		role := *c.AppRole // the caller's own is not changed
		role.Mount = strings.Trim(cmp.Or(role.Mount, "approle"), "/")
		c.AppRole, paths = &role, append(paths, role.Mount)
	}
	if !allPlain(paths) {
		wrong = append(wrong, errors.New("mounts and base path must not contain . and .. as segments, double slashes, ?, # or %"))
	}
	if (c.Token.Len() == 0) == (c.AppRole == nil) {
		wrong = append(wrong, errors.New("set either a token or an AppRole"))
	}
	if strings.ContainsFunc(c.Token.Reveal(), func(r rune) bool { return r <= ' ' || r > '~' }) {
		wrong = append(wrong, errors.New("the token has a character that no token has, perhaps a line end"))
	}
	if c.AppRole != nil && c.AppRole.RoleID == "" {
		wrong = append(wrong, errors.New("the AppRole has no role id"))
	}
	if c.Timeout < 0 || c.KeepVersions < 1 || c.WatchInterval < 0 {
		wrong = append(wrong, errors.New("timeout, watch interval and number of versions must be positive"))
	}
	if err := errors.Join(wrong...); err != nil {
		return c, fmt.Errorf("%w configuration: %w", myvault.ErrInvalid, err)
	}
	return c, nil
}

// allPlain reports whether the paths need no escaping in a URL.
func allPlain(paths []string) bool {
	return !slices.ContainsFunc(paths, func(p string) bool {
		return path.Clean(p) != p || p == "." || strings.HasPrefix(p, "..") || strings.ContainsAny(p, "?#%")
	})
}

// parseAddresses returns the base URLs, which have a scheme, a host and nothing else.
func (c Config) parseAddresses() ([]*url.URL, error) {
	var all []*url.URL
	for i, text := range c.Addresses {
		u, err := url.Parse(strings.TrimSuffix(text, "/"))
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Path+u.RawQuery+u.Fragment != "" || u.User != nil {
			// The text may contain a password, as user:password@host.
			return nil, fmt.Errorf("%w configuration: address %d is not of the form https://host:port", myvault.ErrInvalid, i+1)
		}
		if u.Scheme == "http" && !c.Plaintext && !isLoopback(u.Hostname()) {
			return nil, fmt.Errorf("%w configuration: address %d would get the token and the values in plaintext; use https, or allow this (Plaintext; VAULT_PLAINTEXT of the example server)",
				myvault.ErrInvalid, i+1)
		}
		all = append(all, u)
	}
	if slices.ContainsFunc(all, func(u *url.URL) bool { return u.Scheme != all[0].Scheme }) {
		return nil, fmt.Errorf("%w configuration: addresses must be all http or all https", myvault.ErrInvalid)
	}
	return all, nil
}

// isLoopback reports whether the host can only be this machine.
func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return strings.EqualFold(strings.TrimSuffix(host, "."), "localhost")
	}
	return addr.Unmap().IsLoopback()
}

// tls returns the TLS configuration for https addresses.
func (c Config) tls() (*tls.Config, error) {
	// ConfigureTLS changes the configuration of the client's transport, and reads no
	// environment as long as there is a client.
	t := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}
	settings := api.Config{HttpClient: &http.Client{Transport: t}}
	if err := settings.ConfigureTLS(&c.TLS); err != nil {
		return nil, fmt.Errorf("%w configuration: TLS: %w", myvault.ErrInvalid, err)
	}
	return t.TLSClientConfig, nil
}
