package cli

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quorate/quorate/broker"
	"github.com/quorate/quorate/config"
	"github.com/quorate/quorate/message"
	"github.com/quorate/quorate/node"
)

func explainCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "explain",
		Short: "Tell what holds for a destination, and which line of the file says so",
		Long: `Tells what holds for a queue or a topic: the policy, each value with the line that it
comes from, where messages are copied or forwarded to, and the limits that all
destinations share. It reads the configuration as a node would; none has to run.

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
		x, err := explain(s, message.Destination{Kind: kind, Name: args[0]})
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(c.OutOrStdout(), x)
		}
		return x.print(c.OutOrStdout(), *all)
	}
	return c
}

// An explanation is what is printed of a destination.
type explanation struct {
	Destination string         `json:"destination"`
	File        string         `json:"file,omitempty"` // that was read
	Policy      held           `json:"policy"`
	Others      []held         `json:"otherPolicies,omitempty"` // that match and do not hold
	Redelivery  held           `json:"redeliveryPolicy"`
	Settings    []explainedKey `json:"settings"`
	Routing     []explainedWay `json:"routing,omitempty"`
	Limits      []explainedKey `json:"limits"`
}

type held struct {
	Pattern string `json:"pattern,omitempty"`
	From    string `json:"from,omitempty"` // empty: there is none
}

type explainedKey struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	Default string `json:"default"`
	From    string `json:"from,omitempty"` // empty: it is the default
}

type explainedWay struct {
	Verb  string `json:"verb"`
	Other string `json:"other"`
	When  string `json:"when,omitempty"`
	From  string `json:"from,omitempty"`
}

func explain(s *settings, d message.Destination) (*explanation, error) {
	cfg, report, err := s.load(nil)
	if err != nil {
		return nil, err
	}
	m, err := node.Messaging(cfg)
	if err != nil {
		return nil, err
	}
	p := m.Policies.Explain(d)
	x := &explanation{Destination: d.String(), File: report.File, Policy: held{p.Entry.Pattern, p.Entry.At}, Redelivery: held{p.Redelivery.Pattern, p.Redelivery.At}}
	for _, o := range p.Others {
		x.Others = append(x.Others, held{o.Pattern, o.At})
	}
	sizes := sizeKeys()
	for _, v := range p.Settings {
		k := explainedKey{v.Name, v.Value, v.Default, v.From}
		if sizes["policy."+v.Name] {
			k.Value, k.Default = asSize(k.Value), asSize(k.Default)
		}
		x.Settings = append(x.Settings, k)
	}
	for _, w := range m.Virtual.Explain(d) {
		x.Routing = append(x.Routing, explainedWay{w.Verb, w.Other, w.When, w.From})
	}
	x.Limits = sharedLimits(cfg, report, m.Limits)
	return x, nil
}

// sharedLimits are those that hold for all destinations together.
func sharedLimits(cfg *config.Config, report *config.Report, l broker.Limits) []explainedKey {
	wait := "refused at once"
	if l.SendTimeout > 0 {
		wait = "held up for " + l.SendTimeout.String()
	}
	defaults := map[string]string{}
	for _, k := range config.Keys() {
		defaults[k.Name] = k.Default
	}
	u := cfg.Usage
	return []explainedKey{
		{"memoryUsage", config.FormatBytes(u.Memory), defaults["usage.memory"], report.From("usage.memoryPercent", "usage.memory")},
		{"storeUsage", config.FormatBytes(u.Store), defaults["usage.store"], report.From("usage.storePercent", "usage.store")},
		{"tempUsage", config.FormatBytes(u.Temp), defaults["usage.temp"], report.From("usage.tempPercent", "usage.temp")},
		{"a sender to what is full", wait, "held up for " + defaults["usage.sendFailIfNoSpaceAfterTimeout"],
			report.From("usage.sendFailIfNoSpace", "usage.sendFailIfNoSpaceAfterTimeout")},
	}
}

func sizeKeys() map[string]bool {
	sizes := map[string]bool{}
	for _, k := range config.Keys() {
		sizes[k.Name] = k.Type == "size"
	}
	return sizes
}

func asSize(bytes string) string {
	n, err := strconv.ParseInt(bytes, 10, 64)
	if err != nil {
		return bytes
	}
	return config.FormatBytes(n)
}

// print writes it for a person: what was configured first.
func (x *explanation) print(out io.Writer, all bool) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", x.Destination)
	file := x.File
	if file == "" {
		file = "no file: give --config or set " + config.FileVariable
	}
	fmt.Fprintf(&b, "read from    %s\n", file)
	fmt.Fprintf(&b, "policy       %s\n", x.Policy.text("none: the defaults hold"))
	for _, o := range x.Others {
		fmt.Fprintf(&b, "             %s matches too and does not hold: one entry holds alone, the most specific, or the latest of those\n", o.text(""))
	}
	if x.Redelivery.From != "" {
		fmt.Fprintf(&b, "redelivery   %s\n", x.Redelivery.text(""))
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

func (h held) text(none string) string {
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
func table(out io.Writer, heading string, keys []explainedKey, all bool) (rest int, err error) {
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
