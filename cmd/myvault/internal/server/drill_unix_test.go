//go:build unix

package server_test

import (
	"os/exec"
	"syscall"
)

// group puts a command and its child processes in a process group, which kill kills.
func group(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func kill(c *exec.Cmd) { _ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
