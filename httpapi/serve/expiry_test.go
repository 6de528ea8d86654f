package serve_test

import (
	"bytes"
	"path/filepath"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/httpapi/serve"
	"github.com/myswiftagent/myvault/internal/authority"
)

// TestExpiry covers a renewed certificate and several authorities.
func TestExpiry(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	ca, clients := authority.New(t, "servers"), authority.New(t, "clients")
	time.Sleep(time.Second) // certificates have whole seconds
	later := authority.New(t, "later")
	is.True(later.Certificate.NotAfter.After(clients.Certificate.NotAfter))
	pair := ca.Server(t)
	files := serve.CertificateFiles{ClientCA: filepath.Join(dir, "clients.pem")}
	files.Certificate, files.Key = pair.Write(t, dir, "server")
	authority.WriteFile(t, files.Certificate, bytes.Join([][]byte{pair.Certificate, ca.PEM}, nil))
	authority.WriteFile(t, files.ClientCA, bytes.Join([][]byte{later.PEM, clients.PEM}, nil))
	c, err := serve.LoadCertificates(files)
	is.NoErr(err)
	is.Equal(c.Expiry(), serve.Expiry{Certificate: pair.Leaf.NotAfter, ClientCA: clients.Certificate.NotAfter})

	authority.WriteFile(t, files.ClientCA, later.PEM)
	is.NoErr(c.Reload())
	is.Equal(c.Expiry().ClientCA, later.Certificate.NotAfter)

	files.ClientCA = ""
	c, err = serve.LoadCertificates(files)
	is.NoErr(err)
	is.True(c.Expiry().ClientCA.IsZero())
}
