package vaultclients

import (
	"context"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/httpapi/guard"
	"github.com/myswiftagent/myvault/httpapi/serve"
	"github.com/myswiftagent/myvault/httpapi/vaultapi"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/tokens"
)

// The service of the clients, its shared token, and both as an X-Vault-Token. It may do everything
// in the project newsbot and nothing in others.
const (
	service     = "newsbot"
	sharedToken = "newsbot-token-0123456789"
	vaultToken  = service + ":" + sharedToken
)

// server is a server with both APIs, as programs see it.
type server struct {
	vault  *myvault.Vault
	issuer *tokens.Issuer
	url    string
}

// start serves an empty vault until the test ends. Clients read again after a second.
func start(t *testing.T) server {
	t.Helper()
	policy, err := myvault.ParsePolicy(map[string]string{
		"ALLOWED_SERVICES": service + ",admin",
		"TOKEN_" + service: sharedToken,
		"ALLOW_" + service: "newsbot/@read+write+delete+list+destroy",
		"ALLOW_admin":      "*/@read+write+delete+list+destroy+audit",
	})
	check(t, err)
	vault, err := myvault.New(memory.New(memory.Config{}), policy, myvault.Config{})
	check(t, err)
	issuer, err := tokens.New(vault, tokens.Config{})
	check(t, err)
	g, err := guard.New(guard.Config{})
	check(t, err)
	logger := slog.New(slog.NewTextHandler(testLog{t}, nil))
	api, err := httpapi.New(vault, httpapi.Config{Logger: logger, Guard: g, Tokens: issuer})
	check(t, err)
	kv, err := vaultapi.New(vault, issuer, vaultapi.Config{Logger: logger, Guard: g, Lease: time.Second})
	check(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serve.Serve(ctx, listener, kv.Beside(api), api.ServeConfig(serve.Config{})) }()
	t.Cleanup(func() {
		stop()
		<-ended
		_ = vault.Close()
	})
	return server{vault, issuer, "http://" + listener.Addr().String()}
}

// testLog writes the log of the server to that of the test.
type testLog struct{ t *testing.T }

func (l testLog) Write(line []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(line)))
	return len(line), nil
}

// put stores a value as the administrator.
func (s server) put(t *testing.T, project, path, value string) {
	t.Helper()
	_, err := s.vault.As("admin").Put(t.Context(), myvault.Address{Project: project, Path: path}, myvault.Text(value))
	check(t, err)
}

// revokeTokens ends all capability tokens of newsbot.
func (s server) revokeTokens(t *testing.T) {
	t.Helper()
	by := s.vault.As(service)
	for token, err := range s.issuer.List(t.Context(), by) {
		check(t, err)
		check(t, s.issuer.Revoke(t.Context(), by, token.ID))
	}
}

// value returns the value of a secret of newsbot as the vault has it.
func (s server) value(t *testing.T, path string) string {
	t.Helper()
	secret, err := s.vault.As("admin").Get(t.Context(), myvault.Address{Project: service, Path: path})
	check(t, err)
	return secret.Value.Reveal()
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// need returns the variable of the environment that names a client.
func need(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv(name)
	switch {
	case value != "":
	case os.Getenv("CI") != "":
		t.Fatalf("%s is not set", name)
	default:
		t.Skipf("needs a client: set %s, see doc.go", name)
	}
	return value
}

// eventually waits until done reports true. A client may need a minute to start on a busy machine.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 1200 {
		if done() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("waited in vain until %s", what)
}
