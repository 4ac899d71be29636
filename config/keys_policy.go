package config

import (
	"math"
	"time"
)

// Element paths of a policyEntry.
const (
	pathPolicyMap     = "broker/destinationPolicy/policyMap"
	pathPolicy        = pathPolicyMap + "/policyEntries/policyEntry"
	pathDefaultPolicy = pathPolicyMap + "/defaultEntry/policyEntry" // looked up as pathPolicy
	pathDeadLetter    = pathPolicy + "/deadLetterStrategy"
	pathShared        = pathDeadLetter + "/sharedDeadLetterStrategy"
	pathIndividual    = pathDeadLetter + "/individualDeadLetterStrategy"
	pathDiscarding    = pathDeadLetter + "/discarding"
	pathPending       = pathPolicy + "/pendingMessageLimitStrategy"
	pathConstant      = pathPending + "/constantPendingMessageLimitStrategy"
	pathPrefetchRate  = pathPending + "/prefetchRatePendingMessageLimitStrategy"
	pathEviction      = pathPolicy + "/messageEvictionStrategy"
	pathRecovery      = pathPolicy + "/subscriptionRecoveryPolicy"
	pathSlow          = pathPolicy + "/slowConsumerStrategy"
	pathSlowDispatch  = pathSlow + "/abortSlowConsumerStrategy"
	pathSlowAck       = pathSlow + "/abortSlowAckConsumerStrategy"
)

// Names of elements that are values.
const (
	evictOldest    = "oldestMessageEvictionStrategy"
	evictUnique    = "uniquePropertyMessageEvictionStrategy"
	recoverNothing = "noSubscriptionRecoveryPolicy"
	recoverCount   = "fixedCountSubscriptionRecoveryPolicy"
	recoverBytes   = "fixedSizedSubscriptionRecoveryPolicy"
	recoverTimed   = "timedSubscriptionRecoveryPolicy"
)

// onPolicy makes a key that is an attribute of policyEntry of the same name.
func onPolicy(k Key, path ...string) Key {
	k.Name = "policy." + k.Name
	k.Since = first
	if len(k.XML) == 0 {
		for _, p := range append(path, pathPolicy) {
			k.XML = append(k.XML, p+"@"+k.Name[len("policy."):])
		}
	}
	return k
}

// policyFlag is an attribute that is true or false.
func policyFlag(name, def string, field func(*Policy) *bool, doc string, paths ...string) Key {
	k := Key{Name: name, Type: "true or false", Default: def, Doc: doc,
		set: boolean(func(t *target) *bool { return field(t.policy) })}
	for _, p := range paths {
		k.XML = append(k.XML, p+"@"+name)
	}
	return onPolicy(k)
}

func policyNumber(name, def string, lo, hi int, field func(*Policy) *int, doc string) Key {
	return onPolicy(Key{Name: name, Type: "number", Default: def, Doc: doc,
		set: integer(func(t *target) *int { return field(t.policy) }, lo, hi)})
}

func policyDuration(name, def string, field func(*Policy) *time.Duration, doc string) Key {
	return onPolicy(Key{Name: name, Type: "duration", Default: def, Doc: doc,
		set: never(duration(func(t *target) *time.Duration { return field(t.policy) }, 0, longest))})
}

// longest bounds the durations of policies.
const longest = 10 * 365 * 24 * time.Hour

// policyKeys are the attributes of a policyEntry and of the elements in it. The
// last part of a name is what `quorate explain` calls the value.
var policyKeys = []Key{
	policyNumber("queuePrefetch", "1000", 0, math.MaxInt32, func(p *Policy) *int { return &p.QueuePrefetch },
		"Messages that may be on their way to a queue's consumer, if it does not ask for a number itself. 0: it fetches them one by one."),
	policyNumber("topicPrefetch", "32767", 0, math.MaxInt32, func(p *Policy) *int { return &p.TopicPrefetch },
		"The same for a topic's subscriber."),
	policyNumber("durableTopicPrefetch", "100", 0, math.MaxInt32, func(p *Policy) *int { return &p.DurableTopicPrefetch },
		"The same for a durable subscriber."),
	policyNumber("queueBrowserPrefetch", "500", 0, math.MaxInt32, func(p *Policy) *int { return &p.QueueBrowserPrefetch },
		"The same for a queue browser."),
	policyFlag("allConsumersExclusiveByDefault", "false", func(p *Policy) *bool { return &p.AllExclusive },
		"Whether one consumer of a queue gets everything, whatever consumers ask for; another takes over when it goes."),
	policyNumber("consumersBeforeDispatchStarts", "0", 0, math.MaxInt32, func(p *Policy) *int { return &p.ConsumersBeforeDispatch },
		"Consumers of a queue that have to be there before the first message is delivered."),
	policyDuration("timeBeforeDispatchStarts", "0", func(p *Policy) *time.Duration { return &p.TimeBeforeDispatch },
		"How long after its first consumer a queue begins to deliver, if `consumersBeforeDispatchStarts` is not reached before; with that, 0 is one second."),
	policyFlag("useConsumerPriority", "true", func(p *Policy) *bool { return &p.UseConsumerPriority },
		"Whether consumers of a higher priority come first, and others only when those are busy."),

	policyFlag("prioritizedMessages", "false", func(p *Policy) *bool { return &p.Prioritized },
		"Whether messages of a higher priority are delivered first, 9 before 0; else they are in order of arrival."),
	policyFlag("strictOrderDispatch", "false", func(p *Policy) *bool { return &p.StrictOrder },
		"Whether a message that waits for its redelivery holds up those behind it."),

	policyNumber("maximumRedeliveries", "6", -1, math.MaxInt32, func(p *Policy) *int { return &p.MaxRedeliveries },
		"How often a message is delivered again before it goes to the dead letters. -1: for ever. Ours, as the four that follow; in ActiveMQ they stand in the `redeliveryPlugin`, which wins where both hold."),
	policyDuration("initialRedeliveryDelay", "0", func(p *Policy) *time.Duration { return &p.RedeliveryDelay },
		"How long a message waits for its first redelivery. Ours."),
	policyDuration("redeliveryDelay", "0", func(p *Policy) *time.Duration { return &p.NextRedeliveryDelay },
		"How long it waits for the others, without `backOffMultiplier`. 0: as long as for the first. Ours."),
	onPolicy(Key{Name: "backOffMultiplier", Type: "factor", Default: "1",
		set: factor(func(t *target) *float64 { return &t.policy.RedeliveryBackOff }, 0, 1000),
		Doc: "Factor by which the delay grows from one redelivery to the next. Up to 1: it does not. Ours."}),
	policyDuration("maximumRedeliveryDelay", "0", func(p *Policy) *time.Duration { return &p.MaxRedeliveryDelay },
		"Where the delay ends to grow. 0: nowhere. Ours."),

	onPolicy(Key{Name: "deadLetterStrategy", XML: []string{pathShared, pathIndividual, pathDiscarding},
		Type: "element", Default: "sharedDeadLetterStrategy", set: setDeadLetterStrategy,
		Doc: "What becomes of a message that cannot be delivered: one queue for all, one for each destination, or nothing."}),
	onPolicy(Key{Name: "deadLetterQueue", XML: []string{pathShared + "@deadLetterQueue", pathShared + "/deadLetterQueue/queue@physicalName"},
		Type: "text", Default: "ActiveMQ.DLQ", set: setDeadLetterQueue,
		Doc: "The one queue of the dead letters, with `sharedDeadLetterStrategy`."}),
	policyText("queuePrefix", "ActiveMQ.DLQ.Queue.", func(p *Policy) *string { return &p.DeadLetter.QueuePrefix },
		"What stands before a queue's name in that of its dead letters, with `individualDeadLetterStrategy`."),
	policyText("queueSuffix", "", func(p *Policy) *string { return &p.DeadLetter.QueueSuffix },
		"What stands behind it."),
	policyText("topicPrefix", "ActiveMQ.DLQ.Topic.", func(p *Policy) *string { return &p.DeadLetter.TopicPrefix },
		"What stands before a topic's name in that of its durable subscriptions' dead letters."),
	policyText("topicSuffix", "", func(p *Policy) *string { return &p.DeadLetter.TopicSuffix },
		"What stands behind it."),
	onPolicy(Key{Name: "useTopicForQueueMessages", XML: []string{pathIndividual + "@useQueueForQueueMessages"},
		Type: "true or false", Default: "true", set: inverted(func(p *Policy) *bool { return &p.DeadLetter.TopicForQueues }),
		Doc: "Whether a queue's dead letters go to a queue; else to a topic, where only those get them who listen. The attribute says the opposite of the key."}),
	onPolicy(Key{Name: "useTopicForTopicMessages", XML: []string{pathIndividual + "@useQueueForTopicMessages"},
		Type: "true or false", Default: "true", set: inverted(func(p *Policy) *bool { return &p.DeadLetter.TopicForTopics }),
		Doc: "The same for those of a topic's durable subscriptions."}),
	policyFlag("destinationPerDurableSubscriber", "false", func(p *Policy) *bool { return &p.DeadLetter.PerDurable },
		"Whether each durable subscription has dead letters of its own, whose name has client id and subscription behind the topic's.", pathIndividual),
	policyFlag("processFailed", "true", func(p *Policy) *bool { return &p.DeadLetter.ProcessFailed },
		"Whether messages that were delivered too often, or rejected, become dead letters, or are dropped. Ours; in ActiveMQ the `redeliveryPlugin` says it.", pathShared, pathIndividual),
	policyFlag("processExpired", "true", func(p *Policy) *bool { return &p.DeadLetter.ProcessExpired },
		"Whether expired messages become dead letters, or are dropped.", pathShared, pathIndividual),
	policyFlag("processNonPersistent", "false", func(p *Policy) *bool { return &p.DeadLetter.ProcessNonPersistent },
		"Whether non-persistent messages become dead letters, or are dropped.", pathShared, pathIndividual),
	onPolicy(Key{Name: "deadLetterExpiration", XML: []string{pathShared + "@expiration", pathIndividual + "@expiration"},
		Type: "duration", Default: "0", set: never(duration(func(t *target) *time.Duration { return &t.policy.DeadLetter.Expiration }, 0, longest)),
		Doc: "Time to live of a dead letter. 0: it stays."}),

	policyDuration("expireMessagesPeriod", "30s", func(p *Policy) *time.Duration { return &p.ExpirePeriod },
		"How often a queue is looked through for messages that have expired. 0: they are found when they come up for delivery."),
	policyNumber("maxExpirePageSize", "400", 1, math.MaxInt32, func(p *Policy) *int { return &p.ExpirePage },
		"Messages that one such look takes at most."),

	policyNumber("windowMessages", "2000", 1, math.MaxInt32, func(p *Policy) *int { return &p.WindowMessages },
		"Messages of a queue that are held ready in memory; the others wait on disk. Ours."),
	policySize("windowBytes", "4 mb", 4*kib, func(p *Policy) *int64 { return &p.WindowBytes },
		"Bytes of them. Ours."),
	policySize("memoryLimit", "4 mb", 0, func(p *Policy) *int64 { return &p.PendingBytes },
		"Memory for the non-persistent messages that wait at one destination. Beyond it they spill to disk."),

	policyNumber("maxQueueMessages", "0", 0, math.MaxInt, func(p *Policy) *int { return &p.QueueMessages },
		"Messages that may be pending in a queue. 0: as many as the store holds. Ours."),
	policySize("maxQueueBytes", "0", 0, func(p *Policy) *int64 { return &p.QueueBytes },
		"Bytes of them. 0: as many as the store holds. Ours."),
	onPolicy(Key{Name: "overflow", Type: "reject or dropOldest", Default: "reject", set: setOverflow,
		Doc: "What a full queue does: its senders get an error, or the oldest message goes, to the dead letters where there are some. Ours."}),
	onPolicy(Key{Name: "producerFlowControl", Type: "true or false", Default: "true",
		set: noting("memory never holds up a persistent send; it holds for maxQueueMessages and maxQueueBytes", boolean(func(t *target) *bool { return &t.policy.ProducerFlowControl })),
		Doc: "Whether a full queue holds up its senders for `usage.sendFailIfNoSpaceAfterTimeout` before they get the error."}),

	onPolicy(Key{Name: "pendingMessageLimit", XML: []string{pathConstant + "@limit"}, Type: "number", Default: "-1",
		set: integer(func(t *target) *int { return &t.policy.PendingLimit }, -1, math.MaxInt32),
		Doc: "Messages that may wait for a topic's subscriber beyond its prefetch before it loses some. -1: `memoryLimit` of them, the others spill to disk."}),
	onPolicy(Key{Name: "pendingMessageLimitMultiplier", XML: []string{pathPrefetchRate, pathPrefetchRate + "@multiplier"}, Type: "factor", Default: "0", set: setPendingRate,
		Doc: "The same as a multiple of the subscriber's prefetch: 0.5, if the element has no `multiplier`. 0: `pendingMessageLimit` holds."}),
	onPolicy(Key{Name: "messageEvictionStrategy", XML: []string{pathEviction + "/" + evictOldest, pathEviction + "/oldestMessageWithLowestPriorityEvictionStrategy", pathEviction + "/" + evictUnique},
		Type: "element", Default: evictOldest, set: text(func(t *target) *string { return &t.policy.Eviction }),
		Doc: "Which messages such a subscriber loses."}),
	onPolicy(Key{Name: "evictionProperty", XML: []string{pathEviction + "/" + evictUnique + "@propertyName"},
		Type: "text", Without: "none", set: text(func(t *target) *string { return &t.policy.EvictionProperty }),
		Doc: "Of the messages that have the same value of this property only the latest is kept, with `uniquePropertyMessageEvictionStrategy`."}),
	onPolicy(Key{Name: "subscriptionRecoveryPolicy", XML: []string{pathRecovery + "/" + recoverNothing, pathRecovery + "/lastImageSubscriptionRecoveryPolicy",
		pathRecovery + "/" + recoverCount, pathRecovery + "/" + recoverBytes, pathRecovery + "/" + recoverTimed},
		Type: "element", Default: recoverNothing, set: setRecovery,
		Doc: "Which messages a retroactive subscriber gets that were published before it came: none, the last, the last so many, so many bytes, or those of so long."}),
	onPolicy(Key{Name: "recoverySize", XML: []string{pathRecovery + "/" + recoverCount + "@maximumSize", pathRecovery + "/" + recoverBytes + "@maximumSize"},
		Type: "size", Without: "100 messages, 64 kb", set: size(func(t *target) *int64 { return &t.policy.RecoverySize }, 1, gib),
		Doc: "How many messages, or bytes, are kept for that."}),
	onPolicy(Key{Name: "recoverDuration", XML: []string{pathRecovery + "/" + recoverTimed + "@recoverDuration"},
		Type: "duration", Without: "1m", set: duration(func(t *target) *time.Duration { return &t.policy.RecoveryTime }, 0, longest),
		Doc: "How long messages are kept for that."}),
	policyFlag("alwaysRetroactive", "false", func(p *Policy) *bool { return &p.AlwaysRetroactive },
		"Whether every subscriber is retroactive."),

	onPolicy(Key{Name: "slowConsumerStrategy", XML: []string{pathSlowDispatch, pathSlowAck}, Type: "element",
		Without: "slow consumers are left alone", set: setSlowConsumerStrategy,
		Doc: "Whether slow consumers are disconnected: those that do not take what they could be given, or those that do not acknowledge."}),
	onPolicy(Key{Name: "maxSlowCount", XML: []string{pathSlowDispatch + "@maxSlowCount", pathSlowAck + "@maxSlowCount"}, Type: "number", Default: "-1",
		set: never(integer(func(t *target) *int { return &t.policy.Slow.MaxCount }, 0, math.MaxInt32)),
		Doc: "How many looks in a row a consumer may be slow. -1: that does not count."}),
	onPolicy(Key{Name: "maxSlowDuration", XML: []string{pathSlowDispatch + "@maxSlowDuration", pathSlowAck + "@maxSlowDuration"}, Type: "duration", Default: "30s",
		set: never(duration(func(t *target) *time.Duration { return &t.policy.Slow.MaxDuration }, 0, longest)),
		Doc: "How long a consumer may be slow. -1: that does not count."}),
	onPolicy(Key{Name: "maxTimeSinceLastAck", XML: []string{pathSlowAck + "@maxTimeSinceLastAck"}, Type: "duration", Without: "30s with `abortSlowAckConsumerStrategy`",
		set: never(duration(func(t *target) *time.Duration { return &t.policy.Slow.MaxSinceAck }, 0, longest)),
		Doc: "A consumer is slow that has not acknowledged anything for so long."}),
	onPolicy(Key{Name: "checkPeriod", XML: []string{pathSlowDispatch + "@checkPeriod", pathSlowAck + "@checkPeriod"}, Type: "duration", Default: "30s",
		set: duration(func(t *target) *time.Duration { return &t.policy.Slow.CheckPeriod }, 10*time.Millisecond, longest),
		Doc: "How often consumers are looked at."}),
	policyFlag("abortConnection", "false", func(p *Policy) *bool { return &p.Slow.AbortConnection },
		"Whether the whole connection of a slow consumer is closed.", pathSlowDispatch, pathSlowAck),
	policyFlag("ignoreIdleConsumers", "true", func(p *Policy) *bool { return &p.Slow.IgnoreIdle },
		"Whether a consumer that has nothing to acknowledge is left alone.", pathSlowAck),
	policyFlag("ignoreNetworkConsumers", "true", func(p *Policy) *bool { return &p.Slow.IgnoreNetworking },
		"Whether consumers of other brokers are left alone.", pathSlowDispatch, pathSlowAck),

	policyFlag("gcInactiveDestinations", "false", func(p *Policy) *bool { return &p.GCInactive },
		"Whether a destination is deleted that is empty and has been without producers and consumers for a while. `messaging.schedulePeriodForDestinationPurge` has to be set."),
	onPolicy(Key{Name: "inactiveTimeoutBeforeGC", XML: []string{pathPolicy + "@inactiveTimeoutBeforeGC", pathPolicy + "@inactiveTimoutBeforeGC"},
		Type: "duration", Default: "1m", set: duration(func(t *target) *time.Duration { return &t.policy.InactiveTimeout }, 0, longest),
		Doc: "For how long. `inactiveTimoutBeforeGC`, as it was spelt first, is the same."}),
	onPolicy(Key{Name: "maxDestinations", Type: "number", Default: "-1", set: never(integer(func(t *target) *int { return &t.policy.MaxDestinations }, 0, math.MaxInt32)),
		Doc: "Destinations that may be under this policy; one more is refused. -1: any number."}),

	policyFlag("advisoryForSlowConsumers", "false", func(p *Policy) *bool { return &p.Advise.SlowConsumers }, "Whether an advisory tells of a slow consumer."),
	policyFlag("advisoryForFastProducers", "false", func(p *Policy) *bool { return &p.Advise.FastProducers }, "… of a producer that is held up."),
	policyFlag("advisoryForDiscardingMessages", "false", func(p *Policy) *bool { return &p.Advise.Discarding }, "… of each message that a slow subscriber loses."),
	policyFlag("advisoryForDelivery", "false", func(p *Policy) *bool { return &p.Advise.Delivery }, "… of each message that comes in."),
	policyFlag("advisoryForDispatched", "false", func(p *Policy) *bool { return &p.Advise.Dispatched }, "… of each message that goes out."),
	policyFlag("advisoryForConsumed", "false", func(p *Policy) *bool { return &p.Advise.Consumed }, "… of each message that is acknowledged."),
	policyFlag("advisoryWhenFull", "false", func(p *Policy) *bool { return &p.Advise.WhenFull }, "… when a limit is reached."),
	policyFlag("sendAdvisoryIfNoConsumers", "false", func(p *Policy) *bool { return &p.Advise.IfNoConsumers }, "… of each message to a topic that nobody listens to."),
	policyFlag("includeBodyForAdvisory", "false", func(p *Policy) *bool { return &p.Advise.IncludeBody }, "Whether such advisories carry the message's body."),
}
