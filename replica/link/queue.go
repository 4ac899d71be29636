package link

import "sync"

// A queue holds payloads on their way to one peer, by class.
type queue struct {
	limit [classes]int
	wake  chan struct{} // has a token when there may be something to write

	mu      sync.Mutex
	waiting [classes]line
	bytes   [classes]int
	sent    [classes]int // of the first payload in line, already written
	turn    Class        // Append or Bulk: who is next
}

func newQueue(limit [classes]int) *queue {
	return &queue{limit: limit, wake: make(chan struct{}, 1), turn: Append}
}

// put queues a payload, unless the class is full. One payload always fits.
func (q *queue) put(c Class, payload []byte) bool {
	q.mu.Lock()
	if q.bytes[c] > 0 && q.bytes[c]+len(payload) > q.limit[c] {
		q.mu.Unlock()
		return false
	}
	q.waiting[c].push(payload)
	q.bytes[c] += len(payload)
	q.mu.Unlock()
	q.signal()
	return true
}

// signal wakes the writer.
func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// fill appends frames to b until it holds at least enough bytes or nothing
// waits: everything urgent first, then the other two in turn, a fragment each.
func (q *queue) fill(b []byte, enough int) []byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(b) < enough {
		c, ok := q.choose()
		if !ok {
			break
		}
		b = q.fragment(b, c)
	}
	return b
}

func (q *queue) choose() (Class, bool) {
	if !q.waiting[Urgent].empty() {
		return Urgent, true
	}
	c := q.turn
	if q.waiting[c].empty() {
		c = Append + Bulk - c
	}
	q.turn = Append + Bulk - c
	return c, !q.waiting[c].empty()
}

// fragment appends the next fragment of a class.
func (q *queue) fragment(b []byte, c Class) []byte {
	payload, sent := q.waiting[c].first(), q.sent[c]
	if sent == 0 && len(payload) > maxFragment {
		b, q.sent[c] = appendFirst(b, byte(c), payload)
		return b
	}
	part, flags := payload[sent:], byte(flagLast)
	if len(part) > maxFragment {
		part, flags = part[:maxFragment], 0
	}
	if sent == 0 {
		flags |= flagFirst
	}
	b = appendFrame(b, byte(c), flags, part)
	if flags&flagLast == 0 {
		q.sent[c] += len(part)
		return b
	}
	q.sent[c] = 0
	q.bytes[c] -= len(payload)
	q.waiting[c].pop()
	return b
}

// A line is first in, first out. Its memory is used again.
type line struct {
	items [][]byte
	head  int // those before it have left
}

// What a line may keep in memory while it is empty, in items.
const maxIdleLine = 1 << 10

func (l *line) empty() bool   { return l.head == len(l.items) }
func (l *line) first() []byte { return l.items[l.head] }

func (l *line) push(p []byte) {
	if l.head > 64 && l.head > len(l.items)/2 {
		n := copy(l.items, l.items[l.head:])
		clear(l.items[n:])
		l.items, l.head = l.items[:n], 0
	}
	l.items = append(l.items, p)
}

func (l *line) pop() {
	l.items[l.head] = nil
	if l.head++; l.head < len(l.items) {
		return
	}
	if cap(l.items) > maxIdleLine {
		l.items = nil
	}
	l.items, l.head = l.items[:0], 0
}
