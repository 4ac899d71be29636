package broker

import "github.com/quorate/quorate/message"

// An EventKind says what happened.
type EventKind uint8

// The kinds of an Event, with the fields that each has beside Destination.
const (
	DestinationAdded   EventKind = iota + 1 // Conn, of a temporary one
	DestinationRemoved                      // likewise
	ConnectionStarted                       // Conn
	ConnectionStopped                       // Conn
	ConsumerAdded                           // Conn, Consumer; Count of those that the destination has now
	ConsumerRemoved                         // likewise
	ProducerAdded                           // Conn, Producer; Count of those that the destination has now
	ProducerRemoved                         // likewise
	MessageExpired                          // Message; it may become a dead letter, too
	MessageDead                             // Message went to the dead letters
	MessageDiscarded                        // Message was dropped; Consumer for whom, and Count in all, if it was a topic's
	MessageDelivered                        // Message came to the broker, if Advise.Delivery
	MessageDispatched                       // Message went to Consumer, if Advise.Dispatched
	MessageConsumed                         // Message was acknowledged, if Advise.Consumed
	NoConsumers                             // Message, which is not persistent, found nobody, if Advise.IfNoConsumers
	SlowConsumer                            // Conn, Consumer
	ProducerBlocked                         // Conn, with Producer if it is known, has to wait for room, or gets an error, if Advise.FastProducers
	LimitReached                            // Limit stops Conn, with Used of it in use, if Advise.WhenFull
)

var eventNames = [...]string{
	DestinationAdded: "DestinationAdded", DestinationRemoved: "DestinationRemoved",
	ConnectionStarted: "ConnectionStarted", ConnectionStopped: "ConnectionStopped",
	ConsumerAdded: "ConsumerAdded", ConsumerRemoved: "ConsumerRemoved",
	ProducerAdded: "ProducerAdded", ProducerRemoved: "ProducerRemoved",
	MessageExpired: "MessageExpired", MessageDead: "MessageDead", MessageDiscarded: "MessageDiscarded",
	MessageDelivered: "MessageDelivered", MessageDispatched: "MessageDispatched", MessageConsumed: "MessageConsumed",
	NoConsumers: "NoConsumers", SlowConsumer: "SlowConsumer", ProducerBlocked: "ProducerBlocked", LimitReached: "LimitReached",
}

// String gives the kind's name.
func (k EventKind) String() string {
	if int(k) < len(eventNames) && eventNames[k] != "" {
		return eventNames[k]
	}
	return "Unknown"
}

// An Event is one thing that happened on the master. Config.Observe gets them
// on whatever goroutine they happen, with locks held; advisories are made of
// them.
type Event struct {
	Kind        EventKind
	Destination message.Destination
	Conn        *Conn
	Consumer    *Subscription
	Producer    string           // the id of a producer
	Message     *message.Message // not to be changed
	Count       int
	Limit       string
	Used        int64
}

// observe tells who listens.
func (r *reign) observe(e Event) {
	r.cfg.Observe(e)
	r.advisor.tell(e)
}

// advise tells what a topic's policy wants to be told of a message to it.
func (c *Conn) advise(s *sending, t *topic, heard bool) {
	p := &t.policy.Advise
	if p.Delivery {
		c.r.observe(Event{Kind: MessageDelivered, Destination: t.dest, Conn: c, Message: s.msg})
	}
	if p.IfNoConsumers && !heard && !s.msg.Persistent && len(s.boxes) == 0 {
		c.r.observe(Event{Kind: NoConsumers, Destination: t.dest, Conn: c, Message: s.msg})
	}
}
