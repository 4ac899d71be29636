package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/quorate/quorate/config"
	"github.com/quorate/quorate/console"
)

func clusterCommand() *cobra.Command {
	c := &cobra.Command{Use: "cluster", Short: "Look at a cluster, and hand over its leadership"}
	c.AddCommand(clusterStatusCommand(), clusterTransferCommand())
	return c
}

// sockets are the management sockets that a command talks to.
type sockets struct {
	file string
	data []string
}

func socketsOf(c *cobra.Command) *sockets {
	s := &sockets{}
	c.Flags().StringVarP(&s.file, "config", "c", "", "activemq.xml of the node to ask")
	c.Flags().StringArrayVar(&s.data, "data", nil, "data directory of the node to ask; may be repeated for several nodes of this machine")
	return s
}

// clients gives a client for each node to ask.
func (s *sockets) clients() ([]*console.Client, error) {
	if len(s.data) == 0 {
		src := config.Sources{File: s.file, Environ: os.Environ()}
		if src.File == "" {
			src.File = os.Getenv(config.FileVariable)
		}
		cfg, _, err := config.Load(src)
		if err != nil {
			return nil, err
		}
		return []*console.Client{console.NewClient(cfg.AdminSocket)}, nil
	}
	var all []*console.Client
	for _, dir := range s.data {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return nil, err
		}
		all = append(all, console.NewClient(filepath.Join(abs, "quorate.sock")))
	}
	return all, nil
}

// ask gives the status of each node that answers, and the errors of those that
// do not.
func ask(ctx context.Context, clients []*console.Client) (answers []console.Status, by []*console.Client, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var errs []error
	for _, c := range clients {
		st, err := c.Status(ctx)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		answers, by = append(answers, st), append(by, c)
	}
	return answers, by, errors.Join(errs...)
}

func clusterStatusCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "status",
		Short: "Tell who is master, how far each node is, and who is missing",
		Long: `Asks the node of this machine what it knows of its cluster. Only the master knows
how far the slaves are. The exit code is 1 if no node answers, or none is master.`,
		Args: cobra.NoArgs,
	}
	s := socketsOf(c)
	asJSON := c.Flags().Bool("json", false, "print what each node says as JSON")
	c.RunE = func(c *cobra.Command, _ []string) error {
		clients, err := s.clients()
		if err != nil {
			return err
		}
		answers, _, err := ask(c.Context(), clients)
		if err != nil {
			fmt.Fprintf(c.ErrOrStderr(), "quorate: %v\n", err)
		}
		if len(answers) == 0 {
			return exit(1)
		}
		if *asJSON {
			return printJSON(c.OutOrStdout(), answers)
		}
		return printCluster(c.OutOrStdout(), answers)
	}
	return c
}

// printCluster prints the cluster as the best informed of the nodes sees it.
func printCluster(out io.Writer, answers []console.Status) error {
	st := bestInformed(answers)
	paint := paintFor(out)
	master := st.Master
	if master == "" {
		master = paint.in(red, "none")
	}
	fmt.Fprintf(out, "broker %s   master %s   term %d   quorum %d of %d   election %s\n", st.Broker, master, st.Term, st.Quorum, st.Replicas, st.Election)
	fmt.Fprintf(out, "%s\n\n", st.Guarantee)
	var rows [][]string
	var missing []string
	for _, m := range st.Members {
		rows = append(rows, memberRow(m, st))
		if !m.Up && !m.Vacant {
			missing = append(missing, m.Seat)
		}
	}
	err := printTable(out, []string{"NODE", "ROLE", "POSITION", "LAG", "STATE"}, rows, func(row, column int, cell string) string {
		switch {
		case column == 1 && cell == string(console.Master):
			return paint.in(green, cell)
		case column == 4 && strings.HasPrefix(cell, "missing"):
			return paint.in(red, cell)
		case column == 4 && cell != "up":
			return paint.in(yellow, cell)
		}
		return cell
	})
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		fmt.Fprintf(out, "\nmissing: %s\n", strings.Join(missing, ", "))
	}
	if st.Reason != "" {
		fmt.Fprintf(out, "\n%s: %s\n", st.Node, st.Reason)
	}
	for _, n := range st.Notes {
		fmt.Fprintf(out, "note: %s\n", n)
	}
	if st.Master == "" {
		return exit(1)
	}
	return nil
}

// bestInformed is the master, the one with the highest term if two think that
// they are; else whoever has the highest term.
func bestInformed(answers []console.Status) console.Status {
	return slices.MaxFunc(answers, func(a, b console.Status) int {
		if a.Term != b.Term {
			if a.Term < b.Term {
				return -1
			}
			return 1
		}
		rank := func(s console.Status) int {
			if s.Role == console.Master {
				return 1
			}
			return 0
		}
		return rank(a) - rank(b)
	})
}

// forever is how long a node is silent, in milliseconds, that was never heard.
const forever = int64(10000 * time.Hour / time.Millisecond)

func memberRow(m console.Member, st console.Status) []string {
	role := string(m.Role)
	if m.Seat == st.Master {
		role = string(console.Master)
	}
	state := "up"
	switch {
	case m.Vacant:
		role, state = "", "vacant: nobody has taken this seat"
	case !m.Up && m.SilentFor > 0 && m.SilentFor < forever:
		state = fmt.Sprintf("missing for %v", (time.Duration(m.SilentFor) * time.Millisecond).Round(time.Second))
	case !m.Up:
		state = "missing"
	case m.Learning:
		state = "catching up"
	case m.Unfit != "":
		state = "unfit: " + m.Unfit
	}
	lag := "-"
	if st.Role == console.Master && m.Up {
		lag = strconv.FormatUint(m.Lag, 10)
	}
	position := "-"
	if m.Position > 0 {
		position = strconv.FormatUint(m.Position, 10)
	}
	name := m.Seat
	if m.Seat == st.Node {
		name += " *"
	}
	return []string{name, role, position, lag, state}
}

func clusterTransferCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "transfer [NODE]",
		Short: "Hand the leadership to another node",
		Long: `Hands the leadership to the named node (as cluster status names it), or to the
best slave. Clients see a reconnect. The command is given to the master: run it
on the master's machine.`,
		Args: cobra.MaximumNArgs(1),
	}
	s := socketsOf(c)
	timeout := c.Flags().Duration("timeout", 30*time.Second, "how long to wait until the other node leads")
	c.RunE = func(c *cobra.Command, args []string) error {
		to := ""
		if len(args) > 0 {
			to = args[0]
		}
		clients, err := s.clients()
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(c.Context(), *timeout)
		defer cancel()
		return transfer(ctx, c.OutOrStdout(), clients, to)
	}
	return c
}

func transfer(ctx context.Context, out io.Writer, clients []*console.Client, to string) error {
	answers, by, err := ask(ctx, clients)
	if len(answers) == 0 {
		return err
	}
	i := slices.IndexFunc(answers, func(s console.Status) bool { return s.Role == console.Master })
	if i < 0 {
		master := answers[0].Master
		if master == "" {
			return errors.New("there is no master that could hand over")
		}
		return fmt.Errorf("%s is not the master: run this on the machine of %s", answers[0].Node, master)
	}
	began := time.Now()
	after, err := by[i].Transfer(ctx, to)
	if err != nil {
		return fmt.Errorf("hand over from %s: %w", answers[i].Node, err)
	}
	next := after.Master
	if next == "" || next == answers[i].Node { // it has not heard of it yet
		if next = to; next == "" {
			next = "another node"
		}
	}
	fmt.Fprintf(out, "%s has handed over to %s in %v\n", answers[i].Node, next, time.Since(began).Round(time.Millisecond))
	return nil
}
