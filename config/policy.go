package config

import "time"

// A Kind is one of ActiveMQ's kinds of destination.
type Kind string

// The kinds.
const (
	Queue     Kind = "queue"
	Topic     Kind = "topic"
	TempQueue Kind = "tempQueue"
	TempTopic Kind = "tempTopic"
)

// A Policy is a policyEntry: what holds for the destinations of a kind whose
// names match Pattern. It is complete; Said tells what of it was written. The
// names of the keys under "policy." are those by which an operator is told of
// the fields.
type Policy struct {
	Kind    Kind   // empty in the default entry
	Pattern string // ActiveMQ's wildcards: . separates, * is one element, > the rest
	Line    int    // of the element
	Said    Said

	// Consumers.
	QueuePrefetch           int
	TopicPrefetch           int
	DurableTopicPrefetch    int
	QueueBrowserPrefetch    int
	AllExclusive            bool
	ConsumersBeforeDispatch int           // nothing is delivered before so many are there …
	TimeBeforeDispatch      time.Duration // … or so long after the first
	UseConsumerPriority     bool

	// Order.
	Prioritized bool
	StrictOrder bool

	// Redelivery by the broker. A Redelivery that holds for the same
	// destination wins.
	MaxRedeliveries     int // deliveries after the first before a message is dead; -1: no limit
	RedeliveryDelay     time.Duration
	NextRedeliveryDelay time.Duration // from the second on; 0: as the first
	RedeliveryBackOff   float64       // of the delay, from one to the next; 1: the same
	MaxRedeliveryDelay  time.Duration // 0: no bound
	DeadLetter          DeadLetter

	// Expiry.
	ExpirePeriod time.Duration // between two scans; 0: none
	ExpirePage   int           // messages that one scan looks at

	// Memory of the master.
	WindowMessages int
	WindowBytes    int64
	PendingBytes   int64 // of a destination's non-persistent messages before they spill to disk

	// Limits of a queue. 0: none.
	QueueMessages       int
	QueueBytes          int64
	Overflow            string // reject or dropOldest
	ProducerFlowControl bool

	// Subscriptions to topics.
	PendingLimit      int     // messages; -1: no bound
	PendingRate       float64 // above 0: the limit is this many times the prefetch
	Eviction          string  // name of the strategy's element
	EvictionProperty  string
	Recovery          string // name of the policy's element
	RecoverySize      int64  // messages or bytes
	RecoveryTime      time.Duration
	AlwaysRetroactive bool

	Slow Slow

	// Housekeeping.
	GCInactive      bool
	InactiveTimeout time.Duration
	MaxDestinations int // 0: no bound

	Advise Advise
}

// Said tells on which line each attribute was written that was, by the last
// part of the key's name.
type Said map[string]int

// DeadLetter says where messages go that cannot be delivered.
type DeadLetter struct {
	Kind                 string // shared, individual or discarding
	Queue                string // of the shared one
	QueuePrefix          string // of the individual ones, as the rest
	QueueSuffix          string
	TopicPrefix          string
	TopicSuffix          string
	TopicForQueues       bool
	TopicForTopics       bool
	PerDurable           bool
	ProcessFailed        bool // what was delivered too often, or rejected
	ProcessExpired       bool
	ProcessNonPersistent bool
	Expiration           time.Duration // 0: dead letters stay
}

// Slow says when a consumer is slow, and is disconnected then. 0: that does not
// count.
type Slow struct {
	Abort            bool
	MaxCount         int
	MaxDuration      time.Duration
	MaxSinceAck      time.Duration
	CheckPeriod      time.Duration
	AbortConnection  bool
	IgnoreIdle       bool
	IgnoreNetworking bool
}

// Advise says which advisories are made beside those that always are.
type Advise struct {
	SlowConsumers bool
	FastProducers bool
	Discarding    bool
	Delivery      bool
	Dispatched    bool
	Consumed      bool
	WhenFull      bool
	IfNoConsumers bool
	IncludeBody   bool
}

// A Redelivery is an entry of the redeliveryPlugin: how often and when a message
// of the destinations that it matches is delivered again.
type Redelivery struct {
	Kind    Kind // empty in the default entry
	Pattern string
	Line    int
	Said    Said

	Max      int           // deliveries after the first; -1: no limit
	Delay    time.Duration // before the first redelivery
	Next     time.Duration // before the others, unless they back off
	BackOff  float64       // factor from one delay to the next; 1: none
	MaxDelay time.Duration // 0: no bound

	exponential bool // useExponentialBackOff, without which BackOff means nothing
}
