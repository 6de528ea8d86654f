package serve

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/reload"
	"github.com/myswiftagent/myvault/internal/trusted"
)

const (
	maxPEM        = 1 << 20         // the size limit of a file, in bytes
	checkInterval = 2 * time.Second // between two checks of the files
)

// CertificateFiles are the files of a server's certificate and of the authorities of its
// clients, in PEM.
type CertificateFiles struct {
	Certificate string // the server's certificate, followed by the intermediate ones
	Key         string // its key, readable by the owner and the group at most
	// ClientCA contains the authorities of client certificates. "": clients are not asked
	// for one.
	ClientCA string
	// ClientRequired refuses connections without a client certificate. Otherwise it is
	// optional.
	ClientRequired bool
	// MinVersion is tls.VersionTLS12 or tls.VersionTLS13; 0 means TLS 1.3.
	MinVersion uint16
}

// Certificates are the certificates of a server, read from files. [Serve] reloads them when the
// files change; [Certificates.Reload] does so on request. Make them with [LoadCertificates].
type Certificates struct {
	files   CertificateFiles
	watched *reload.Files
	current atomic.Pointer[contents]
}

// contents is what the files contained at one time.
type contents struct {
	config  *tls.Config
	clients []byte // the text of ClientCA
	expiry  Expiry
	round   uint64 // counts the changes of clients
}

// LoadCertificates reads the files. It returns ErrInvalid if a file is missing, cannot be
// read, does not parse or does not match the others; if the certificate has expired or is
// not one of a server; if others may read the key; and, on Unix, if a user other than root
// and that of the process can change a file, a directory above it or a symbolic link on its
// path. Errors never repeat the contents of a file, or its path: only a directory or link
// that others can change is named.
func LoadCertificates(files CertificateFiles) (*Certificates, error) {
	switch {
	case files.MinVersion != 0 && files.MinVersion != tls.VersionTLS12 && files.MinVersion != tls.VersionTLS13:
		return nil, fmt.Errorf("serve: %w: MinVersion is neither TLS 1.2 nor TLS 1.3", myvault.ErrInvalid)
	case files.ClientRequired && files.ClientCA == "":
		return nil, fmt.Errorf("serve: %w: client certificates cannot be required without the file of their authorities", myvault.ErrInvalid)
	}
	c := &Certificates{files: files}
	c.watched = reload.New(c.paths()...)
	if err := c.Reload(); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Certificates) paths() []string {
	paths := []string{c.files.Certificate, c.files.Key}
	if c.files.ClientCA != "" {
		paths = append(paths, c.files.ClientCA)
	}
	return paths
}

// Reload reads the files again, for new connections. Open connections stay, except that
// their client certificates are verified against the new authorities. If one file is wrong,
// all stay as they were: the errors are those of [LoadCertificates], and ErrInvalid if a
// file is no longer a regular file.
func (c *Certificates) Reload() error { return c.watched.Load(c.reload) }

// reload is Reload without its lock.
func (c *Certificates) reload() error {
	if c.current.Load() != nil && !c.rereadable() {
		return fmt.Errorf("serve: %w: a file of the certificates is not a regular file and cannot be read again", myvault.ErrInvalid)
	}
	pair, wrongPair := readPair(c.files)
	clients, wrongClients := readAuthorities(c.files.ClientCA)
	if err := errors.Join(wrongPair, wrongClients); err != nil {
		return err
	}
	next := &contents{config: c.newConfig(pair), clients: clients.text}
	next.config.ClientCAs = clients.pool
	next.expiry = Expiry{Certificate: pair.Leaf.NotAfter, ClientCA: clients.expiry}
	if last := c.current.Load(); last != nil {
		next.round = last.round
		if !bytes.Equal(last.clients, next.clients) {
			next.round++
		}
	}
	c.current.Store(next)
	return nil
}

// rereadable reports whether the files can be read more than once. Opening a pipe may block.
func (c *Certificates) rereadable() bool {
	for _, path := range c.paths() {
		if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
			return false
		}
	}
	return true
}

// follow reloads the files whenever they change, until ctx ends. If they are wrong, the
// error is logged and the previous contents stay.
func (c *Certificates) follow(ctx context.Context, logger *slog.Logger) {
	c.watched.Run(ctx, checkInterval, c.reload, func(err error) {
		if err != nil {
			logger.Error("certificates not reloaded, the previous ones stay: their files changed and are not usable", "cause", err.Error())
			return
		}
		logger.Info("certificates reloaded")
	})
}

// newConfig returns the configuration of new connections, without the authorities of clients.
func (c *Certificates) newConfig(pair tls.Certificate) *tls.Config {
	config := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: c.files.MinVersion, NextProtos: []string{"http/1.1"}}
	if config.MinVersion == 0 {
		config.MinVersion = tls.VersionTLS13
	}
	if c.files.ClientCA != "" {
		config.ClientAuth = tls.VerifyClientCertIfGiven
		// A resumed session would have a certificate that was verified earlier.
		config.SessionTicketsDisabled = true
	}
	if c.files.ClientRequired {
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return config
}

// config returns the configuration of a listener: each new connection gets the current
// contents.
func (c *Certificates) config() *tls.Config {
	return &tls.Config{
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.current.Load().config, nil },
	}
}

// readPair reads the server's certificate and key.
func readPair(files CertificateFiles) (pair tls.Certificate, err error) {
	certificate, err := readPEM(files.Certificate, "certificate")
	if err != nil {
		return pair, err
	}
	key, err := readPEM(files.Key, "key")
	if err != nil {
		return pair, err
	}
	defer clear(key)
	if pair, err = tls.X509KeyPair(certificate, key); err != nil {
		return pair, fmt.Errorf("serve: %w certificate and key: %w", myvault.ErrInvalid, err)
	}
	if time.Now().After(pair.Leaf.NotAfter) {
		return pair, fmt.Errorf("serve: %w certificate: it has expired", myvault.ErrInvalid)
	}
	if !allowsUsage(pair.Leaf, x509.ExtKeyUsageServerAuth) {
		return pair, fmt.Errorf("serve: %w certificate: not one of a server: the extended key usage serverAuth is missing", myvault.ErrInvalid)
	}
	return pair, nil
}

// allowsUsage reports whether the certificate may be used so. One that names no usage
// allows all.
func allowsUsage(certificate *x509.Certificate, usage x509.ExtKeyUsage) bool {
	return len(certificate.ExtKeyUsage)+len(certificate.UnknownExtKeyUsage) == 0 ||
		slices.Contains(certificate.ExtKeyUsage, usage) || slices.Contains(certificate.ExtKeyUsage, x509.ExtKeyUsageAny)
}

// authorities are the authorities of client certificates.
type authorities struct {
	text   []byte
	pool   *x509.CertPool // nil: clients are not asked for a certificate
	expiry time.Time      // of the one that expires first
}

// readAuthorities reads the file of the client authorities, if path is not "".
func readAuthorities(path string) (authorities, error) {
	if path == "" {
		return authorities{}, nil
	}
	text, err := readPEM(path, "client authorities")
	if err != nil {
		return authorities{}, err
	}
	return parseAuthorities(text)
}

// parseAuthorities parses certificates of authorities. Any other block is an error.
func parseAuthorities(text []byte) (authorities, error) {
	all := authorities{text: text, pool: x509.NewCertPool()}
	found := 0
	for rest := text; ; found++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil || !certificate.IsCA {
			return all, fmt.Errorf("serve: %w client authorities: block %d is not the certificate of an authority", myvault.ErrInvalid, found+1)
		}
		all.pool.AddCert(certificate)
		if all.expiry.IsZero() || certificate.NotAfter.Before(all.expiry) {
			all.expiry = certificate.NotAfter
		}
	}
	if found == 0 {
		return all, fmt.Errorf("serve: %w client authorities: the file contains no certificate", myvault.ErrInvalid)
	}
	return all, nil
}

// readPEM reads the file of what. Errors do not contain its path: it may be the key by mistake.
func readPEM(path, what string) ([]byte, error) {
	wrong := func(err error) error {
		if at, ok := errors.AsType[*fs.PathError](err); ok {
			err = at.Err
		}
		return fmt.Errorf("serve: %w: the file of the %s cannot be read: %w", myvault.ErrInvalid, what, err)
	}
	readers := trusted.Anyone
	if what == "key" {
		readers = trusted.Group
	}
	f, err := trusted.Open(path, readers)
	if at, ok := errors.AsType[*trusted.Error](err); ok && at.Path == path {
		return nil, fmt.Errorf("serve: %w: the file of the %s %s: %s", myvault.ErrInvalid, what, at.Problem, at.Command)
	} else if ok {
		return nil, fmt.Errorf("serve: %w: the way to the file of the %s is %w", myvault.ErrInvalid, what, at)
	}
	if err != nil {
		return nil, wrong(err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxPEM+1))
	if err != nil {
		return nil, wrong(err)
	}
	if len(text) > maxPEM {
		return nil, fmt.Errorf("serve: %w: the file of the %s is larger than %d bytes", myvault.ErrInvalid, what, maxPEM)
	}
	return text, nil
}
