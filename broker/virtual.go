package broker

import "github.com/quorate/quorate/message"

// Virtual says how messages go elsewhere than where they are sent.
type Virtual struct {
	Topics     []VirtualTopic
	Composites []Composite
	Mirror     *Mirror
}

// A VirtualTopic is a topic whose messages are copied to queues: those that
// are called like the topic, between Prefix and Postfix.
type VirtualTopic struct {
	Name          string // pattern of the topics: "VirtualTopic.>"
	Prefix        string // of the queues, with "*" for the consumer's name: "Consumer.*."
	Postfix       string
	SelectorAware bool // a queue gets only what one of its consumers selects
	Original      bool // messages keep the topic as original destination
}

// DefaultVirtualTopic is what ActiveMQ has without configuration.
func DefaultVirtualTopic() VirtualTopic {
	return VirtualTopic{Name: "VirtualTopic.>", Prefix: "Consumer.*.", Original: true}
}

// A Composite is a queue or topic that forwards what is sent to it.
type Composite struct {
	Destination message.Destination // Name may be a pattern
	Forward     []Forward
	ForwardOnly bool // nothing stays in Destination itself
	Unmatched   bool // with ForwardOnly: what no filter takes stays in Destination
}

// A Forward is one place that a Composite forwards to.
type Forward struct {
	Destination message.Destination
	Selector    string // only what it selects; empty: everything
}

// A Mirror copies every message of a queue to a topic, called like the queue
// between Prefix and Postfix.
type Mirror struct{ Prefix, Postfix string }
