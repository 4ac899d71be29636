package broker

import "github.com/quorate/quorate/message"

// An EventKind says what happened.
type EventKind uint8

// The kinds of an Event.
const (
	DestinationAdded EventKind = iota + 1
	DestinationRemoved
	ConsumerAdded
	ConsumerRemoved
	MessageExpired
	MessageDead
)

// An Event is one thing that happened on the master. Config.Observe gets them
// on whatever goroutine they happen; advisories are made of them.
type Event struct {
	Kind        EventKind
	Destination message.Destination
	Conn        *Conn            // of a consumer
	Message     *message.Message // that expired or is dead
}
