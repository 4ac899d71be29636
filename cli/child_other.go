//go:build !linux

package cli

import "syscall"

// childOfMine puts a child into a group of its own, so that Ctrl-C reaches it
// only through its parent.
func childOfMine() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
