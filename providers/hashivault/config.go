package hashivault

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/myswiftagent/myvault"
)

// Config says where Vault is and how to log in. Nothing is read from the environment:
// VAULT_ADDR, VAULT_TOKEN and their like do nothing here, and proxies are not used.
type Config struct {
	// Addresses are the base URLs of the nodes of one cluster, such as
	// https://vault-1.example:8200; at least one. The first one that answers is used. Vault's
	// own api_addr of each node must be among them: a redirect to any other host is refused.
	// Beyond loopback they are https, unless Plaintext is set.
	Addresses []string
	// Plaintext allows http addresses beyond loopback. Whoever can read that network then reads the
	// token and every value.
	Plaintext bool
	// Mount is where the KV version 2 engine is mounted. Empty means "secret". Mounts and
	// Base are plain paths: no . and .., double slashes, ?, # and %.
	Mount string
	// Base is the path below the mount that holds the store. Empty means "myvault".
	Base string
	// Namespace of Vault Enterprise. Empty means none; the community edition ignores it.
	Namespace string
	// Token to use. Exactly one of Token and AppRole is needed.
	Token myvault.Value
	// AppRole to log in with.
	AppRole *AppRole
	// TLS is for https addresses: own CA, client certificate, server name. Files are read by Open.
	TLS api.TLSConfig
	// Timeout of one request to one node. 0 means 5 seconds.
	Timeout time.Duration
	// KeepVersions is how many versions of a secret the mount must keep, at least; Open refuses
	// a mount that keeps fewer. 0 means 1000.
	KeepVersions int
	// MaxProjects is how many projects can be registered; one more is myvault.ErrTooLarge.
	// 0 means myvault.MaxProjects.
	MaxProjects int
	// ReadOnly makes Apply return [errors.ErrUnsupported]. Open makes no store: if there is none,
	// it reads as an empty one. Nothing is written to Vault.
	ReadOnly bool

	dial func(ctx context.Context, network, address string) (net.Conn, error) // nil: TCP; tests connect in memory
}

// AppRole logs in with a role id and a secret id.
type AppRole struct {
	Mount    string // of the auth method; empty means "approle"
	RoleID   string
	SecretID myvault.Value // may be the zero Value, where the role does not ask for one
}

// defaultKeep is the number of versions that a mount must keep unless Config says otherwise.
const defaultKeep = 1000

// withDefaults gives the Config with its zero fields filled in, or what is wrong with it.
func (c Config) withDefaults() (Config, error) {
	c.Mount = strings.Trim(cmp.Or(c.Mount, "secret"), "/")
	c.Base = strings.Trim(cmp.Or(c.Base, "myvault"), "/")
	c.Timeout = cmp.Or(c.Timeout, 5*time.Second)
	c.KeepVersions = cmp.Or(c.KeepVersions, defaultKeep)
	c.MaxProjects = cmp.Or(max(c.MaxProjects, 0), myvault.MaxProjects)
	var wrong []error
	if len(c.Addresses) == 0 {
		wrong = append(wrong, errors.New("no address; name at least one node of the cluster"))
	}
	paths := []string{c.Mount, c.Base}
	if c.AppRole != nil {
		role := *c.AppRole // the caller's own stays as it is
		role.Mount = strings.Trim(cmp.Or(role.Mount, "approle"), "/")
		c.AppRole, paths = &role, append(paths, role.Mount)
	}
	if !allPlain(paths) {
		wrong = append(wrong, errors.New("mounts and base path are plain paths, without . and .., double slashes, ?, # and %"))
	}
	if (c.Token.Len() == 0) == (c.AppRole == nil) {
		wrong = append(wrong, errors.New("give either a token or an AppRole"))
	}
	if strings.ContainsFunc(c.Token.Reveal(), func(r rune) bool { return r <= ' ' || r > '~' }) {
		wrong = append(wrong, errors.New("the token holds a character that no token has; a line end, perhaps"))
	}
	if c.AppRole != nil && c.AppRole.RoleID == "" {
		wrong = append(wrong, errors.New("the AppRole has no role id"))
	}
	if c.Timeout < 0 || c.KeepVersions < 1 {
		wrong = append(wrong, errors.New("timeout and number of versions are positive"))
	}
	if err := errors.Join(wrong...); err != nil {
		return c, fmt.Errorf("%w configuration: %w", myvault.ErrInvalid, err)
	}
	return c, nil
}

// allPlain reports whether the paths stand in a URL as they are.
func allPlain(paths []string) bool {
	return !slices.ContainsFunc(paths, func(p string) bool {
		return path.Clean(p) != p || p == "." || strings.HasPrefix(p, "..") || strings.ContainsAny(p, "?#%")
	})
}

// parseAddresses gives the base URLs; they hold scheme and host and nothing else.
func (c Config) parseAddresses() ([]*url.URL, error) {
	var all []*url.URL
	for i, text := range c.Addresses {
		u, err := url.Parse(strings.TrimSuffix(text, "/"))
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Path+u.RawQuery+u.Fragment != "" || u.User != nil {
			// The text may hold a password, as user:password@host.
			return nil, fmt.Errorf("%w configuration: address %d is not of the form https://host:port", myvault.ErrInvalid, i+1)
		}
		if u.Scheme == "http" && !c.Plaintext && !isLoopback(u.Hostname()) {
			return nil, fmt.Errorf("%w configuration: address %d would get the token and the values in clear; use https, or say that this is meant (Plaintext; VAULT_PLAINTEXT of the example server)",
				myvault.ErrInvalid, i+1)
		}
		all = append(all, u)
	}
	if slices.ContainsFunc(all, func(u *url.URL) bool { return u.Scheme != all[0].Scheme }) {
		return nil, fmt.Errorf("%w configuration: addresses are all http or all https", myvault.ErrInvalid)
	}
	return all, nil
}

// isLoopback reports whether the host can be nothing but this machine.
func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return strings.EqualFold(strings.TrimSuffix(host, "."), "localhost")
	}
	return addr.Unmap().IsLoopback()
}

// tls returns the TLS configuration for https addresses.
func (c Config) tls() (*tls.Config, error) {
	// ConfigureTLS changes the configuration of the client's transport, and reads no environment as
	// long as there is a client.
	t := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}
	settings := api.Config{HttpClient: &http.Client{Transport: t}}
	if err := settings.ConfigureTLS(&c.TLS); err != nil {
		return nil, fmt.Errorf("%w configuration: TLS: %w", myvault.ErrInvalid, err)
	}
	return t.TLSClientConfig, nil
}
