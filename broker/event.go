package broker

import "github.com/quorate/quorate/message"

// An EventKind says what happened.
type EventKind uint8

// The kinds of an Event.
const (
	DestinationAdded EventKind = iota + 1
	DestinationRemoved
	ConsumerAdded    // Conn, Consumer; Count are the destination's consumers now
	ConsumerRemoved  // likewise
	MessageExpired   // Message; it may become a dead letter, too
	MessageDead      // Message went to the dead letters, or would have, had it not expired
	MessageDiscarded // Message was dropped; Consumer for whom, if it was a topic's
	ProducerBlocked  // Conn has to wait for room, or gets an error
	LimitReached     // Limit stops Conn, with Used of it in use
)

// An Event is one thing that happened on the master. Config.Observe gets them
// on whatever goroutine they happen; advisories are made of them. Fields that a
// kind does not name are zero.
type Event struct {
	Kind        EventKind
	Destination message.Destination
	Conn        *Conn            // whose request it was, or whose consumer
	Consumer    *Subscription    // that came, went, is slow or lost Message
	Message     *message.Message // as it was sent: not to be changed
	Count       int
	Limit       string
	Used        int64
}

// observe tells who listens.
func (r *reign) observe(e Event) { r.cfg.Observe(e) }
