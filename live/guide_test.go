package live_test

import (
	"context"
	"crypto/tls"
	"database/sql"
	"database/sql/driver"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/client"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/live"
	"github.com/myswiftagent/myvault/vaulttest"
)

// The blocks of docs/live.md are the declarations that follow.

type Config struct {
	Password myvault.Value   `vault:"prod/db/password"`
	Pool     Pool            `vault:"prod/db/pool,json"`
	Key      myvault.Value   `vault:"prod/api/key"`
	TLS      tls.Certificate `vault:"prod/tls,pem"`
	Sentry   string          `vault:"prod/sentry,optional"`
}

type Pool struct{ Max int }

func (c *Config) Validate() error {
	if c.Pool.Max < 1 {
		return errors.New("pool: max must be at least 1")
	}
	return nil
}

func newVault(address, token, cacheFile string, log *slog.Logger) (*client.Client, error) {
	return client.New(client.Config{
		Address: address,
		Service: "newsbot",
		Token:   myvault.Text(token),
		Cache: &client.Cache{
			File:   cacheFile,
			MaxAge: 12 * time.Hour,
			OnUse: func(u client.CacheUse) {
				log.Warn("secret from the cache",
					"secret", u.Secret.Address.String(), "version", u.Secret.Version, "fetched", u.Fetched)
			},
			OnError: func(err error) { log.Error("cache", "error", err) },
		},
	})
}

func newConfig(ctx context.Context, vault live.Source, log *slog.Logger) (*live.Live[Config], error) {
	return live.BindConfig[Config](ctx, vault, "newsbot", live.Config{
		Interval: 10 * time.Second,
		OnChange: func() { log.Info("new secrets in use") },
		OnError:  func(err error) { log.Error("secrets not updated", "error", err) },
	})
}

func newDB(config *live.Live[Config], connect func(password string) (driver.Connector, error)) *sql.DB {
	return sql.OpenDB(config.Connector(func(c *Config) (driver.Connector, error) {
		return connect(c.Password.Reveal()) // such as stdlib.GetConnector of pgx
	}, nil))
}

func newAPIClient(config *live.Live[Config], host string) *http.Client {
	key := func(c *Config) myvault.Value { return c.Key }
	return &http.Client{Transport: config.RoundTripper(nil, key, host)}
}

func newTLS(config *live.Live[Config]) *tls.Config {
	certificate := func(c *Config) *tls.Certificate { return &c.TLS }
	return &tls.Config{GetCertificate: config.GetCertificate(certificate)}
}

// safeLog is a log that other goroutines write while the test reads.
type safeLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *safeLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *safeLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// TestGuide runs the program of docs/live.md: it starts beside the server, follows a rotation,
// starts again while the server is down, and logs what it uses.
func TestGuide(t *testing.T) {
	is := is.New(t)
	vault := vaulttest.New(t, map[string]string{
		"newsbot/prod/db/password": "one", "newsbot/prod/db/pool": `{"Max":5}`, "newsbot/prod/api/key": "k", "newsbot/prod/tls": certificate(t, "newsbot.test"),
	}, vaulttest.Service(t, "newsbot", "newsbot/prod/@read+list"), vaulttest.Service(t, "admin", "*/"))
	api, err := httpapi.New(vault, httpapi.Config{})
	is.NoErr(err)
	address, stop := start(t, api, "127.0.0.1:0")
	log := &safeLog{}
	file := filepath.Join(t.TempDir(), "newsbot.cache")
	run := func() *live.Live[Config] {
		source, err := newVault("http://"+address, vaulttest.Token("newsbot"), file, slog.New(slog.NewTextHandler(log, nil)))
		is.NoErr(err)
		config, err := newConfig(t.Context(), source, slog.New(slog.NewTextHandler(log, nil)))
		is.NoErr(err)
		t.Cleanup(func() { _ = config.Close(); _ = source.Close() })
		return config
	}
	config := run()
	d := newDatabase("one")
	db := newDB(config, func(password string) (driver.Connector, error) { d.with = password; return d, nil })
	defer db.Close()
	db.SetMaxIdleConns(0)
	is.NoErr(db.PingContext(t.Context()))
	two := "two"
	d.password.Store(&two)
	put(t, vault.As("admin"), "prod/db/password", two)
	is.NoErr(db.PingContext(t.Context()))                       // without a restart
	for !strings.Contains(log.String(), "new secrets in use") { // OnChange comes after the change
		time.Sleep(time.Millisecond)
	}

	a := newAPI(t, "k")
	response, err := newAPIClient(config, strings.TrimPrefix(a.URL, "http://")).Get(a.URL)
	is.NoErr(err)
	is.NoErr(response.Body.Close())
	is.Equal(response.StatusCode, 200)
	served, err := newTLS(config).GetCertificate(nil)
	is.NoErr(err)
	is.Equal(served.Leaf.DNSNames, []string{"newsbot.test"})

	stop()
	restarted := run()
	is.Equal(restarted.Load().Password.Reveal(), "two")
	is.True(strings.Contains(log.String(), `msg="secret from the cache" secret=newsbot/prod/db/password version=2`))
	is.True(!strings.Contains(log.String(), "two\""))
}

// TestGuideBlocks checks that every block of code in docs/live.md is in this file or, in another
// language, in the introduction of the client that its tests run.
func TestGuideBlocks(t *testing.T) {
	is := is.New(t)
	text, err := os.ReadFile("../docs/live.md")
	is.NoErr(err)
	sources := map[string]string{"go": "guide_test.go", "python": "../clients/myvault.py", "ts": "../clients/myvault.ts"}
	found := make(map[string]int)
	for n, block := range strings.Split(string(text), "```") {
		language, code, _ := strings.Cut(block, "\n")
		if n%2 == 0 { // between two blocks
			continue
		}
		found[language]++
		source, err := os.ReadFile(sources[language])
		is.NoErr(err)
		for line := range strings.Lines(code) {
			if !strings.Contains(string(source), strings.TrimRight(line, "\n")) {
				t.Errorf("this line is not in %s: %s", sources[language], line)
			}
		}
		if language == "go" && !strings.Contains(string(source), code) {
			t.Errorf("this block is not in %s:\n%s", sources[language], code)
		}
	}
	is.Equal(found, map[string]int{"go": 6, "python": 1, "ts": 1})
}
