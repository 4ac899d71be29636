package cli

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/quorate/quorate/config"
	"github.com/quorate/quorate/logline"
	"github.com/quorate/quorate/node"
)

func consoleCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "console [xbean:file:FILE]",
		Short: "Run a node in the foreground",
		Long: `Runs a node in the foreground, its log on standard output. A first SIGINT or
SIGTERM stops it gracefully: it hands over to a slave, lets its clients go, and
ends. A second one ends it at once.`,
	}
	s := settingsOf(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		cfg, report, err := s.load(args)
		if err != nil {
			return err
		}
		return runNode(c.Context(), cfg, report)
	}
	return c
}

// runNode runs a node until it is told to stop, or fails.
func runNode(ctx context.Context, cfg *config.Config, report *config.Report) error {
	if err := os.MkdirAll(cfg.DataDir, 0o755); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	pid, err := takePIDFile(cfg.PIDFile)
	if err != nil {
		return err
	}
	defer pid.release()
	log, closeLog, err := logline.Open(cfg.Log.Format, cfg.Log.Level, cfg.Log.File)
	if err != nil {
		return fmt.Errorf("log: %w", err)
	}
	defer closeLog()
	about := log.With(logline.ComponentKey, "quorate.config")
	for _, f := range report.Warnings() {
		about.Warn(report.Text(f))
	}
	debug.SetMemoryLimit(cfg.MemoryLimit)
	n, err := node.New(cfg, report, log, Version)
	if err != nil {
		return err
	}
	return runUntilSignal(ctx, n, cfg.StopTimeout, log)
}

// runner is what a node is to the command that runs it.
type runner interface {
	Run(ctx context.Context) error // until ctx ends or a stop is complete
	Stop()                         // begins a graceful stop
}

// runUntilSignal runs n. A first signal stops it gracefully; when that has
// taken as long as it may, the node is ended by way of its context. A second
// signal ends the process at once.
func runUntilSignal(ctx context.Context, n runner, limit time.Duration, log *slog.Logger) error {
	log = log.With(logline.ComponentKey, "quorate.node")
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)

	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	var late <-chan time.Time
	for stopping := false; ; {
		select {
		case err := <-ended:
			return err
		case sig := <-signals:
			if stopping {
				log.Warn("ending at once", "signal", sig.String())
				return exit(130)
			}
			stopping = true
			log.Info("stopping gracefully; a second signal ends at once", "signal", sig.String())
			late = time.After(limit)
			n.Stop()
		case <-late:
			log.Warn("the graceful stop takes too long: cutting it short", "limit", limit)
			cancel()
		}
	}
}
