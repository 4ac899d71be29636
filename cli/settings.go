package cli

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/quorate/quorate/config"
)

// settings are the flags that configure a node: --config, -D and those of the
// table of keys.
type settings struct {
	file   string
	define []string
	set    *pflag.FlagSet
}

// settingsOf adds the flags to a command.
func settingsOf(c *cobra.Command) *settings {
	s := &settings{set: c.Flags()}
	c.Flags().SortFlags = false
	c.Flags().StringVarP(&s.file, "config", "c", "", "activemq.xml to read; without one (or "+config.FileVariable+") a node alone on loopback")
	c.Flags().StringArrayVarP(&s.define, "define", "D", nil, "`name=value` for ${name} in the file; may be repeated")
	for _, k := range config.Keys() {
		if k.Flag == "" {
			continue
		}
		c.Flags().Var(&keyValue{kind: flagKind(k)}, k.Flag, flagUsage(k))
	}
	return s
}

// A keyValue is the text that a flag of the table was given.
type keyValue struct{ text, kind string }

// String, Set and Type implement pflag.Value.
func (v *keyValue) String() string     { return v.text }
func (v *keyValue) Set(s string) error { v.text = s; return nil }
func (v *keyValue) Type() string       { return v.kind }

// flagKind is the one word by which --help calls a value.
func flagKind(k config.Key) string {
	kind := strings.TrimPrefix(k.Type, "list of ")
	if strings.Contains(kind, " or ") {
		return "word"
	}
	return kind
}

// flagUsage is the line of --help: the first sentence and the default.
func flagUsage(k config.Key) string {
	doc, _, _ := strings.Cut(k.Doc, ". ")
	def := k.Default
	if def == "" {
		def = k.Without
	}
	return strings.ReplaceAll(strings.TrimSuffix(doc, ".")+" (default: "+def+")", "`", "")
}

// sources are what the node is configured from. args may hold the file in the
// way of ActiveMQ: xbean:file:PATH.
func (s *settings) sources(args []string) (config.Sources, error) {
	src := config.Sources{File: s.file, Environ: os.Environ(), Flags: map[string]string{}, Define: map[string]string{}}
	for _, a := range args {
		if !strings.HasPrefix(a, "xbean:") {
			return src, fmt.Errorf("argument %q: want flags, or xbean:file:PATH", a)
		}
		if src.File != "" {
			return src, fmt.Errorf("argument %q: the file %s is given already", a, src.File)
		}
		src.File = a
	}
	if src.File == "" {
		src.File = os.Getenv(config.FileVariable)
	}
	for _, d := range s.define {
		name, value, ok := strings.Cut(d, "=")
		if !ok || name == "" {
			return src, fmt.Errorf("-D%s: want -Dname=value", d)
		}
		src.Define[name] = value
	}
	for _, k := range config.Keys() {
		if k.Flag != "" && s.set.Changed(k.Flag) {
			src.Flags[k.Flag] = s.set.Lookup(k.Flag).Value.String()
		}
	}
	return src, nil
}

// configures reports whether flags say more than where a node is.
func (s *settings) configures() bool {
	return slices.ContainsFunc(config.Keys(), func(k config.Key) bool {
		return k.Flag != "" && k.Name != "broker.data" && k.Name != "broker.socket" && s.set.Changed(k.Flag)
	})
}

// load reads the configuration.
func (s *settings) load(args []string) (*config.Config, *config.Report, error) {
	src, err := s.sources(args)
	if err != nil {
		return nil, nil, err
	}
	return config.Load(src)
}

// arguments gives the flags back as they would be written, for a child that is
// configured in the same way.
func (s *settings) arguments(args []string) []string {
	var out []string
	if s.file != "" {
		out = append(out, "--config="+s.file)
	}
	for _, d := range s.define {
		out = append(out, "--define="+d)
	}
	for _, k := range config.Keys() {
		if k.Flag != "" && s.set.Changed(k.Flag) {
			out = append(out, "--"+k.Flag+"="+s.set.Lookup(k.Flag).Value.String())
		}
	}
	return slices.Concat(out, args)
}
