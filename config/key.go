package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Key is one thing that can be configured.
type Key struct {
	Name    string   // dotted, in the order of the reference page
	Flag    string   // without dashes; empty if there is none
	Env     string   // QUORATE_…; empty if there is none
	XML     []string // element paths under the root, `@attribute` or `?option` of a connector's URI at the end; without: the element is the value
	Type    string   // one of the types that the reference page explains
	Default string   // as text, parsed like any other value
	Without string   // what an empty Default means, in words
	Doc     string
	Since   string
	Secret  bool // never printed, and no flag, since other users see command lines

	set setter
}

// A setter reads a value into what is being configured. The note is the reason
// of a finding that is mapped and not simply honoured.
type setter func(t *target, text string) (note string, err error)

// target is what a key writes to: the configuration, and what the loader is at
// of the things that a file has several of.
type target struct {
	cfg        *Config
	conn       *Connector
	policy     *Policy
	redelivery *Redelivery
	topic      *VirtualTopic
	composite  *Composite
	forward    *Forward
	mirror     *Mirror
	line       int  // of the element or attribute
	kind       Kind // that it speaks of, if it does

	percents percents
	stomp    string // address from outside the file, or "off"
}

// Keys gives the table, in the order of the reference page.
func Keys() []Key { return slices.Clone(keys) }

// byXML finds the key of a path, and the path under which it is in the table.
var byXML = func() map[string]*Key {
	m := map[string]*Key{}
	for i := range keys {
		for _, path := range keys[i].XML {
			if m[path] != nil {
				panic("two keys for " + path)
			}
			m[path] = &keys[i]
		}
	}
	return m
}()

func keyNamed(name string) *Key {
	for i := range keys {
		if keys[i].Name == name {
			return &keys[i]
		}
	}
	panic("no key " + name)
}

// setDefaults gives every key whose name starts with prefix its default.
func setDefaults(t *target, prefix string) {
	for i := range keys {
		k := &keys[i]
		if k.Default == "" || !strings.HasPrefix(k.Name, prefix) || k.scoped() != (prefix != "") {
			continue
		}
		if _, err := k.set(t, k.Default); err != nil {
			panic(fmt.Sprintf("default of %s: %v", k.Name, err))
		}
	}
}

// scopes are the first parts of the names of keys that exist several times.
var scopes = []string{"connector", "policy", "redelivery", "virtualTopic", "composite", "forward", "mirroredQueue"}

func (k *Key) scoped() bool {
	scope, _, _ := strings.Cut(k.Name, ".")
	return slices.Contains(scopes, scope)
}

// say notes where an attribute of a policy was written.
func (t *target) say(k *Key) {
	scope, name, _ := strings.Cut(k.Name, ".")
	switch {
	case scope == "policy" && t.policy != nil:
		t.policy.Said[name] = t.line
	case scope == "redelivery" && t.redelivery != nil:
		t.redelivery.Said[name] = t.line
	}
}

// newConnector is one with the defaults of the table.
func newConnector(name, scheme string) Connector {
	c := Connector{Name: name, Scheme: scheme}
	setDefaults(&target{conn: &c}, "connector.")
	return c
}

// PolicyOf is what a policyEntry holds that says nothing.
func PolicyOf(kind Kind, pattern string) Policy {
	p := Policy{Kind: kind, Pattern: pattern, Said: Said{}}
	setDefaults(&target{policy: &p}, "policy.")
	return p
}

// The setters of the types.

func text(field func(*target) *string) setter {
	return func(t *target, s string) (string, error) {
		*field(t) = strings.TrimSpace(s)
		return "", nil
	}
}

func words(field func(*target) *string, allowed ...string) setter {
	return func(t *target, s string) (string, error) {
		w := strings.ToLower(strings.TrimSpace(s))
		if !slices.Contains(allowed, w) {
			return "", fmt.Errorf("%q is not one of %s", s, strings.Join(allowed, ", "))
		}
		*field(t) = w
		return "", nil
	}
}

func integer(field func(*target) *int, lo, hi int) setter {
	return func(t *target, s string) (string, error) {
		n, err := parseInt(s, lo, hi)
		if err != nil {
			return "", err
		}
		*field(t) = n
		return "", nil
	}
}

func size(field func(*target) *int64, lo, hi int64) setter {
	return func(t *target, s string) (string, error) {
		n, err := parseBytes(s)
		if err != nil {
			return "", err
		}
		if n < lo || n > hi {
			return "", fmt.Errorf("%q is out of range: want %s to %s", s, FormatBytes(lo), FormatBytes(hi))
		}
		*field(t) = n
		return "", nil
	}
}

func duration(field func(*target) *time.Duration, lo, hi time.Duration) setter {
	return func(t *target, s string) (string, error) {
		d, err := parseDuration(s)
		if err != nil {
			return "", err
		}
		if d < lo || d > hi {
			return "", fmt.Errorf("%q is out of range: want %s to %s", s, formatDuration(lo), formatDuration(hi))
		}
		*field(t) = d
		return "", nil
	}
}

// never lets -1 stand for 0, as ActiveMQ does where a limit is off.
func never(set setter) setter {
	return func(t *target, s string) (string, error) {
		if strings.TrimSpace(s) == "-1" {
			s = "0"
		}
		return set(t, s)
	}
}

// noting gives the reason why a value is mapped and not simply honoured.
func noting(reason string, set setter) setter {
	return func(t *target, s string) (string, error) {
		if note, err := set(t, s); note != "" || err != nil {
			return note, err
		}
		return reason, nil
	}
}

func factor(field func(*target) *float64, lo, hi float64) setter {
	return func(t *target, s string) (string, error) {
		f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
		if err != nil || !(f >= lo && f <= hi) {
			return "", fmt.Errorf("%q is not a factor from %.0f to %.0f", s, lo, hi)
		}
		*field(t) = f
		return "", nil
	}
}

func boolean(field func(*target) *bool) setter {
	return func(t *target, s string) (string, error) {
		b, err := parseBool(s)
		if err != nil {
			return "", err
		}
		*field(t) = b
		return "", nil
	}
}

func address(field func(*target) *string, defaultPort string) setter {
	return func(t *target, s string) (string, error) {
		a, err := hostPort(s, defaultPort)
		if err != nil {
			return "", err
		}
		*field(t) = a
		return "", nil
	}
}

func addresses(field func(*target) *[]string, defaultPort string) setter {
	return func(t *target, s string) (string, error) {
		list := parseList(s)
		if len(list) == 0 {
			return "", fmt.Errorf("%q names no address: want host:port, separated by commas", s)
		}
		for i, a := range list {
			hp, err := hostPort(a, defaultPort)
			if err != nil {
				return "", err
			}
			if slices.Contains(list[:i], hp) {
				return "", fmt.Errorf("%s is named twice", hp)
			}
			list[i] = hp
		}
		*field(t) = list
		return "", nil
	}
}
