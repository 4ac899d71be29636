package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/quorate/quorate/config"
	"github.com/quorate/quorate/console"
)

// pollEvery is how often a command looks whether a node has got further.
const pollEvery = 100 * time.Millisecond

func startCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "start [xbean:file:FILE]",
		Short: "Start a node in the background",
		Long: `Starts a node in the background, its log in quorate.log of the data directory,
and waits until it is ready: a master that serves, or a slave that follows one.
A node that waits for others to come is left waiting, which is no failure.`,
	}
	s := settingsOf(c)
	wait := c.Flags().Duration("wait", 10*time.Second, "how long to wait until the node is ready")
	c.RunE = func(c *cobra.Command, args []string) error {
		cfg, _, err := s.load(args)
		if err != nil {
			return err
		}
		return start(c.Context(), c.OutOrStdout(), cfg, s.arguments(args), *wait)
	}
	return c
}

func stopCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "stop [xbean:file:FILE]",
		Short: "Stop the node of a data directory",
		Long: `Stops a node gracefully: it hands over to a slave, lets its clients go, and ends.
One that has not ended after --stop-timeout is killed, which loses nothing that
was confirmed.`,
	}
	s := settingsOf(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		cfg, _, err := s.load(args)
		if err != nil {
			return err
		}
		return stop(c.Context(), c.OutOrStdout(), cfg)
	}
	return c
}

func restartCommand() *cobra.Command {
	c := &cobra.Command{Use: "restart [xbean:file:FILE]", Short: "Stop the node, if one runs, and start it"}
	s := settingsOf(c)
	wait := c.Flags().Duration("wait", 10*time.Second, "how long to wait until the node is ready")
	c.RunE = func(c *cobra.Command, args []string) error {
		cfg, _, err := s.load(args)
		if err != nil {
			return err
		}
		if _, running := runningPID(cfg.PIDFile); running {
			if err := stop(c.Context(), c.OutOrStdout(), cfg); err != nil {
				return err
			}
		}
		return start(c.Context(), c.OutOrStdout(), cfg, s.arguments(args), *wait)
	}
	return c
}

func statusCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "status [xbean:file:FILE]",
		Short: "Tell whether the node runs, and what it is",
		Long:  "Tells whether the node of a data directory runs. The exit code is 0 if it does, and 1 if not.",
	}
	s := settingsOf(c)
	asJSON := c.Flags().Bool("json", false, "print everything that the node knows as JSON")
	c.RunE = func(c *cobra.Command, args []string) error {
		cfg, _, err := s.load(args)
		if err != nil {
			return err
		}
		return status(c.Context(), c.OutOrStdout(), cfg, *asJSON)
	}
	return c
}

func status(ctx context.Context, out io.Writer, cfg *config.Config, asJSON bool) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	st, err := console.NewClient(cfg.AdminSocket).Status(ctx)
	pid, running := runningPID(cfg.PIDFile)
	switch {
	case err == nil && asJSON:
		return printJSON(out, st)
	case err == nil:
		fmt.Fprintf(out, "quorate is running (process %d): %s\n", st.PID, inWords(st))
		return nil
	case running:
		fmt.Fprintf(out, "quorate is running (process %d), and does not answer at its socket: %v\n", pid, err)
		return nil
	}
	fmt.Fprintf(out, "quorate is not running (%s)\n", cfg.DataDir)
	return exit(1)
}

// inWords tells a node's state in half a line.
func inWords(st console.Status) string {
	text := string(st.Role)
	switch {
	case st.Role == console.Slave && st.Master != "":
		text += " of " + st.Master
	case st.Role == console.Master && st.Ready:
		text += ", serving clients"
	}
	if !st.Ready && st.Reason != "" {
		text += ": " + st.Reason
	}
	return text
}

// start runs this binary again as a process of its own session, and waits until
// the node in it is ready.
func start(ctx context.Context, out io.Writer, cfg *config.Config, args []string, wait time.Duration) error {
	if pid, running := runningPID(cfg.PIDFile); running {
		return fmt.Errorf("a node is running already, process %d (%s)", pid, cfg.PIDFile)
	}
	if err := os.MkdirAll(cfg.DataDir, 0o755); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	name := filepath.Join(cfg.DataDir, "quorate.log")
	log, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return fmt.Errorf("log: %w", err)
	}
	defer log.Close()
	before, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("log: %w", err)
	}
	bin, err := self()
	if err != nil {
		return err
	}
	cmd := exec.Command(bin, append([]string{"console"}, args...)...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	fmt.Fprintf(out, "starting node, process %d, log %s\n", cmd.Process.Pid, name)
	return awaitReady(ctx, out, cfg, ended, wait, func() { tail(out, name, before) })
}

// awaitReady reports progress until the node is ready, has ended, or time is
// up. printLog shows what it logged.
func awaitReady(ctx context.Context, out io.Writer, cfg *config.Config, ended <-chan error, wait time.Duration, printLog func()) error {
	client := console.NewClient(cfg.AdminSocket)
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	said := ""
	for {
		select {
		case err := <-ended:
			printLog()
			if err == nil {
				err = errors.New("exit code 0")
			}
			return fmt.Errorf("the node has ended: %w", err)
		case <-ctx.Done():
			fmt.Fprintln(out, "the node is running, and is not ready yet; see quorate status")
			return nil
		case <-tick.C:
		}
		st, err := client.Status(ctx)
		if err != nil {
			continue // not there yet
		}
		if text := inWords(st); text != said {
			said = text
			fmt.Fprintf(out, "  %s\n", text)
		}
		if st.Ready {
			fmt.Fprintln(out, "ready")
			return nil
		}
	}
}

// tail prints the last lines that a file got since an offset.
func tail(out io.Writer, name string, from int64) {
	f, err := os.Open(name)
	if err != nil {
		return
	}
	defer f.Close()
	const most = 4 << 10
	if info, err := f.Stat(); err == nil && info.Size()-from > most {
		from = info.Size() - most
	}
	raw, err := io.ReadAll(io.NewSectionReader(f, from, most))
	if err == nil {
		out.Write(raw)
	}
}

// stop asks the node to stop, and waits until its process is gone.
func stop(ctx context.Context, out io.Writer, cfg *config.Config) error {
	pid, running := runningPID(cfg.PIDFile)
	if !running {
		return fmt.Errorf("no node is running (%s)", cfg.PIDFile)
	}
	ask, cancel := context.WithTimeout(ctx, 2*time.Second)
	err := console.NewClient(cfg.AdminSocket).Stop(ask)
	cancel()
	if err != nil { // it has not come as far as its socket, or hangs
		if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
			return fmt.Errorf("stop process %d: %w", pid, err)
		}
	}
	fmt.Fprintf(out, "stopping node, process %d\n", pid)
	if gone(ctx, cfg.PIDFile, cfg.StopTimeout+2*time.Second) {
		fmt.Fprintln(out, "stopped")
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	fmt.Fprintf(out, "process %d has not stopped within %v: killing it\n", pid, cfg.StopTimeout)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill process %d: %w", pid, err)
	}
	if !gone(ctx, cfg.PIDFile, 10*time.Second) {
		return fmt.Errorf("process %d is still there", pid)
	}
	return nil
}

// gone waits until the lock of a pid file is free.
func gone(ctx context.Context, pidFile string, limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(pollEvery / 2)
	defer tick.Stop()
	for {
		if _, running := runningPID(pidFile); !running {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
}
