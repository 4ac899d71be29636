// Package history records what clients did and saw, and judges it. The judge
// knows nothing of the broker: it compares what was confirmed with what came.
package history

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// Key names one attempt to send: an attempt is never repeated under its key.
type Key struct {
	Producer string
	Seq      int
}

func (k Key) String() string { return fmt.Sprintf("%s:%d", k.Producer, k.Seq) }

type attempt struct {
	confirmed bool
	at        time.Time
}

// A Delivery is one receipt of a message by a consumer.
type Delivery struct {
	Key         Key
	Queue       string
	Consumer    string // one connection of one consumer
	Redelivered bool
	At          time.Time
	acked       bool // its acknowledgement was confirmed
}

// A History is safe for concurrent use.
type History struct {
	mu         sync.Mutex
	attempts   map[Key]*attempt
	deliveries []*Delivery
	confirms   []time.Time
	confirmed  int
	seen       map[Key]bool // received at least once
	missing    int          // confirmed and not seen
	changed    chan struct{}
}

// New returns an empty history.
func New() *History {
	return &History{attempts: map[Key]*attempt{}, seen: map[Key]bool{}, changed: make(chan struct{})}
}

// Sent records that an attempt is about to be made.
func (h *History) Sent(k Key) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.attempts[k] = &attempt{}
}

// Confirmed records that the broker confirmed the attempt.
func (h *History) Confirmed(k Key) {
	now := time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	a := h.attempts[k]
	a.confirmed, a.at = true, now
	h.confirmed++
	if !h.seen[k] {
		h.missing++
	}
	h.confirms = append(h.confirms, now)
	h.signal()
}

// Received records a delivery and returns it, for Acked.
func (h *History) Received(d Delivery) *Delivery {
	d.At = time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.deliveries = append(h.deliveries, &d)
	if a := h.attempts[d.Key]; a != nil && a.confirmed && !h.seen[d.Key] {
		h.missing--
	}
	h.seen[d.Key] = true
	h.signal()
	return &d
}

// Acked records that the acknowledgement of a delivery was confirmed.
func (h *History) Acked(d *Delivery) {
	h.mu.Lock()
	defer h.mu.Unlock()
	d.acked = true
	h.signal()
}

func (h *History) signal() {
	close(h.changed)
	h.changed = make(chan struct{})
}

// Changed is closed at the next event.
func (h *History) Changed() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.changed
}

// Counts gives attempts, confirmed ones and deliveries so far.
func (h *History) Counts() (sent, confirmed, received int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.attempts), h.confirmed, len(h.deliveries)
}

// Drained reports whether every confirmed message was received.
func (h *History) Drained() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.missing == 0
}

// Missing gives the confirmed messages that nobody has received yet.
func (h *History) Missing() []Key {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.missingLocked()
}

func (h *History) missingLocked() []Key {
	if h.missing == 0 {
		return nil
	}
	var missing []Key
	for k, a := range h.attempts {
		if a.confirmed && !h.seen[k] {
			missing = append(missing, k)
		}
	}
	return missing
}

// Gap gives the longest time without a confirmation within [from, to].
func (h *History) Gap(from, to time.Time) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	times := slices.Clone(h.confirms)
	slices.SortFunc(times, time.Time.Compare)
	last, gap := from, time.Duration(0)
	for _, at := range times {
		if at.Before(from) {
			continue
		}
		if at.After(to) {
			break
		}
		gap = max(gap, at.Sub(last))
		last = at
	}
	return max(gap, to.Sub(last))
}

// Check judges the history after everything was drained. Each string is one
// violation of a promise. singleConsumer says that every queue had one consumer
// at a time, so that the order of each producer must hold.
func (h *History) Check(singleConsumer bool) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var bad []string
	for _, k := range h.missingLocked() {
		bad = append(bad, fmt.Sprintf("lost: %v was confirmed and never delivered", k))
	}
	return limit(append(bad, h.deliveredLocked(singleConsumer)...))
}

// CheckDelivered judges only what was delivered, where losses are allowed:
// non-persistent messages through a change of master.
func (h *History) CheckDelivered(singleConsumer bool) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return limit(h.deliveredLocked(singleConsumer))
}

func (h *History) deliveredLocked(singleConsumer bool) []string {
	var bad []string
	first := map[Key]*Delivery{}
	last := map[string]int{}
	for _, d := range h.deliveries {
		if h.attempts[d.Key] == nil {
			bad = append(bad, fmt.Sprintf("invented: %v was never sent", d.Key))
		}
		before := first[d.Key]
		if before == nil {
			first[d.Key] = d
			if lane := d.Key.Producer + "→" + d.Queue; singleConsumer && d.Key.Seq <= last[lane] {
				bad = append(bad, fmt.Sprintf("order: %v came after %s:%d", d.Key, d.Key.Producer, last[lane]))
			} else {
				last[lane] = d.Key.Seq
			}
			continue
		}
		switch {
		case before.acked:
			bad = append(bad, fmt.Sprintf("resurrected: %v was delivered again although its acknowledgement was confirmed", d.Key))
		case !d.Redelivered:
			bad = append(bad, fmt.Sprintf("doubled: %v was delivered again without the redelivered mark", d.Key))
		}
		if d.acked {
			before.acked = true
		}
	}
	return bad
}

func limit(bad []string) []string {
	if len(bad) > 20 {
		bad = append(bad[:20], fmt.Sprintf("… and %d more", len(bad)-20))
	}
	return bad
}
