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
	Message     *message.Message // shared with others: not to be changed
	Redelivered bool             // may have been delivered before
	Count       uint32           // failed deliveries before this one
	End         bool             // a browser has seen all; Message is nil, there is nothing to acknowledge

	entry *queue.Entry
	taken bool // acknowledged or returned; under the subscription's lock
}
