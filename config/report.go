package config

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Verdict says what became of an element, an attribute, a flag or a variable.
type Verdict uint8

// The verdicts.
const (
	Honoured Verdict = iota // means what it means in ActiveMQ
	Mapped                  // means something close, or stronger; the reason tells
	Ignored                 // has no effect; the reason tells
	Refused                 // taking it up or leaving it out would break a promise: the node does not start
)

// String gives the word that reports print.
func (v Verdict) String() string {
	return [...]string{"honoured", "mapped", "ignored", "refused"}[v]
}

// A Finding is one line of a report.
type Finding struct {
	Line    int    // in the file; 0 for a flag, a variable or what is missing
	What    string // `replicatedLevelDB replicas="3"`, `<kahaDB>`, `--replicas=3`, `QUORATE_REPLICAS=3`; secrets masked
	Verdict Verdict
	Warning bool // honoured or mapped, and yet to be looked at
	Reason  string

	key string // name of the key that it set
}

// A Report tells what became of everything that a configuration contains, in
// the order of the file; flags and variables follow.
type Report struct {
	File     string // as given; empty without one
	Findings []Finding
}

// Refused gives the findings that keep a node from starting.
func (r *Report) Refused() []Finding {
	return r.filter(func(f Finding) bool { return f.Verdict == Refused })
}

// Warnings gives what an operator should see at start: what is ignored, and
// what is marked as a warning.
func (r *Report) Warnings() []Finding {
	return r.filter(func(f Finding) bool { return f.Verdict == Ignored || f.Warning })
}

// Count gives the number of findings with a verdict.
func (r *Report) Count(v Verdict) int {
	return len(r.filter(func(f Finding) bool { return f.Verdict == v }))
}

func (r *Report) filter(keep func(Finding) bool) []Finding {
	var out []Finding
	for _, f := range r.Findings {
		if keep(f) {
			out = append(out, f)
		}
	}
	return out
}

// From tells where the value of a key comes from: "activemq.xml:12", a flag or a
// variable; empty if nothing sets it. Of several keys the first counts that is
// set.
func (r *Report) From(keys ...string) string {
	for _, key := range keys {
		for i := len(r.Findings) - 1; i >= 0; i-- { // what has no line, and is stronger, stands last
			f := r.Findings[i]
			if f.key != key || f.Verdict == Refused || f.Verdict == Ignored {
				continue
			}
			if f.Line > 0 {
				return fmt.Sprintf("%s:%d", filepath.Base(r.File), f.Line)
			}
			name, _, _ := strings.Cut(f.What, "=")
			return name
		}
	}
	return ""
}

// Text is the finding as `config check` and the error of a failed start print
// it: "activemq.xml:12: refused: WHAT: REASON".
func (r *Report) Text(f Finding) string {
	var b strings.Builder
	if f.Line > 0 {
		fmt.Fprintf(&b, "%s:%d: ", filepath.Base(r.File), f.Line)
	}
	fmt.Fprintf(&b, "%s: %s", f.Verdict, f.What)
	switch {
	case f.Warning:
		fmt.Fprintf(&b, ": warning: %s", f.Reason)
	case f.Reason != "":
		fmt.Fprintf(&b, ": %s", f.Reason)
	}
	return b.String()
}

func (r *Report) add(f Finding) { r.Findings = append(r.Findings, f) }

// sort puts the findings into the order of the file, what has no line last.
func (r *Report) sort() {
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		if (a.Line == 0) != (b.Line == 0) {
			return cmp.Compare(b.Line, a.Line)
		}
		return cmp.Compare(a.Line, b.Line)
	})
}

// A RefusedError is why a configuration did not load: its refused findings.
type RefusedError struct{ Report *Report }

// Error lists the refused findings as `config check` prints them.
func (e *RefusedError) Error() string {
	var lines []string
	for _, f := range e.Report.Refused() {
		lines = append(lines, e.Report.Text(f))
	}
	return strings.Join(lines, "\n")
}

// nearest gives the name that a misspelt one probably meant, or "".
func nearest(name string, known []string) string {
	best, bestDistance := "", 1+len(name)/3
	for _, k := range known {
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d <= bestDistance && (best == "" || d < bestDistance) {
			best, bestDistance = k, d
		}
	}
	return best
}

// distance is Levenshtein's, on bytes.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		prev := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			prev, row[j] = row[j], min(row[j]+1, row[j-1]+1, prev+cost)
		}
	}
	return row[len(b)]
}
