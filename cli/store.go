package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/spf13/cobra"

	"github.com/quorate/quorate/store"
	"github.com/quorate/quorate/wal"
)

func storeCommand() *cobra.Command {
	c := &cobra.Command{Use: "store", Short: "Verify or dump a store that is not in use"}
	c.AddCommand(storeVerifyCommand(), storeDumpCommand())
	return c
}

// What is where within a store's directory, as node lays it out.
const (
	logDirectory   = "log"
	indexDirectory = "store"
)

// openable refuses the directory of a running node, and what is none.
func openable(dir string) (release func() error, err error) {
	if _, err := vfs.Default.Stat(filepath.Join(dir, logDirectory)); err != nil {
		return nil, fmt.Errorf("%s is not the directory of a store: %w", dir, err)
	}
	lock, err := vfs.Default.Lock(filepath.Join(dir, "LOCK"))
	if err != nil {
		return nil, fmt.Errorf("%s is in use by a node: stop it first (%w)", dir, err)
	}
	return lock.Close, nil
}

func storeVerifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify DIR",
		Short: "Read a store and check every record of it",
		Long: `Reads every record of a store's log and of its index, checks it, and tells what it
found. Nothing is changed. The node must not run. The exit code is 1 if something
is damaged. What the log holds beyond the index is checked record by record, and
applied when the node starts.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			release, err := openable(args[0])
			if err != nil {
				return err
			}
			out := c.OutOrStdout()
			return errors.Join(verifyLog(out, args[0]), verifyIndex(out, args[0]), release())
		},
	}
}

func verifyLog(out io.Writer, dir string) error {
	r, err := wal.Verify(vfs.Default, filepath.Join(dir, logDirectory))
	fmt.Fprintf(out, "log: %d segments, %d bytes, %d entries from %d to %d, term %d, committed %d\n",
		r.Segments, r.Bytes, r.Entries, r.First, r.Last, r.State.Term, r.State.Commit)
	if !r.Clean && err == nil {
		fmt.Fprintln(out, "log: the process that wrote it did not close it")
	}
	if r.Torn > 0 {
		fmt.Fprintf(out, "log: %d bytes at the end are incomplete and will be cut; nothing in them was confirmed\n", r.Torn)
	}
	for _, name := range r.Leftover {
		fmt.Fprintf(out, "log: %s is not needed and will be removed\n", name)
	}
	if err != nil {
		return fmt.Errorf("log: %w", err)
	}
	fmt.Fprintln(out, "log: sound")
	return nil
}

func verifyIndex(out io.Writer, dir string) error {
	index := filepath.Join(dir, indexDirectory)
	if _, err := vfs.Default.Stat(index); errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintln(out, "index: none yet")
		return nil
	}
	if err := store.Verify(vfs.Default, index, lines{out, "index: "}); err != nil {
		return fmt.Errorf("index: %w", err)
	}
	fmt.Fprintln(out, "index: sound")
	return nil
}

// lines puts a word before each line that is written; each Write is one.
type lines struct {
	out  io.Writer
	word string
}

// Write implements io.Writer.
func (l lines) Write(p []byte) (int, error) {
	if _, err := fmt.Fprintf(l.out, "%s%s", l.word, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

func storeDumpCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "dump DIR",
		Short: "Print the segments of a store's log, its records, or its index",
		Args:  cobra.ExactArgs(1),
	}
	records := c.Flags().Bool("records", false, "print every record")
	index := c.Flags().Bool("index", false, "print the index instead of the log")
	data := c.Flags().Int("data", 0, "print this many bytes of each entry")
	c.RunE = func(c *cobra.Command, args []string) error {
		release, err := openable(args[0])
		if err != nil {
			return err
		}
		if *index {
			return errors.Join(store.Dump(vfs.Default, filepath.Join(args[0], indexDirectory), c.OutOrStdout()), release())
		}
		err = wal.Dump(vfs.Default, filepath.Join(args[0], logDirectory), c.OutOrStdout(), wal.DumpOptions{Records: *records, Data: *data})
		return errors.Join(err, release())
	}
	return c
}
