//go:build unix

package vaultserver

import (
	"syscall"
	"testing"
)

// Stop takes the processor away from the process: its connections stay, and it says nothing.
func (s *Server) Stop(t testing.TB) { s.signal(t, syscall.SIGSTOP) }

// Continue undoes Stop.
func (s *Server) Continue(t testing.TB) { s.signal(t, syscall.SIGCONT) }

func (s *Server) signal(t testing.TB, signal syscall.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil {
		t.Fatalf("vaultserver: %v", err)
	}
}
