package selector

import (
	"fmt"
	"strconv"
)

// An Error says why a text is not a selector. It is a client's mistake, the
// kind that JMS calls InvalidSelectorException.
type Error struct {
	Text    string // without its prefixes
	Offset  int    // where in Text the problem is, in bytes
	Problem string // what was found there and what is allowed
}

// Error gives the expression, shortened if it is long, the offset in it and the
// problem. A prefix is left out: the client may not have written it.
func (e *Error) Error() string {
	start, _ := cutPrefixes(e.Text)
	if e.Offset < start {
		start = 0
	}
	return fmt.Sprintf("selector %s: offset %d: %s", quote(e.Text[start:], 200), e.Offset-start, e.Problem)
}

// quote quotes s for a message, at most limit bytes of it.
func quote(s string, limit int) string {
	if len(s) > limit {
		return strconv.Quote(s[:limit]) + "..."
	}
	return strconv.Quote(s)
}
