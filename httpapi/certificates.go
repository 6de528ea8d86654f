package httpapi

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
	maxPEM       = 1 << 20         // the size limit of a file, in bytes
	lookInterval = 2 * time.Second // between two looks at the files
)

// CertificateFiles name what a server proves itself with, and whose clients it believes. All
// files are PEM.
type CertificateFiles struct {
	Certificate string // the server's certificate, then those that lead to its authority
	Key         string // its key, readable by no more than the owner and the group
	// ClientCA holds the authorities of client certificates. "": no client is asked for one.
	ClientCA string
	// ClientRequired refuses a connection without a client certificate. Otherwise a client
	// may have one, or a token.
	ClientRequired bool
	// MinVersion is tls.VersionTLS12 or tls.VersionTLS13; 0 means TLS 1.3.
	MinVersion uint16
}

// Certificates are the certificates of a server, read from files. [Serve] reads them again when
// the files change; [Certificates.Reload] does it on request. Make them with [LoadCertificates].
type Certificates struct {
	files   CertificateFiles
	watched *reload.Files
	current atomic.Pointer[certified]
}

// certified is what the files held at one time.
type certified struct {
	config  *tls.Config
	clients []byte // what ClientCA held
	round   uint64 // counts the changes of clients
}

// LoadCertificates reads the files. ErrInvalid where one is missing, cannot be read, does not parse
// or does not belong to the others, where the certificate has expired or is not one of a server,
// where others may read the key, and, on Unix, where another user than root and that of the process
// can change a file, a directory above it or a symbolic link on the way. No error repeats the
// contents of a file, or its path; only a directory or a link that others can change is named.
func LoadCertificates(files CertificateFiles) (*Certificates, error) {
	switch {
	case files.MinVersion != 0 && files.MinVersion != tls.VersionTLS12 && files.MinVersion != tls.VersionTLS13:
		return nil, fmt.Errorf("httpapi: %w: MinVersion is neither TLS 1.2 nor TLS 1.3", myvault.ErrInvalid)
	case files.ClientRequired && files.ClientCA == "":
		return nil, fmt.Errorf("httpapi: %w: client certificates cannot be required without the file of their authorities", myvault.ErrInvalid)
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

// Reload reads the files again, for connections that come from now on; those that are open go on,
// except that their client certificates are held to the new authorities. All files count together:
// with an error, which is as of [LoadCertificates] or that one is no regular file any more, everything stays as it was.
func (c *Certificates) Reload() error { return c.watched.Load(c.reload) }

// reload is Reload for who sees to it that one runs at a time.
func (c *Certificates) reload() error {
	if c.current.Load() != nil && !c.readable() {
		return fmt.Errorf("httpapi: %w: one of the files of certificates is no regular file, and cannot be read a second time", myvault.ErrInvalid)
	}
	pair, wrongPair := readPair(c.files)
	clients, pool, wrongClients := readAuthorities(c.files.ClientCA)
	if err := errors.Join(wrongPair, wrongClients); err != nil {
		return err
	}
	next := &certified{config: c.newConfig(pair), clients: clients}
	next.config.ClientCAs = pool
	if last := c.current.Load(); last != nil {
		next.round = last.round
		if !bytes.Equal(last.clients, next.clients) {
			next.round++
		}
	}
	c.current.Store(next)
	return nil
}

// readable reports whether the files can be read more than once: the opening of a pipe may wait for ever.
func (c *Certificates) readable() bool {
	for _, path := range c.paths() {
		if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
			return false
		}
	}
	return true
}

// follow reads the files again whenever they changed, until ctx ends. What is wrong with them is
// logged, and what was read before stays in force.
func (c *Certificates) follow(ctx context.Context, logger *slog.Logger) {
	c.watched.Run(ctx, lookInterval, c.reload, func(err error) {
		if err != nil {
			logger.Error("the certificates stay as they were: their files changed and are not usable", "cause", err.Error())
			return
		}
		logger.Info("the certificates were read again")
	})
}

// newConfig makes the configuration of connections to come, without the authorities of clients.
func (c *Certificates) newConfig(pair tls.Certificate) *tls.Config {
	config := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: c.files.MinVersion, NextProtos: []string{"http/1.1"}}
	if config.MinVersion == 0 {
		config.MinVersion = tls.VersionTLS13
	}
	if c.files.ClientCA != "" {
		config.ClientAuth = tls.VerifyClientCertIfGiven
		// A session that is taken up again would bring a certificate that was verified before.
		config.SessionTicketsDisabled = true
	}
	if c.files.ClientRequired {
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return config
}

// config gives the configuration of a listener: each connection has what is in force when it comes.
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
		return pair, fmt.Errorf("httpapi: %w certificate and key: %w", myvault.ErrInvalid, err)
	}
	if time.Now().After(pair.Leaf.NotAfter) {
		return pair, fmt.Errorf("httpapi: %w certificate: it has expired", myvault.ErrInvalid)
	}
	if !usable(pair.Leaf, x509.ExtKeyUsageServerAuth) {
		return pair, fmt.Errorf("httpapi: %w certificate: it is not one of a server: extended key usage serverAuth is missing", myvault.ErrInvalid)
	}
	return pair, nil
}

// usable reports whether the certificate is for this use; one that names no use is for all.
func usable(certificate *x509.Certificate, usage x509.ExtKeyUsage) bool {
	return len(certificate.ExtKeyUsage)+len(certificate.UnknownExtKeyUsage) == 0 ||
		slices.Contains(certificate.ExtKeyUsage, usage) || slices.Contains(certificate.ExtKeyUsage, x509.ExtKeyUsageAny)
}

// readAuthorities reads the file of the client authorities; path "" means none.
func readAuthorities(path string) (text []byte, pool *x509.CertPool, err error) {
	if path == "" {
		return nil, nil, nil
	}
	if text, err = readPEM(path, "client authorities"); err != nil {
		return nil, nil, err
	}
	pool, err = parseAuthorities(text)
	return text, pool, err
}

// parseAuthorities reads certificates of authorities, and nothing else.
func parseAuthorities(text []byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	found := 0
	for rest := text; ; found++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil || !certificate.IsCA {
			return nil, fmt.Errorf("httpapi: %w client authorities: block %d is no certificate of an authority", myvault.ErrInvalid, found+1)
		}
		pool.AddCert(certificate)
	}
	if found == 0 {
		return nil, fmt.Errorf("httpapi: %w client authorities: the file holds no certificate", myvault.ErrInvalid)
	}
	return pool, nil
}

// readPEM reads a file that is what. Its path is not shown: somebody may have put the key there.
func readPEM(path, what string) ([]byte, error) {
	wrong := func(err error) error {
		if at, ok := errors.AsType[*fs.PathError](err); ok {
			err = at.Err
		}
		return fmt.Errorf("httpapi: %w: the file of the %s cannot be read: %w", myvault.ErrInvalid, what, err)
	}
	readers := trusted.Anyone
	if what == "key" {
		readers = trusted.Group
	}
	f, err := trusted.Open(path, readers)
	if at, ok := errors.AsType[*trusted.Error](err); ok && at.Path == path {
		return nil, fmt.Errorf("httpapi: %w: the file of the %s %s: %s", myvault.ErrInvalid, what, at.Problem, at.Command)
	} else if ok {
		return nil, fmt.Errorf("httpapi: %w: the way to the file of the %s is %w", myvault.ErrInvalid, what, at)
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
		return nil, fmt.Errorf("httpapi: %w: the file of the %s is larger than %d bytes", myvault.ErrInvalid, what, maxPEM)
	}
	return text, nil
}
