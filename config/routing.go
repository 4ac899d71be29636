package config

// A Destination is one that is named in the file.
type Destination struct {
	Kind Kind
	Name string
	Line int
}

// Virtual says how messages go elsewhere than where they are sent. Without
// <destinationInterceptors> it is what useVirtualTopics and useMirroredQueues
// say.
type Virtual struct {
	Topics     []VirtualTopic
	Composites []Composite
	Mirror     *Mirror
}

// A VirtualTopic is a topic whose messages are copied to the queues that are
// called like it, between Prefix and Postfix.
type VirtualTopic struct {
	Name          string // pattern of the topics
	Prefix        string // "*" is the consumer's name
	Postfix       string
	SelectorAware bool
	Original      bool // copies name the topic as their original destination
	Line          int  // 0: it is there by default
}

// A Composite is a queue or topic that forwards what is sent to it.
type Composite struct {
	Kind        Kind
	Name        string // may be a pattern
	Forward     []Forward
	ForwardOnly bool // nothing stays in it
	Unmatched   bool // … but what no filter takes
	Line        int
}

// A Forward is one place that a Composite forwards to.
type Forward struct {
	Destination
	Selector string // its syntax has not been checked; empty: everything
}

// A Mirror copies every message of a queue to a topic, called like the queue
// between Prefix and Postfix.
type Mirror struct {
	Prefix, Postfix string
	Line            int // 0: it is there by useMirroredQueues
}
