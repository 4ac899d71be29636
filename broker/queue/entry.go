// Package queue holds the hard rules of a queue as a machine without a clock,
// goroutine, lock or I/O: it is told what happened and what time it is, and
// says what is to be done.
//
//	arrivals, consumers, credit, acks, returns, loaded pages, time
//	     │
//	     ▼
//	  Machine ── Effects: Deliver, Load, Spill, DeadLetter, Count, Discard
//
// The machine knows a window of the queue, in order of Place. What lies behind
// the window is in the store (persistent messages) or in the spill (the others),
// and the machine asks for it with Load when the window drains. Consumers with a
// selector see the queue through a view of their own, which looks behind the
// window by itself. One subscription to a topic is a queue of volatile messages
// with a single consumer.
//
// The caller performs all effects and reports back: an Entry that is Held
// (acknowledged, dead, expired) stays known until Settle, so that a page that
// was read meanwhile cannot bring it back.
package queue

import (
	"cmp"
	"fmt"
	"math"
)

// A Place orders the messages of a queue: by lane (0 is served first), then by
// Seq, then by Sub. A stored message has the Seq that the store gave it and
// Sub 0; a volatile one has the last Seq that had arrived before it and a
// counter, so that it follows what its producer sent before.
type Place struct {
	Lane uint8
	Seq  uint64
	Sub  uint64
}

// Compare gives -1, 0 or 1.
func (p Place) Compare(o Place) int {
	if p.Lane != o.Lane {
		return cmp.Compare(p.Lane, o.Lane)
	}
	if p.Seq != o.Seq {
		return cmp.Compare(p.Seq, o.Seq)
	}
	return cmp.Compare(p.Sub, o.Sub)
}

// Less reports whether p comes before o.
func (p Place) Less(o Place) bool { return p.Compare(o) < 0 }

// before is the greatest place below p.
func (p Place) before() Place {
	switch {
	case p.Sub > 0:
		p.Sub--
	case p.Seq > 0:
		p.Seq, p.Sub = p.Seq-1, math.MaxUint64
	case p.Lane > 0:
		p.Lane, p.Seq, p.Sub = p.Lane-1, math.MaxUint64, math.MaxUint64
	}
	return p
}

// String gives "seq", "seq.sub", with "lane/" before it if it is not lane 0.
func (p Place) String() string {
	s := fmt.Sprint(p.Seq)
	switch p.Sub {
	case 0:
	case math.MaxUint64:
		s += ".max"
	default:
		s += fmt.Sprintf(".%d", p.Sub)
	}
	if p.Lane > 0 {
		s = fmt.Sprintf("%d/%s", p.Lane, s)
	}
	return s
}

// A State says where a message in the window is in its life.
type State uint8

// The states. Ready → Delivered → Held → Gone is the way of a message that is
// consumed; Return leads from Delivered and Held back to Ready, by way of
// Delayed if it is to wait.
const (
	Ready     State = iota // waits for a consumer
	Parked                 // passed by: waits for the consumer of its group
	Delayed                // waits for its time, Due
	Delivered              // with a consumer, not acknowledged
	Held                   // acknowledged, dead or expired, and not yet settled
	Gone                   // settled
)

// String gives the state in lower case.
func (s State) String() string {
	return [...]string{"ready", "parked", "delayed", "delivered", "held", "gone"}[s]
}

// waiting reports whether nobody has what is in that state.
func (s State) waiting() bool { return s == Ready || s == Parked || s == Delayed }

// An Entry is one message in the window. The caller fills it in before it
// hands it over; afterwards only Value is the caller's.
type Entry struct {
	Place
	Volatile    bool // not in the store: this entry is all there is
	Redelivered bool // may have been delivered before
	// FirstInGroup tells the consumer of a delivery that the group is new to
	// it: JMSXGroupFirstForConsumer. Set by the machine.
	FirstInGroup bool

	state   State
	counted bool // Size is in the machine's sums
	trimmed bool // dead because the queue was full
	joined  bool // counted as outstanding in its group

	Count    uint32 // failed deliveries
	GroupSeq int32  // JMSXGroupSeq; -1 ends the group
	Size     int    // bytes in memory while Value is set
	Expires  int64  // milliseconds since 1970, 0 never
	Group    string // JMSXGroupID: one consumer gets what has the same, in order; "" none
	// Value is the message. The caller may clear it for a delivered entry that
	// is not volatile: it is loaded again if it has to be delivered again.
	Value any

	consumer *Consumer
	view     *view // of an island: whom it came for
	when     int64 // Delayed: not before, milliseconds since 1970; Gone: how many reads had begun by then
}

// State of the entry, as the machine sees it.
func (e *Entry) State() State { return e.state }
