package broker

import (
	"github.com/quorate/quorate/broker/queue"
	"github.com/quorate/quorate/message"
)

// A Delivery is one message on its way to one subscription. The Outlet reads it
// and keeps it for the acknowledgement; when Message has been written it may
// set it to nil, so that an unacknowledged backlog does not hold bodies.
type Delivery struct {
	ID          uint64 // unique and rising within the connection
	Sub         *Subscription
	Message     *message.Message    // shared with others: not to be changed
	Destination message.Destination // of the queue, or the topic: Message may have been sent elsewhere
	First       bool                // the first of its group for this consumer: JMSXGroupFirstForConsumer
	Redelivered bool                // may have been delivered before
	Count       uint32              // failed deliveries before this one
	End         bool                // a browser has seen all; Message is nil, there is nothing to acknowledge

	link  *link // nil for a browser
	size  int64 // bytes of the connection's room that it takes
	entry *queue.Entry
	taken bool // acknowledged or returned; under the subscription's lock
}

// Written tells that the delivery has left for the client, or never will: the
// Outlet calls it once. Beyond maxUnwritten bytes of which that is not told a
// connection gets nothing more.
func (d *Delivery) Written() {
	if n := d.size; n > 0 {
		d.size = 0
		d.Sub.conn.room.Empty(n)
	}
}

// Original gives where the message was sent first, if that is not Destination.
func (d *Delivery) Original() message.Destination {
	o := d.Message.Original
	if o.IsZero() {
		o = d.Message.Destination
	}
	if o == d.Destination {
		return message.Destination{}
	}
	return o
}

// destination gives what a message is delivered as: what is in a queue belongs
// to that queue, wherever it was sent.
func (b *mailbox) destination(m *message.Message) message.Destination {
	if !b.dest.Kind.IsTopic() {
		return b.dest
	}
	if b.durable != nil && !b.wild {
		return b.dest
	}
	return m.Destination
}
