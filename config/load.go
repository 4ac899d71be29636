package config

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Sources are where a configuration comes from. The zero value gives the safe
// defaults: a single node that only this machine can reach.
type Sources struct {
	File    string            // path of an activemq.xml, also as xbean:file:PATH; empty: none
	Flags   map[string]string // by the key's flag, only those that were given
	Define  map[string]string // -Dname=value, for ${name} in the file
	Environ []string          // NAME=value, as os.Environ gives it

	document []byte // of tests, instead of File's content
}

// Load reads a configuration. The report comes with every file that could be
// read as XML; an error that is a *RefusedError repeats its refused lines. The
// configuration is nil with any error.
func Load(src Sources) (*Config, *Report, error) {
	src.File = filePath(src.File)
	l := &loader{src: src, report: &Report{File: src.File}, variables: map[string]string{}}
	for _, v := range src.Environ {
		name, value, _ := strings.Cut(v, "=")
		l.variables[name] = value
	}
	l.target.cfg = &Config{}
	setDefaults(&l.target, "")
	if err := l.file(); err != nil {
		return nil, l.report, err
	}
	l.environment()
	if err := l.flags(); err != nil {
		return nil, l.report, err
	}
	if err := l.finish(); err != nil {
		return nil, l.report, err
	}
	l.report.sort()
	if len(l.report.Refused()) > 0 {
		return nil, l.report, &RefusedError{l.report}
	}
	return l.target.cfg, l.report, nil
}

// filePath understands the ways in which ActiveMQ's users name a file.
func filePath(name string) string {
	for _, prefix := range []string{"xbean:", "file:"} {
		name = strings.TrimPrefix(name, prefix)
	}
	return strings.TrimPrefix(name, "//") // of file:///etc/activemq.xml
}

// A loader goes through the sources, from the weakest to the strongest.
type loader struct {
	src       Sources
	variables map[string]string
	target    target
	report    *Report
	props     *placeholders
	brokers   int
	isDefault bool // the element is a default entry

	intercepted int // line of <destinationInterceptors>, 0 if there are none
}

// env looks a variable up.
func (l *loader) env(name string) (string, bool) {
	v, ok := l.variables[name]
	return v, ok
}

// file reads the file, if there is one.
func (l *loader) file() error {
	if l.src.File == "" && l.src.document == nil {
		return nil
	}
	data := l.src.document
	if data == nil {
		f, err := os.Open(l.src.File)
		if err != nil {
			return fmt.Errorf("configuration: %w", err)
		}
		defer f.Close()
		if data, err = io.ReadAll(io.LimitReader(f, maxFileSize+1)); err != nil {
			return fmt.Errorf("configuration: %w", err)
		}
	}
	root, err := parseTree(data)
	if err != nil {
		return fmt.Errorf("%s: %w", l.src.File, err)
	}
	l.preparePlaceholders()
	switch root.name {
	case "beans":
		l.beans(root)
	case "broker":
		l.known(root, pathBroker)
	default:
		return fmt.Errorf("%s: line %d: the root element is <%s>: want <beans> or <broker>", l.src.File, root.line, root.name)
	}
	if l.brokers == 0 && root.name == "beans" {
		return fmt.Errorf("%s: there is no <broker> in it", l.src.File)
	}
	if abs, err := filepath.Abs(l.src.File); err == nil {
		l.target.cfg.File = abs
	}
	return nil
}

// preparePlaceholders gives the names that ActiveMQ's start script defines.
func (l *loader) preparePlaceholders() {
	conf := filepath.Dir(l.src.File)
	base := filepath.Dir(conf)
	builtin := map[string]string{
		"activemq.base": base, "activemq.home": base, "activemq.conf": conf,
		"activemq.data": l.dataDirectory(), "user.dir": ".",
	}
	for name, env := range map[string]string{"activemq.base": "ACTIVEMQ_BASE", "activemq.home": "ACTIVEMQ_HOME", "activemq.conf": "ACTIVEMQ_CONF"} {
		if v, ok := l.env(env); ok && v != "" {
			builtin[name] = v
		}
	}
	l.props = &placeholders{define: l.src.Define, files: map[string]string{}, environ: l.env, builtin: builtin}
}

// dataDirectory is where data goes if the file does not say.
func (l *loader) dataDirectory() string {
	if v := l.src.Flags[keyNamed("broker.data").Flag]; v != "" {
		return v
	}
	for _, name := range []string{keyNamed("broker.data").Env, "ACTIVEMQ_DATA"} {
		if v, ok := l.env(name); ok && v != "" {
			return v
		}
	}
	return "data"
}

// environment takes the QUORATE_ variables.
func (l *loader) environment() {
	for i := range keys {
		k := &keys[i]
		if k.Env == "" {
			continue
		}
		if v, ok := l.env(k.Env); ok && v != "" {
			l.outside(k, k.Env, v)
		}
	}
	l.unknownVariables()
}

// FileVariable names the file where no flag does. It is read by whoever fills
// Sources.
const FileVariable = envPrefix + "CONFIG"

const envPrefix = "QUORATE_"

// unknownVariables reports variables that look like ours and are not.
func (l *loader) unknownVariables() {
	known := []string{strings.TrimPrefix(FileVariable, envPrefix)}
	for _, k := range keys {
		if k.Env != "" {
			known = append(known, strings.TrimPrefix(k.Env, envPrefix))
		}
	}
	for _, v := range slices.Sorted(maps.Keys(l.variables)) {
		name, ours := strings.CutPrefix(v, envPrefix)
		if !ours || slices.Contains(known, name) {
			continue
		}
		f := Finding{What: v, Verdict: Ignored, Reason: "unknown variable"}
		if n := nearest(name, known); n != "" {
			f.Reason += "; did you mean " + envPrefix + n + "?"
		}
		l.report.add(f)
	}
}

// flags takes what the command line gives.
func (l *loader) flags() error {
	var errs []error
	for name := range l.src.Flags {
		if !slices.ContainsFunc(keys, func(k Key) bool { return k.Flag == name && name != "" }) {
			errs = append(errs, fmt.Errorf("there is no flag --%s", name))
		}
	}
	for i := range keys { // in the order of the table
		if v, ok := l.src.Flags[keys[i].Flag]; ok && keys[i].Flag != "" {
			l.outside(&keys[i], "--"+keys[i].Flag, v)
		}
	}
	return errors.Join(errs...)
}

// outside sets a key from a variable or a flag, which come without a line.
func (l *loader) outside(k *Key, name, value string) {
	f := Finding{What: name + "=" + value, key: k.Name}
	if k.Secret {
		f.What = name + "=…"
	}
	note, err := k.set(&l.target, value)
	l.judge(&f, note, err)
}

// judge adds the finding of a key that was set.
func (l *loader) judge(f *Finding, note string, err error) {
	switch {
	case err != nil:
		f.Verdict, f.Reason = Refused, err.Error()
	case note != "":
		f.Verdict, f.Reason = Mapped, note
	}
	l.report.add(*f)
}

// last gives the finding by which a key got its value, nil if it has its
// default.
func (l *loader) last(key string) *Finding {
	for i := len(l.report.Findings) - 1; i >= 0; i-- {
		if l.report.Findings[i].key == key {
			return &l.report.Findings[i]
		}
	}
	return nil
}
