package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// An absent broker is not installed; the text says how to get it.
type absent string

func (a absent) Error() string { return string(a) }

// children are server processes that end with the bench.
type children struct{ cmds []*exec.Cmd }

// start runs a command in a process group of its own; its output goes to log.
func (c *children) start(log string, env []string, argv ...string) error {
	f, err := os.Create(log)
	if err != nil {
		return err
	}
	defer f.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = f, f
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error, 1)
	go func() {
		// Pdeathsig follows the thread that forks: it is kept for the life of the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_, _ = cmd.Process.Wait() // told by Stop, which kills it
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	c.cmds = append(c.cmds, cmd)
	return nil
}

// Stop kills the process groups that were started, and nothing else.
func (c *children) Stop() {
	for _, cmd := range c.cmds {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	for _, cmd := range c.cmds {
		waitGone(cmd.Process.Pid, 10*time.Second)
	}
	c.cmds = nil
}

func (c *children) Pids() []int {
	var p []int
	for _, cmd := range c.cmds {
		p = append(p, cmd.Process.Pid)
	}
	return p
}

// waitGone waits until a killed process has given back what it held.
func waitGone(pid int, d time.Duration) {
	for deadline := time.Now().Add(d); time.Now().Before(deadline); {
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			return
		}
		<-time.After(10 * time.Millisecond)
	}
}

// waitPort waits until somebody listens.
func waitPort(addr string, d time.Duration) error {
	deadline := time.Now().Add(d)
	for time.Now().Before(deadline) {
		if c, err := net.Dial("tcp", addr); err == nil {
			return c.Close()
		}
		<-time.After(50 * time.Millisecond)
	}
	return fmt.Errorf("nobody listens on %s after %v", addr, d)
}

func output(argv ...string) error {
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, out)
	}
	return nil
}
