package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/quorate/quorate/config"
	"github.com/quorate/quorate/console"
	"github.com/quorate/quorate/message"
	"github.com/quorate/quorate/node"
)

func explainCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "explain",
		Short: "Tell what holds for a destination, and which line of the file says so",
		Long: `Tells what holds for a queue or a topic: the policy, each value with the line that it
comes from, where messages are copied or forwarded to, and the limits that all
destinations share. With a file the configuration is read as a node would, and none
has to run; without one the node of the data directory is asked.

  quorate explain queue orders.eu --config conf/activemq.xml
  quorate explain topic prices --config conf/activemq.xml --all`,
	}
	for _, k := range []struct {
		name string
		kind message.Kind
	}{{"queue", message.Queue}, {"topic", message.Topic}, {"tempQueue", message.TempQueue}, {"tempTopic", message.TempTopic}} {
		c.AddCommand(explainKind(k.name, k.kind))
	}
	return c
}

func explainKind(name string, kind message.Kind) *cobra.Command {
	c := &cobra.Command{
		Use:   name + " NAME",
		Short: "Tell what holds for the " + name + " of that name",
		Args:  cobra.ExactArgs(1),
	}
	all := c.Flags().Bool("all", false, "print what is at its default as well")
	asJSON := c.Flags().Bool("json", false, "print JSON, always of everything")
	s := settingsOf(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		x, err := explain(c.Context(), s, message.Destination{Kind: kind, Name: args[0]})
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(c.OutOrStdout(), x)
		}
		return (*explanation)(&x).print(c.OutOrStdout(), *all)
	}
	return c
}

// explain asks the node of the data directory, unless a file or flags say how a
// node would be configured: then none has to run.
func explain(ctx context.Context, s *settings, d message.Destination) (console.Explanation, error) {
	cfg, report, err := s.load(nil)
	if err != nil {
		return console.Explanation{}, err
	}
	if cfg.File == "" && !s.configures() {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		x, err := console.NewClient(cfg.AdminSocket).Explain(ctx, d)
		if !errors.Is(err, console.ErrNotRunning) {
			return x, err
		}
	}
	return node.Explain(cfg, report, d)
}

// An explanation is printed for a person.
type explanation console.Explanation

// print writes it for a person: what was configured first.
func (x *explanation) print(out io.Writer, all bool) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", x.Destination)
	file := x.File
	if file == "" {
		file = "no file: --config or " + config.FileVariable + " names one"
	}
	fmt.Fprintf(&b, "read from    %s\n", file)
	fmt.Fprintf(&b, "policy       %s\n", entryText(x.Policy, "none: the defaults hold"))
	for _, o := range x.Others {
		fmt.Fprintf(&b, "             %s matches too and does not hold: one entry holds alone, the most specific, or the latest of those\n", entryText(o, ""))
	}
	if x.Redelivery.From != "" {
		fmt.Fprintf(&b, "redelivery   %s\n", entryText(x.Redelivery, ""))
	}
	b.WriteByte('\n')
	rest, err := table(&b, "ATTRIBUTE", x.Settings, all)
	if err != nil {
		return err
	}
	if rest > 0 {
		fmt.Fprintf(&b, "%d attributes are at their defaults; --all shows them\n", rest)
	}
	if len(x.Routing) > 0 {
		b.WriteByte('\n')
		if err := x.routing(&b); err != nil {
			return err
		}
	}
	b.WriteByte('\n')
	if _, err := table(&b, "SHARED LIMIT", x.Limits, true); err != nil {
		return err
	}
	_, err = io.WriteString(out, b.String())
	return err
}

func entryText(h console.ExplainedEntry, none string) string {
	switch {
	case h.From == "":
		return none
	case h.Pattern == "":
		return "the default entry (" + h.From + ")"
	}
	return h.Pattern + " (" + h.From + ")"
}

// table prints what was set, and with all the rest below it, whose number it
// gives otherwise.
func table(out io.Writer, heading string, keys []console.ExplainedSetting, all bool) (rest int, err error) {
	var set, unset [][]string
	for _, k := range keys {
		if k.From != "" || k.Value != k.Default {
			set = append(set, []string{k.Name, shown(k.Value), shown(k.Default), k.From})
		} else {
			unset = append(unset, []string{k.Name, shown(k.Value), shown(k.Default), "default"})
		}
	}
	if !all {
		rest, unset = len(unset), nil
	}
	rows := append(set, unset...)
	if len(rows) == 0 {
		return rest, nil
	}
	return rest, printTable(out, []string{heading, "VALUE", "DEFAULT", "FROM"}, rows, nil)
}

// shown makes an empty value visible.
func shown(v string) string {
	if v == "" {
		return `""`
	}
	return v
}

func (x *explanation) routing(out io.Writer) error {
	var rows [][]string
	for _, w := range x.Routing {
		from := w.From
		if from == "" {
			from = "default"
		}
		when := "always"
		if w.When != "" {
			when = w.When
		}
		rows = append(rows, []string{w.Verb, w.Other, when, from})
	}
	return printTable(out, []string{"ROUTING", "DESTINATION", "WHEN", "FROM"}, rows, nil)
}
