package cli

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/quorate/quorate/config"
	"github.com/quorate/quorate/node"
)

func configCommand() *cobra.Command {
	c := &cobra.Command{Use: "config", Short: "Check a configuration, or print the reference of all keys"}
	c.AddCommand(configCheckCommand(), configReferenceCommand())
	return c
}

func configCheckCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "check FILE",
		Short: "Tell what becomes of each element and attribute of an activemq.xml",
		Long: `Tells of each element and attribute of a file whether it is honoured, mapped to
something close, ignored, or refused, with its line and the reason. The exit code
is 1 if something is refused: a node does not start with it.`,
		Args: cobra.ExactArgs(1),
	}
	c.Flags().StringArrayP("define", "D", nil, "`name=value` for ${name} in the file; may be repeated")
	quiet := c.Flags().BoolP("quiet", "q", false, "leave out what is honoured")
	c.RunE = func(c *cobra.Command, args []string) error {
		defs, err := c.Flags().GetStringArray("define")
		if err != nil {
			return err
		}
		s := settings{file: args[0], define: defs, set: c.Flags()}
		return configCheck(c.OutOrStdout(), &s, *quiet)
	}
	return c
}

func configCheck(out io.Writer, s *settings, quiet bool) error {
	cfg, report, err := s.load(nil)
	var refused *config.RefusedError
	if err != nil && !errors.As(err, &refused) {
		return err
	}
	paint := paintFor(out)
	for _, f := range report.Findings {
		if quiet && f.Verdict == config.Honoured && !f.Warning {
			continue
		}
		fmt.Fprintln(out, paint.in(colourOf(f), report.Text(f)))
	}
	fmt.Fprintf(out, "%d honoured, %d mapped, %d ignored, %d refused\n", report.Count(config.Honoured),
		report.Count(config.Mapped), report.Count(config.Ignored), report.Count(config.Refused))
	if refused != nil {
		fmt.Fprintln(out, paint.in(red, "a node does not start with this configuration"))
		return exit(1)
	}
	if _, err := node.Messaging(cfg); err != nil { // selectors, which the room that reads files does not know
		fmt.Fprintln(out, paint.in(red, err.Error()))
		fmt.Fprintln(out, paint.in(red, "a node does not start with this configuration"))
		return exit(1)
	}
	fmt.Fprintln(out, cfg.Store.Guarantee())
	return nil
}

func colourOf(f config.Finding) string {
	switch {
	case f.Verdict == config.Refused:
		return red
	case f.Verdict == config.Ignored || f.Warning:
		return yellow
	case f.Verdict == config.Mapped:
		return cyan
	}
	return green
}

func configReferenceCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "reference",
		Short: "Print the reference page of all keys, in Markdown",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := io.WriteString(c.OutOrStdout(), config.Reference())
			return err
		},
	}
}
