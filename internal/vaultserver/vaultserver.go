// Package vaultserver runs a real HashiCorp Vault server for tests, from the binary that
// .ci/vault builds. It is not part of what myVault ships.
package vaultserver

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// RootToken is the token with all rights of a server in dev mode.
const RootToken = "root"

// patience is how long a server may take to start or to stop.
const patience = 30 * time.Second

// Server is one process. Its address is, for example, http://127.0.0.1:41234.
type Server struct {
	Address string
	Token   string // may do everything
	home    string
	command []string // the binary and its arguments
	cmd     *exec.Cmd
	log     *bytes.Buffer // of the running process; read only after it has ended
}

// Dev starts a server in dev mode on a free port of 127.0.0.1: unsealed, everything in memory,
// a KV version 2 engine at "secret" that keeps 10,000 versions. It ends with the test.
func Dev(t testing.TB, binary string) *Server {
	t.Helper()
	s, err := StartDev(binary, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s.endsWith(t)
	return s
}

// StartDev is [Dev] for programs other than tests. home is the server's own directory. The
// caller ends the server with [Server.Kill].
func StartDev(binary, home string) (*Server, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	s := &Server{Address: "http://" + address, Token: RootToken, home: home, command: []string{
		binary, "server", "-dev", "-dev-no-store-token", "-dev-root-token-id=" + RootToken, "-dev-listen-address=" + address}}
	if err := s.start(); err != nil {
		return nil, err
	}
	status, _, err := s.Ask(http.MethodPost, "secret/config", `{"max_versions":10000}`)
	if err == nil && status >= http.StatusMultipleChoices {
		err = fmt.Errorf("the server answers %d", status)
	}
	if err != nil {
		s.Kill()
		return nil, fmt.Errorf("vaultserver: the settings of secret/: %w", err)
	}
	return s, nil
}

// FreeAddress returns a host and port of 127.0.0.1 that no program listens on.
func FreeAddress(t testing.TB) string {
	t.Helper()
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// start runs the process and waits until it answers. If it does not, start kills it.
func (s *Server) start() error {
	s.log = new(bytes.Buffer)
	s.cmd = exec.Command(s.command[0], s.command[1:]...)
	s.cmd.Env = []string{"HOME=" + s.home} // no VAULT_ variables of the environment
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("vaultserver: %w", err)
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if response, err := http.Get(s.Address + "/v1/sys/health?uninitcode=200&sealedcode=200&standbyok=true"); err == nil {
			_ = response.Body.Close()
			return nil
		}
	}
	s.Kill()
	return fmt.Errorf("vaultserver: %s does not answer; its log ends with\n%s", s.Address, tail(s.log.String()))
}

// endsWith ends the process with the test, and shows the end of its log if the test failed.
func (s *Server) endsWith(t testing.TB) {
	t.Cleanup(func() {
		s.Kill()
		if t.Failed() {
			t.Logf("the end of Vault's log:\n%s", tail(s.log.String()))
		}
	})
}

func tail(log string) string { return log[max(0, len(log)-2000):] }

// Kill ends the process at once, as a crash would, and waits until it is gone.
func (s *Server) Kill() {
	if s.cmd.ProcessState == nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	}
}

// Do makes a request of Vault's HTTP API with the server's token, and returns status and body.
func (s *Server) Do(t testing.TB, method, path, body string) (int, string) {
	t.Helper()
	status, text, err := s.Ask(method, path, body)
	if err != nil {
		t.Fatalf("vaultserver: %v", err)
	}
	return status, text
}

// Ask is Do for programs other than tests. It returns an error only if there is no answer.
func (s *Server) Ask(method, path, body string) (int, string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, s.Address+"/v1/"+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	r.Close = true // the next request may go to another process
	r.Header.Set("X-Vault-Token", s.Token)
	if method == http.MethodPatch {
		r.Header.Set("Content-Type", "application/merge-patch+json")
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

// Must is Do for a request that must succeed. It returns the body.
func (s *Server) Must(t testing.TB, method, path, body string) string {
	t.Helper()
	status, text := s.Do(t, method, path, body)
	if status >= http.StatusMultipleChoices {
		t.Fatalf("vaultserver: %s %s answers %d: %s", method, path, status, text)
	}
	return text
}
