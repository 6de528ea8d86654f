//go:build unix

package vaultserver

import (
	"syscall"
	"testing"
)

// Stop suspends the process. Its connections stay open, and it does not answer.
func (s *Server) Stop(t testing.TB) { s.signal(t, syscall.SIGSTOP) }

// Continue resumes it.
func (s *Server) Continue(t testing.TB) { s.signal(t, syscall.SIGCONT) }

func (s *Server) signal(t testing.TB, signal syscall.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil {
		t.Fatalf("vaultserver: %v", err)
	}
}
