package run

import "syscall"

// endWithParent lets the program get SIGTERM if this process is killed.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGTERM }
