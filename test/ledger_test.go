package test

import (
	"fmt"
	"maps"
	"strings"
	"sync"

	"github.com/quorate/quorate/internal/testkit/wire"
)

// A ledger judges what one rule sent and got: nothing is invented, and what
// comes again has the redelivered mark and was not acknowledged. Whether all
// came that had to is the rule's own knowledge.
type ledger struct {
	mu     sync.Mutex
	bodies map[string]bool // that were sent, or may have been
	seen   map[string]bool // place and message, and whether it was acknowledged
	bad    []string
}

func newLedger() *ledger { return &ledger{bodies: map[string]bool{}, seen: map[string]bool{}} }

// sent notes bodies that may come from now on.
func (l *ledger) sent(bodies ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range bodies {
		l.bodies[b] = true
	}
}

// received notes a delivery. A place is a queue, or a topic and its reader.
func (l *ledger) received(place string, f *wire.Frame) {
	if strings.HasPrefix(place, "/topic/ActiveMQ.Advisory.") {
		return
	}
	key := place + " " + f.Headers["message-id"]
	l.mu.Lock()
	defer l.mu.Unlock()
	acked, again := l.seen[key]
	switch {
	case !l.bodies[string(f.Body)]:
		l.complain("invented: %.60q in %s was never sent", f.Body, place)
	case acked:
		l.complain("resurrected: %.60q in %s came again although its acknowledgement was confirmed", f.Body, place)
	case again && f.Headers["redelivered"] != "true":
		l.complain("doubled: %.60q in %s came again without the redelivered mark", f.Body, place)
	}
	l.seen[key] = acked
}

// acked notes a confirmed acknowledgement.
func (l *ledger) acked(place string, f *wire.Frame) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen[place+" "+f.Headers["message-id"]] = true
}

// again notes that an operator sends what came to a place there once more.
func (l *ledger) again(place string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.seen, func(key string, _ bool) bool { return strings.HasPrefix(key, place+" ") })
}

func (l *ledger) complain(format string, args ...any) {
	if len(l.bad) < 20 {
		l.bad = append(l.bad, fmt.Sprintf(format, args...))
	}
}

// verdict gives what was wrong so far.
func (l *ledger) verdict() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bad
}
