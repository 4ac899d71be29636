package cli

import "syscall"

// childOfMine puts a child into a group of its own, so that Ctrl-C reaches it
// only through its parent, and ends it when the thread that started it ends.
func childOfMine() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
