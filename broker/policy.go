package broker

import "time"

// A Policy is what holds for one destination, complete: start from
// DefaultPolicy. The tag of a field is the attribute of ActiveMQ's policyEntry
// that it comes from, or the name that an operator sees.
type Policy struct {
	// Consumers.
	QueuePrefetch           int           `attr:"queuePrefetch"`
	TopicPrefetch           int           `attr:"topicPrefetch"`
	DurableTopicPrefetch    int           `attr:"durableTopicPrefetch"`
	QueueBrowserPrefetch    int           `attr:"queueBrowserPrefetch"`
	AllExclusive            bool          `attr:"allConsumersExclusiveByDefault"`
	ConsumersBeforeDispatch int           `attr:"consumersBeforeDispatchStarts"` // nothing is delivered before so many are there …
	TimeBeforeDispatch      time.Duration `attr:"timeBeforeDispatchStarts"`      // … or so long after the first; 0: ConsumersBeforeDispatch alone
	UseConsumerPriority     bool          `attr:"useConsumerPriority"`

	// Order.
	Prioritized bool `attr:"prioritizedMessages"` // a higher priority is delivered first; else in order of arrival
	StrictOrder bool `attr:"strictOrderDispatch"` // what waits for its redelivery holds up those behind it

	// Redelivery by the broker.
	MaxRedeliveries     int           `attr:"maximumRedeliveries"`    // deliveries after the first before a message is dead; -1 never
	RedeliveryDelay     time.Duration `attr:"initialRedeliveryDelay"` // before the first redelivery
	NextRedeliveryDelay time.Duration `attr:"redeliveryDelay"`        // before the others, without back-off; 0: RedeliveryDelay
	RedeliveryBackOff   float64       `attr:"backOffMultiplier"`      // of the delay, from one to the next; at most 1: none
	MaxRedeliveryDelay  time.Duration `attr:"maximumRedeliveryDelay"` // 0: no bound
	DeadLetter          DeadLetter

	// Expiry.
	ExpirePeriod time.Duration `attr:"expireMessagesPeriod"` // between two scans; 0: only what is about to be delivered is looked at
	ExpirePage   int           `attr:"maxExpirePageSize"`    // messages that one scan looks at

	// Memory of the master.
	WindowMessages int `attr:"windowMessages"` // messages of a queue held ready
	WindowBytes    int `attr:"windowBytes"`    // bytes of them
	PendingBytes   int `attr:"memoryLimit"`    // bytes of non-persistent messages that a queue or a topic's subscription holds before it spills

	// Limits of a queue, of everything that is pending in it. 0: none.
	QueueMessages       int64    `attr:"maxQueueMessages"`
	QueueBytes          int64    `attr:"maxQueueBytes"`
	Overflow            Overflow `attr:"overflow"`
	ProducerFlowControl bool     `attr:"producerFlowControl"` // a full queue holds its senders up for Limits.SendTimeout before they get an error; else they get it at once

	// Subscriptions to topics.
	PendingLimit      int           `attr:"pendingMessageLimit"`           // messages that a slow subscription may have waiting, -1: no bound but PendingBytes
	PendingRate       float64       `attr:"pendingMessageLimitMultiplier"` // above 0: PendingLimit is this many times the prefetch
	Eviction          Eviction      `attr:"messageEvictionStrategy"`
	EvictionProperty  string        `attr:"evictionProperty"` // of EvictUnique
	Recovery          Recovery      `attr:"subscriptionRecoveryPolicy"`
	RecoverySize      int64         `attr:"recoverySize"` // messages of RecoverCount, bytes of RecoverBytes
	RecoveryTime      time.Duration `attr:"recoverDuration"`
	AlwaysRetroactive bool          `attr:"alwaysRetroactive"`

	Slow Slow

	// Housekeeping.
	GCInactive      bool          `attr:"gcInactiveDestinations"`
	InactiveTimeout time.Duration `attr:"inactiveTimeoutBeforeGC"`
	MaxDestinations int           `attr:"maxDestinations"` // that match the entry; 0: no bound

	Advise Advise
}

// Overflow says what becomes of a message for a full queue.
type Overflow string

// The ways to overflow.
const (
	OverflowReject     Overflow = "reject"     // its sender gets an error
	OverflowDropOldest Overflow = "dropOldest" // the oldest of the queue goes, to the dead letters if the policy has them
)

// A DeadLetterKind is one of ActiveMQ's dead letter strategies.
type DeadLetterKind string

// The strategies.
const (
	DeadLetterShared     DeadLetterKind = "shared"
	DeadLetterIndividual DeadLetterKind = "individual"
	DeadLetterDiscard    DeadLetterKind = "discarding"
)

// DeadLetter says what becomes of a message that cannot be delivered.
type DeadLetter struct {
	Kind                 DeadLetterKind `attr:"deadLetterStrategy"`
	Queue                string         `attr:"deadLetterQueue"` // of DeadLetterShared
	QueuePrefix          string         `attr:"queuePrefix"`     // of DeadLetterIndividual, as the four that follow
	QueueSuffix          string         `attr:"queueSuffix"`
	TopicPrefix          string         `attr:"topicPrefix"`
	TopicSuffix          string         `attr:"topicSuffix"`
	TopicForQueues       bool           `attr:"useTopicForQueueMessages"` // dead letters of a queue go to a topic, in ActiveMQ useQueueForQueueMessages="false"
	TopicForTopics       bool           `attr:"useTopicForTopicMessages"`
	PerDurable           bool           `attr:"destinationPerDurableSubscriber"` // the name of a topic's gets client id and subscription behind it
	ProcessFailed        bool           `attr:"processFailed"`                   // what was delivered too often, or rejected
	ProcessExpired       bool           `attr:"processExpired"`
	ProcessNonPersistent bool           `attr:"processNonPersistent"`
	Expiration           time.Duration  `attr:"deadLetterExpiration"` // time to live of a dead letter; 0: for ever
}

// Eviction chooses what a subscription with too many waiting messages loses.
type Eviction string

// The strategies.
const (
	EvictOldest         Eviction = "oldestMessageEvictionStrategy"
	EvictOldestLowest   Eviction = "oldestMessageWithLowestPriorityEvictionStrategy"
	EvictUniqueProperty Eviction = "uniquePropertyMessageEvictionStrategy"
)

// Recovery says which messages of a topic a retroactive subscription gets that
// were published before it came.
type Recovery string

// The policies.
const (
	RecoverNothing Recovery = "noSubscriptionRecoveryPolicy"
	RecoverLast    Recovery = "lastImageSubscriptionRecoveryPolicy"
	RecoverCount   Recovery = "fixedCountSubscriptionRecoveryPolicy"
	RecoverBytes   Recovery = "fixedSizedSubscriptionRecoveryPolicy"
	RecoverTimed   Recovery = "timedSubscriptionRecoveryPolicy"
)

// Slow says when a consumer is slow, and that it is disconnected then. Zero
// durations and counts do not count.
type Slow struct {
	Abort            bool          `attr:"slowConsumerStrategy"`
	MaxCount         int           `attr:"maxSlowCount"`        // looks in a row at which it was slow
	MaxDuration      time.Duration `attr:"maxSlowDuration"`     // that it has been slow for
	MaxSinceAck      time.Duration `attr:"maxTimeSinceLastAck"` // abortSlowAckConsumerStrategy
	CheckPeriod      time.Duration `attr:"checkPeriod"`
	AbortConnection  bool          `attr:"abortConnection"` // the whole connection, not its subscription alone
	IgnoreIdle       bool          `attr:"ignoreIdleConsumers"`
	IgnoreNetworking bool          `attr:"ignoreNetworkConsumers"`
}

// Advise says which advisories are made beside those that always are.
type Advise struct {
	SlowConsumers bool `attr:"advisoryForSlowConsumers"`
	FastProducers bool `attr:"advisoryForFastProducers"`
	Discarding    bool `attr:"advisoryForDiscardingMessages"`
	Delivery      bool `attr:"advisoryForDelivery"`
	Dispatched    bool `attr:"advisoryForDispatched"`
	Consumed      bool `attr:"advisoryForConsumed"`
	WhenFull      bool `attr:"advisoryWhenFull"`
	IfNoConsumers bool `attr:"sendAdvisoryIfNoConsumers"`
	IncludeBody   bool `attr:"includeBodyForAdvisory"`
}

// DefaultPolicy gives ActiveMQ's defaults where it has them.
func DefaultPolicy() Policy {
	return Policy{
		QueuePrefetch: 1000, TopicPrefetch: 32767, DurableTopicPrefetch: 100, QueueBrowserPrefetch: 500,
		UseConsumerPriority: true,
		MaxRedeliveries:     6, RedeliveryBackOff: 1,
		DeadLetter: DeadLetter{
			Kind: DeadLetterShared, Queue: "ActiveMQ.DLQ",
			QueuePrefix: "ActiveMQ.DLQ.Queue.", TopicPrefix: "ActiveMQ.DLQ.Topic.",
			ProcessFailed: true, ProcessExpired: true,
		},
		ExpirePeriod: 30 * time.Second, ExpirePage: 400,
		WindowMessages: 2000, WindowBytes: 4 << 20, PendingBytes: 4 << 20,
		Overflow: OverflowReject, ProducerFlowControl: true,
		PendingLimit: -1, Eviction: EvictOldest, Recovery: RecoverNothing,
		Slow:            Slow{MaxDuration: 30 * time.Second, CheckPeriod: 30 * time.Second, IgnoreIdle: true, IgnoreNetworking: true},
		InactiveTimeout: time.Minute,
	}
}
