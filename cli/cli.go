// Package cli is the command line: one file for each command or family of
// commands. Commands that run a node are called as ActiveMQ's are; the others
// look at a cluster, at a store that is not in use, or at a configuration, or
// send and receive messages.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/quorate/quorate/config"
)

// Version is set by the build.
var Version = "dev"

// An exit is an error that only sets the code of the process, since everything
// has been said.
type exit int

// Error implements error.
func (e exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// Main runs the command that args name and gives the exit code of the process.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := New()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var code exit
	var refused *config.RefusedError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &refused):
		fmt.Fprintf(stderr, "%v\nquorate: a node does not start with this configuration\n", err)
		return 1
	}
	fmt.Fprintf(stderr, "quorate: %v\n", err)
	return 1
}

// New gives the tree of commands.
func New() *cobra.Command {
	root := &cobra.Command{
		Use:   "quorate",
		Short: "A highly available message broker",
		Long: `Quorate is a highly available message broker. Nodes hold the same durable store;
one of them is the master and serves clients, and another takes over when it dies.
It is configured by ActiveMQ's activemq.xml, or by flags alone.

  quorate demo                                    three nodes on this machine
  quorate start --config conf/activemq.xml        a node in the background
  quorate cluster status                          who is master, who is missing`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       Version,
	}
	root.SetVersionTemplate("quorate {{.Version}}\n")
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fmt.Errorf("%w; see %s --help", err, c.CommandPath())
	})
	root.AddGroup(
		&cobra.Group{ID: "node", Title: "A node:"},
		&cobra.Group{ID: "cluster", Title: "A cluster:"},
		&cobra.Group{ID: "message", Title: "Messages:"},
		&cobra.Group{ID: "file", Title: "Files:"},
	)
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("node", startCommand(), stopCommand(), restartCommand(), statusCommand(), consoleCommand())
	add("cluster", demoCommand(), clusterCommand())
	add("message", producerCommand(), consumerCommand(), queueCommand(), jobCommand())
	add("file", configCommand(), explainCommand(), storeCommand())
	root.AddCommand(versionCommand())
	return root
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(c.OutOrStdout(), "quorate %s (%s, %s/%s)\n", Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

// self is the path of this binary, to run it again.
func self() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this binary: %w", err)
	}
	return path, nil
}
