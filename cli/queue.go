package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/quorate/quorate/broker"
	"github.com/quorate/quorate/console"
)

func queueCommand() *cobra.Command {
	c := &cobra.Command{Use: "queue", Short: "Look at queues and topics, purge, pause, delete, retry"}
	c.AddCommand(
		queueListCommand(),
		queueGroupsCommand(),
		queueOperation("purge", "Remove all that waits in a queue", "What is with consumers stays with them. It takes no time, however much there is."),
		queueOperation("pause", "Deliver nothing from a queue until it is resumed", "Messages can still be sent to it. The pause outlives a change of master."),
		queueOperation("resume", "Deliver from a paused queue again", ""),
		queueOperation("delete", "Delete a queue with all that is in it", "One with consumers is refused."),
		queueOperation("retry", "Send the dead letters of a queue back where they died", "NAME is a dead letter queue, such as ActiveMQ.DLQ. Messages without an original\ndestination stay."),
		queueDropGroupCommand(),
	)
	return c
}

// master asks each node of this machine until one answers as the master.
func (s *sockets) master(ctx context.Context, do func(*console.Client) error) error {
	clients, err := s.clients()
	if err != nil {
		return err
	}
	answers, by, err := ask(ctx, clients)
	for i, st := range answers {
		if st.Role == console.Master {
			return do(by[i])
		}
	}
	if len(answers) > 0 {
		who := "none is known"
		if m := answers[0].Master; m != "" {
			who = "it is " + m
		}
		return errors.Join(err, fmt.Errorf("ask the master of the cluster: %s", who))
	}
	return err
}

func queueListCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "list [PATTERN]",
		Short: "List queues, topics and durable subscriptions with what is pending",
		Long: `Lists the destinations of the master that match PATTERN, with ActiveMQ's
wildcards: ORDERS.> or *.EU. Advisory topics are left out unless --all is given.`,
		Args: cobra.MaximumNArgs(1),
	}
	s := socketsOf(c)
	asJSON := c.Flags().Bool("json", false, "print JSON")
	all := c.Flags().Bool("all", false, "advisory topics, too")
	c.RunE = func(c *cobra.Command, args []string) error {
		pattern := ">"
		if len(args) > 0 {
			pattern = args[0]
		}
		return s.master(c.Context(), func(m *console.Client) error {
			list, err := m.Destinations(c.Context())
			if err != nil {
				return err
			}
			list = slices.DeleteFunc(list, func(d console.Destination) bool {
				_, name, _ := strings.Cut(d.Name, "://")
				return !broker.Match(pattern, name) || !*all && strings.HasPrefix(name, "ActiveMQ.Advisory.")
			})
			if *asJSON {
				return printJSON(c.OutOrStdout(), list)
			}
			return printDestinations(c, list)
		})
	}
	return c
}

func printDestinations(c *cobra.Command, list []console.Destination) error {
	paint := paintFor(c.OutOrStdout())
	var rows [][]string
	for _, d := range list {
		name := d.Name
		if d.Subscription != "" {
			name += fmt.Sprintf(" (%s of %s)", d.Subscription, d.Client)
		}
		state := ""
		if d.Paused {
			state = "paused"
		}
		rows = append(rows, []string{name, count(d.Pending), size(int64(d.Bytes)), strconv.Itoa(d.Consumers), count(d.Enqueued), count(d.Dequeued), count(d.Expired), count(d.Dead), state})
	}
	return printTable(c.OutOrStdout(), []string{"DESTINATION", "PENDING", "SIZE", "CONSUMERS", "ENQUEUED", "DEQUEUED", "EXPIRED", "DEAD", ""}, rows,
		func(_, column int, cell string) string {
			if column == 8 {
				return paint.in(yellow, cell)
			}
			return cell
		})
}

func count(n uint64) string { return strconv.FormatUint(n, 10) }

func queueOperation(do, short, long string) *cobra.Command {
	c := &cobra.Command{Use: do + " NAME", Short: short, Long: strings.TrimSpace(short + ". " + long), Args: cobra.ExactArgs(1)}
	s := socketsOf(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return s.operate(c, console.Operation{Do: do, Queue: strings.TrimPrefix(args[0], "queue://")})
	}
	return c
}

// operate has the master do something, and prints what it says.
func (s *sockets) operate(c *cobra.Command, o console.Operation) error {
	return s.master(c.Context(), func(m *console.Client) error {
		said, err := m.Operate(c.Context(), o)
		if err == nil {
			_, err = fmt.Fprintln(c.OutOrStdout(), said)
		}
		return err
	})
}

func queueGroupsCommand() *cobra.Command {
	c := &cobra.Command{Use: "groups NAME", Short: "List the message groups of a queue and who has them", Args: cobra.ExactArgs(1)}
	s := socketsOf(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return s.master(c.Context(), func(m *console.Client) error {
			list, err := m.Groups(c.Context(), strings.TrimPrefix(args[0], "queue://"))
			if err != nil {
				return err
			}
			var rows [][]string
			for _, g := range list {
				rows = append(rows, []string{g.Name, g.Consumer, strconv.Itoa(g.Outstanding), strconv.Itoa(g.Waiting)})
			}
			return printTable(c.OutOrStdout(), []string{"GROUP", "CONSUMER", "OUTSTANDING", "WAITING"}, rows, nil)
		})
	}
	return c
}

func queueDropGroupCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "drop-group NAME [GROUP]",
		Short: "Take a message group, or all, from its consumer",
		Long: `The next message of the group goes to whichever consumer is free, once what the
old one holds is settled.`,
		Args: cobra.RangeArgs(1, 2),
	}
	s := socketsOf(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		o := console.Operation{Do: "drop-group", Queue: strings.TrimPrefix(args[0], "queue://")}
		if len(args) > 1 {
			o.Group = args[1]
		}
		return s.operate(c, o)
	}
	return c
}

func jobCommand() *cobra.Command {
	c := &cobra.Command{Use: "job", Short: "Look at messages that wait for their time, remove or move them"}
	c.AddCommand(jobListCommand(), jobRemoveCommand(), jobMoveCommand())
	return c
}

func jobListCommand() *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "List scheduled messages in the order of their times", Args: cobra.NoArgs}
	s := socketsOf(c)
	most := c.Flags().Int("count", 100, "how many at most; 0 is all")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return s.master(c.Context(), func(m *console.Client) error {
			var rows [][]string
			for after := (console.JobPlace{}); ; {
				page, err := m.Jobs(c.Context(), after)
				if err != nil {
					return err
				}
				for _, j := range page {
					if *most > 0 && len(rows) == *most {
						break
					}
					rows = append(rows, jobRow(j))
				}
				if len(page) == 0 || *most > 0 && len(rows) == *most {
					return printTable(c.OutOrStdout(), []string{"JOB", "AT", "DESTINATION", "SIZE", "REPEATED"}, rows, nil)
				}
				after = page[len(page)-1].JobPlace
			}
		})
	}
	return c
}

func jobRow(j console.Job) []string {
	repeated := ""
	switch {
	case j.Cron != "":
		repeated = "cron " + j.Cron
	case j.Left < 0:
		repeated = "every " + j.Period
	case j.Left > 0:
		repeated = fmt.Sprintf("%d more, every %s", j.Left, j.Period)
	}
	return []string{j.Name, j.At.Local().Format(time.DateTime), j.Destination, size(int64(j.Bytes)), repeated}
}

func jobRemoveCommand() *cobra.Command {
	c := &cobra.Command{Use: "remove JOB", Short: "Remove a scheduled message", Args: cobra.ExactArgs(1)}
	s := socketsOf(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return s.operate(c, console.Operation{Do: "remove-job", Job: args[0]})
	}
	return c
}

func jobMoveCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "move JOB TIME",
		Short: "Have a scheduled message delivered at another time",
		Long:  "TIME is like 2026-12-24T18:00:00+01:00, or a duration from now like 90m.",
		Args:  cobra.ExactArgs(2),
	}
	s := socketsOf(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		at, err := time.Parse(time.RFC3339, args[1])
		if d, bad := time.ParseDuration(args[1]); bad == nil {
			at, err = time.Now().Add(d), nil
		}
		if err != nil {
			return fmt.Errorf("%q is neither a time like 2026-12-24T18:00:00Z nor a duration like 90m", args[1])
		}
		return s.operate(c, console.Operation{Do: "move-job", Job: args[0], At: at})
	}
	return c
}
