// Package vaultserver runs a real HashiCorp Vault server for tests, from the binary that
// .ci/vault builds. It is never part of what myVault ships.
package vaultserver

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// RootToken is the token of a server in dev mode that may do everything.
const RootToken = "root"

// patience is how long a server may take to start or to stop.
const patience = 30 * time.Second

// Server is one process. Its address is such as http://127.0.0.1:41234.
type Server struct {
	Address string
	Token   string // may do everything
	cmd     *exec.Cmd
}

// Dev starts a server in dev mode on a free port of 127.0.0.1: unsealed, everything in memory,
// a KV engine of version 2 at "secret" that keeps 10,000 versions. It ends with the test.
func Dev(t testing.TB, binary string) *Server {
	t.Helper()
	address := FreeAddress(t)
	s := &Server{Address: "http://" + address, Token: RootToken}
	s.run(t, t.TempDir(), binary, "server", "-dev", "-dev-no-store-token", "-dev-root-token-id="+RootToken, "-dev-listen-address="+address)
	s.Must(t, http.MethodPost, "secret/config", `{"max_versions":10000}`)
	return s
}

// FreeAddress gives host and port of 127.0.0.1 where nobody listens.
func FreeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// run starts the process and waits until it answers.
func (s *Server) run(t testing.TB, home, binary string, args ...string) {
	t.Helper()
	log := new(bytes.Buffer) // read only after the process has ended
	s.cmd = exec.Command(binary, args...)
	s.cmd.Env = []string{"HOME=" + home} // no VAULT_ variable of whoever runs the test
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		t.Fatalf("vaultserver: %v", err)
	}
	t.Cleanup(func() {
		s.Kill()
		if t.Failed() {
			t.Logf("the end of Vault's log:\n%s", tail(log.String()))
		}
	})
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if response, err := http.Get(s.Address + "/v1/sys/health?uninitcode=200&sealedcode=200&standbyok=true"); err == nil {
			_ = response.Body.Close()
			return
		}
	}
	t.Fatalf("vaultserver: %s does not answer", s.Address)
}

func tail(log string) string { return log[max(0, len(log)-4000):] }

// Kill ends the process at once, as a crash would, and waits until it is gone.
func (s *Server) Kill() {
	if s.cmd.ProcessState == nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	}
}

// Do makes a request of Vault's HTTP API, with the server's token, and gives status and body.
func (s *Server) Do(t testing.TB, method, path, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(method, s.Address+"/v1/"+path, strings.NewReader(body))
	if err != nil {
		t.Fatalf("vaultserver: %v", err)
	}
	r.Header.Set("X-Vault-Token", s.Token)
	if method == http.MethodPatch {
		r.Header.Set("Content-Type", "application/merge-patch+json")
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatalf("vaultserver: %v", err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("vaultserver: %v", err)
	}
	return response.StatusCode, string(text)
}

// Must is Do for a request that has to succeed; it gives the body.
func (s *Server) Must(t testing.TB, method, path, body string) string {
	t.Helper()
	status, text := s.Do(t, method, path, body)
	if status >= http.StatusMultipleChoices {
		t.Fatalf("vaultserver: %s %s answers %d: %s", method, path, status, text)
	}
	return text
}
