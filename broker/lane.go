package broker

import (
	"github.com/quorate/quorate/broker/queue"
	"github.com/quorate/quorate/message"
)

// topPriority is the most urgent priority [JMS 1.1 §3.4.10].
const topPriority = 9

// lane gives the lane that a message stands in: the most urgent first if the
// policy has priorities served strictly, else all of them in one.
func (b *mailbox) lane(m *message.Message) uint8 {
	if !b.policy.Prioritized {
		return 0
	}
	return topPriority - min(m.Priority, topPriority)
}

// entry makes the entry of a message that was sent in this reign, seq its place
// in the store or 0.
func (b *mailbox) entry(m *message.Message, seq uint64) *queue.Entry {
	return b.entryAt(queue.Place{Lane: b.lane(m), Seq: seq}, m)
}

// entryAt makes the entry of a message at a known place.
func (b *mailbox) entryAt(p queue.Place, m *message.Message) *queue.Entry {
	e := &queue.Entry{Place: p, Size: m.Size(), Expires: m.Expiration, Value: m}
	if !b.dest.Kind.IsTopic() {
		e.Group, e.GroupSeq = m.GroupID, m.GroupSeq
	}
	return e
}
