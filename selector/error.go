package selector

import (
	"fmt"
	"strconv"
)

// An Error says why a text is not a selector. It is a client's mistake, the
// kind that JMS calls InvalidSelectorException.
type Error struct {
	Text    string // the whole text
	Offset  int    // where in Text the problem is, in bytes
	Problem string // what was found there and what is allowed
}

// Error gives the text, shortened if it is long, the offset and the problem.
func (e *Error) Error() string {
	return fmt.Sprintf("selector %s: offset %d: %s", quote(e.Text, 200), e.Offset, e.Problem)
}

// quote quotes s for a message, at most limit bytes of it.
func quote(s string, limit int) string {
	if len(s) > limit {
		return strconv.Quote(s[:limit]) + "..."
	}
	return strconv.Quote(s)
}
