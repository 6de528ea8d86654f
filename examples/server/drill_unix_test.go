//go:build unix

package main_test

import (
	"os/exec"
	"syscall"
)

// group has a command and all that it starts be killed together.
func group(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func kill(c *exec.Cmd) { _ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
