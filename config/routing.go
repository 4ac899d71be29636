package config

import (
	"regexp"
	"time"
)

// Messaging is what a broker does with messages, beside its limits.
type Messaging struct {
	Policies      []Policy // in the order of the file; the most specific pattern holds, alone
	DefaultPolicy *Policy  // where none matches; nil: the defaults

	Redeliveries      []Redelivery // of the redeliveryPlugin, chosen like the policies
	DefaultRedelivery *Redelivery
	Drop              Drop

	Destinations []Destination // that are there from the start
	Virtual      Virtual

	Scheduler  bool
	MaxRepeat  int // 0: no bound
	Advisories bool

	PurgePeriod  time.Duration // between two looks for inactive destinations; 0: none
	PurgeSweep   int           // destinations that one look deletes; 0: no bound
	IdleDurables time.Duration // until a durable subscription without a consumer is deleted; 0: never

	Stamp Stamp
	Force string // persistent, nonPersistent, or empty: as clients say

	useVirtualTopics, useMirroredQueues bool
}

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

// Drop is the discardingDLQBrokerPlugin: whose dead letters are thrown away.
type Drop struct {
	All        bool
	TempQueues bool
	TempTopics bool
	Only       []*regexp.Regexp // of whole names
	Line       int              // 0: there is no such plugin
}

// Stamp is the timeStampingBrokerPlugin.
type Stamp struct {
	On         bool
	FutureOnly bool
	ZeroTTL    time.Duration // of messages without a time to live; 0: none
	MaxTTL     time.Duration // 0: no bound
}
