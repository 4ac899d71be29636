package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Key is one thing that can be configured.
type Key struct {
	Name    string   // dotted, in the order of the reference page
	Flag    string   // without dashes; empty if there is none
	Env     string   // QUORATE_…; empty if there is none
	XML     []string // element paths under the root, `@attribute` or `?option` of a connector's URI at the end
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

// target is what a key writes to: the configuration, and the connector or
// policy that the loader is at.
type target struct {
	cfg    *Config
	conn   *Connector
	policy *Policy

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
		scoped := strings.HasPrefix(k.Name, "policy.") || strings.HasPrefix(k.Name, "connector.")
		if k.Default == "" || !strings.HasPrefix(k.Name, prefix) || scoped != (prefix != "") {
			continue
		}
		if _, err := k.set(t, k.Default); err != nil {
			panic(fmt.Sprintf("default of %s: %v", k.Name, err))
		}
	}
}

// newConnector is one with the defaults of the table.
func newConnector(name, scheme string) Connector {
	c := Connector{Name: name, Scheme: scheme}
	setDefaults(&target{conn: &c}, "connector.")
	return c
}

// defaultPolicy is what a policyEntry holds that says nothing.
func defaultPolicy() Policy {
	p := Policy{Pattern: ">"}
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
			return "", fmt.Errorf("%q is out of range: want %s to %s", s, formatBytes(lo), formatBytes(hi))
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
			return "", fmt.Errorf("%q is out of range: want %v to %v", s, lo, hi)
		}
		*field(t) = d
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
