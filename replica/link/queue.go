package link

import "sync"

// A queue holds payloads on their way to one peer, by class.
type queue struct {
	limit [classes]int
	wake  chan struct{} // has a token when there may be something to write

	mu      sync.Mutex
	waiting [classes][][]byte
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
	q.waiting[c] = append(q.waiting[c], payload)
	q.bytes[c] += len(payload)
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return true
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
	if len(q.waiting[Urgent]) > 0 {
		return Urgent, true
	}
	c := q.turn
	if len(q.waiting[c]) == 0 {
		c = Append + Bulk - c
	}
	q.turn = Append + Bulk - c
	return c, len(q.waiting[c]) > 0
}

// fragment appends the next fragment of a class.
func (q *queue) fragment(b []byte, c Class) []byte {
	payload, sent := q.waiting[c][0], q.sent[c]
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
	q.waiting[c][0] = nil
	q.waiting[c] = q.waiting[c][1:]
	if len(q.waiting[c]) == 0 {
		q.waiting[c] = q.waiting[c][:0:0]
	}
	return b
}
