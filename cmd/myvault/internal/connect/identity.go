package connect

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/client"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/setup"
	"github.com/myswiftagent/myvault/internal/trusted"
)

// maxCredential is the size limit of a file with a token, a key or certificates.
const maxCredential = 1 << 20

// identity returns the service and the token of the caller. The generated token is only for a
// server on this machine.
func (s Settings) identity(at server) (c client.Config, err error) {
	c.Service = cmp.Or(s.Service, s.Environ["MYVAULT_SERVICE"])
	token, err := s.token()
	if err == nil && (token != "" || s.certificateFile() != "") {
		err = at.checkCredential("")
	}
	switch {
	case err != nil:
		return c, err
	case isCapability(token):
		c.Bearer = myvault.Text(token)
		return c, nil
	case token != "" && c.Service == "":
		return c, fmt.Errorf("%w: set --service or MYVAULT_SERVICE to the service of the token", ErrSettings)
	case token != "":
		c.Token = myvault.Text(token)
		return c, nil
	case s.certificateFile() != "":
		return c, nil
	}
	if address, err := url.Parse(at.address); err != nil || !isHere(address.Hostname()) {
		return c, errNoToken
	}
	file := filepath.Join(at.data, setup.Headers)
	c, err = generatedIdentity(file, c.Service)
	if err != nil {
		return c, err
	}
	return c, at.checkCredential(file)
}

var errNoToken = fmt.Errorf("%w: no token; set MYVAULT_SERVICE and MYVAULT_TOKEN_FILE, or start in the directory of a server on this machine", ErrSettings)

// token returns the token of the settings, or "".
func (s Settings) token() (string, error) {
	file := cmp.Or(s.TokenFile, s.Environ["MYVAULT_TOKEN_FILE"])
	if file == "" {
		return strings.TrimSpace(s.Environ["MYVAULT_TOKEN"]), nil
	}
	text, err := readPrivate(file)
	if err != nil {
		return "", fmt.Errorf("the token: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return "", fmt.Errorf("%w: the file with the token is empty", ErrSettings)
	}
	return token, nil
}

// readPrivate reads a file that only its owner and its group can read.
func readPrivate(file string) ([]byte, error) {
	f, err := trusted.Open(file, trusted.Group)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxCredential))
}

// isCapability reports whether a token is a capability token. See package tokens.
func isCapability(token string) bool {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	return err == nil && bytes.HasPrefix(raw, []byte{2}) && bytes.Contains(raw, []byte("myvault-token-v1:"))
}

// generatedIdentity reads the file that the first run of a server leaves for its own user.
func generatedIdentity(file, service string) (c client.Config, err error) {
	text, err := readPrivate(file)
	if errors.Is(err, fs.ErrNotExist) {
		return c, errNoToken
	}
	if err != nil {
		return c, err
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch name {
		case "X-Service":
			c.Service = value
		case "X-Token":
			c.Token = myvault.Text(value)
		}
	}
	if service != "" && service != c.Service {
		return c, fmt.Errorf("%w: no token of %s; set MYVAULT_TOKEN_FILE to its file", ErrSettings, service)
	}
	return c, nil
}

func (s Settings) certificateFile() string {
	return cmp.Or(s.Certificate, s.Environ["MYVAULT_CLIENT_CERT"])
}

// tls returns the authority of the server and the client certificate, or nil if neither is set.
func (s Settings) tls() (*tls.Config, error) {
	authority, certificate := cmp.Or(s.CACert, s.Environ["MYVAULT_CACERT"]), s.certificateFile()
	key := cmp.Or(s.Key, s.Environ["MYVAULT_CLIENT_KEY"])
	if authority == "" && certificate == "" && key == "" {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if authority != "" {
		text, err := os.ReadFile(authority)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%w: %s has no certificates", ErrSettings, authority)
		}
	}
	if (certificate == "") != (key == "") {
		return nil, fmt.Errorf("%w: a client certificate needs both --cert and --key", ErrSettings)
	}
	if certificate == "" {
		return config, nil
	}
	pair, err := keyPair(certificate, key)
	config.Certificates = []tls.Certificate{pair}
	return config, err
}

func keyPair(certificate, key string) (tls.Certificate, error) {
	public, err := os.ReadFile(certificate)
	if err != nil {
		return tls.Certificate{}, err
	}
	private, err := readPrivate(key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("the key of the client certificate: %w", err)
	}
	pair, err := tls.X509KeyPair(public, private)
	if err != nil {
		return pair, fmt.Errorf("%w: --cert and --key are not a certificate and its key", ErrSettings)
	}
	return pair, nil
}
