package broker

import "strings"

// Match reports whether a name matches a pattern of ActiveMQ: elements are
// separated by ".", "*" is any one element, ">" at the end is any rest.
func Match(pattern, name string) bool {
	for {
		p, prest, pmore := strings.Cut(pattern, ".")
		if p == ">" && !pmore {
			return true
		}
		n, nrest, nmore := strings.Cut(name, ".")
		if p != "*" && p != n {
			return false
		}
		if !pmore || !nmore {
			return pmore == nmore || (pmore && prest == ">")
		}
		pattern, name = prest, nrest
	}
}

// specificity orders patterns: literal elements count most, then "*", a
// trailing ">" least; longer patterns are more specific than shorter ones.
func specificity(pattern string) int {
	n := 0
	for _, e := range strings.Split(pattern, ".") {
		switch e {
		case ">":
		case "*":
			n++
		default:
			n += 1000
		}
	}
	return n
}

// isPattern reports whether a name has wildcards.
func isPattern(name string) bool {
	for e := range strings.SplitSeq(name, ".") {
		if e == "*" || e == ">" {
			return true
		}
	}
	return false
}
