package store

import (
	"fmt"

	"github.com/quorate/quorate/wal"
)

// A QueueID names one life of a queue. It is born with the queue's creation and
// never used again, so an operation that was meant for a deleted queue does not
// reach its successor of the same name. The zero value is no queue.
type QueueID uint64

// A Lane orders messages within a queue before their sequence: lane 0 is read
// first. Without priorities everything is in lane 0.
type Lane uint8

// Lanes is the number of lanes a queue has.
const Lanes = 10

// A Seq is a message's number within its queue, from 1, assigned when the
// enqueue is applied.
type Seq uint64

// A Pos is a place in a queue. Order is (Lane, Seq) ascending; the zero value
// is before every message.
type Pos struct {
	Lane Lane
	Seq  Seq
}

// Less reports whether p is read before o.
func (p Pos) Less(o Pos) bool {
	return p.Lane < o.Lane || p.Lane == o.Lane && p.Seq < o.Seq
}

func (p Pos) String() string { return fmt.Sprintf("%d/%d", p.Lane, p.Seq) }

// Kind tells a queue from a durable topic subscription, which is a queue that
// the topic feeds.
type Kind uint8

// The kinds. Their numbers are part of the stored format.
const (
	KindQueue Kind = iota + 1
	KindSubscription
)

func (k Kind) String() string {
	switch k {
	case KindQueue:
		return "queue"
	case KindSubscription:
		return "subscription"
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// A Subscription says what a durable topic subscription asked for.
type Subscription struct {
	Client   string // client id
	Name     string // name of the subscription, unique for the client
	Topic    string
	Selector string
	NoLocal  bool
}

// A Target is a place that a message is enqueued at.
type Target struct {
	Queue QueueID
	Lane  Lane
}

// QueueInfo describes a queue at one moment.
type QueueInfo struct {
	ID           QueueID
	Kind         Kind
	Name         string
	Subscription *Subscription // nil for a queue; not to be changed
	Depth        uint64        // pending messages, exact
	Bytes        uint64        // their headers and bodies, exact
	Last         Seq           // sequence of the last message that was enqueued, 0 for none
	Paused       bool          // as Pause set it
}

// A bodyID addresses a body that does not stand in the range of one queue, or
// not yet in the index at all: the entry of the log that brought it, and the
// offset of its first byte in the entry's data.
type bodyID struct {
	index  wal.Index
	offset uint32
}

// An opaqueID names an upload or a staged transaction: the reign it was begun
// in and a counter of the master.
type opaqueID struct {
	term, counter uint64
}

func (id opaqueID) String() string { return fmt.Sprintf("%d.%d", id.term, id.counter) }
