package config

import (
	"fmt"
	"strings"
)

// isPattern reports whether a name has wildcards: elements are separated by
// ".", "*" is one, ">" at the end is any rest.
func isPattern(name string) bool {
	for e := range strings.SplitSeq(name, ".") {
		if e == "*" || e == ">" {
			return true
		}
	}
	return false
}

// checkPattern refuses what cannot be one.
func checkPattern(p string) error {
	if p == "" || len(p) > maxName || strings.ContainsAny(p, "\r\n\x00") {
		return fmt.Errorf("%q is not a pattern of destinations: want 1 to %d characters on one line", clip(p), maxName)
	}
	return nil
}

// misread tells of a pattern that does not mean what its author probably
// thinks, or "", and whether it can match at all.
func misread(p string) (reason string, matches bool) {
	elements := strings.Split(p, ".")
	for i, e := range elements {
		switch {
		case e == ">" && i < len(elements)-1:
			return "it can never match: > means the rest, so it has to be the last element", false
		case e == "":
			return "it matches only names with an empty element: look at the dots", true
		case e != "*" && e != ">" && strings.ContainsAny(e, "*>"):
			return fmt.Sprintf("* and > stand for whole elements: this matches only a name that has %q in it", clip(e)), true
		case strings.TrimSpace(e) != e:
			return fmt.Sprintf("blanks belong to the name: this matches only one that has %q in it", clip(e)), true
		}
	}
	return "", true
}
