package config

import "strings"

const (
	noDestination = "without it the entry would be for everything: write the pattern as attribute queue or topic"
	oneWay        = "dispatch has one way"
	onDisk        = "a backlog always waits on disk"
	duplicates    = "duplicates are found by the replicated store"
	oneOperation  = "all copies of a message are one operation on the store"
	noNetworks    = "networks of brokers are not supported yet"
)

func mapped(reason string) rule { return rule{verdict: Mapped, reason: reason, leaf: true} }
func group() rule               { return rule{verdict: Honoured, enter: (*loader).attributesAndChildren} }

// messagingElements are the elements that are known of what concerns messages.
// Those that are values as well are reported as such.
func messagingElements() map[string]rule {
	elements := map[string]rule{
		"broker/destinationPolicy":            group(),
		pathPolicyMap:                         group(),
		pathPolicyMap + "/policyEntries":      group(),
		pathPolicyMap + "/defaultEntry":       group(),
		pathPolicy:                            honoured((*loader).policyEntry),
		pathPolicy + "/destination":           refused(noDestination),
		pathRedelivery + "/destination":       refused(noDestination),
		pathDeadLetter:                        group(),
		pathShared:                            group(),
		pathShared + "/deadLetterQueue":       group(),
		pathShared + "/deadLetterQueue/queue": group(),
		pathIndividual:                        group(),
		pathDiscarding:                        group(),
		pathPending:                           group(),
		pathConstant:                          group(),
		pathPrefetchRate:                      group(),
		pathEviction:                          group(),
		pathRecovery:                          group(),
		pathSlow:                              group(),
		pathSlowDispatch:                      group(),
		pathSlowAck:                           group(),

		pathRecovery + "/queryBasedSubscriptionRecoveryPolicy":      ignored("its query is a Java bean, which cannot be loaded"),
		pathRecovery + "/retainedMessageSubscriptionRecoveryPolicy": ignored("there are no retained messages without MQTT, which is not served yet"),

		pathPolicy + "/dispatchPolicy":                                       group(),
		pathPolicy + "/dispatchPolicy/roundRobinDispatchPolicy":              mapped("consumers of a queue are served in turn; of a topic each gets every message"),
		pathPolicy + "/dispatchPolicy/simpleDispatchPolicy":                  mapped("consumers of a queue are served in turn; of a topic each gets every message"),
		pathPolicy + "/dispatchPolicy/strictOrderDispatchPolicy":             mapped("subscribers see the messages in the one order of the log; for redeliveries there is strictOrderDispatch"),
		pathPolicy + "/dispatchPolicy/priorityDispatchPolicy":                mapped("consumers of a higher priority come first by useConsumerPriority, which is on unless it says no"),
		pathPolicy + "/dispatchPolicy/priorityNetworkDispatchPolicy":         ignored(noNetworks),
		pathPolicy + "/dispatchPolicy/clientIdFilterDispatchPolicy":          ignored("a subscriber gets what its selector takes, whatever its client id"),
		pathPolicy + "/messageGroupMapFactory":                               group(),
		pathPolicy + "/messageGroupMapFactory/simpleMessageGroupMapFactory":  mapped(groupMap),
		pathPolicy + "/messageGroupMapFactory/cachedMessageGroupMapFactory":  mapped(groupMap),
		pathPolicy + "/messageGroupMapFactory/messageGroupHashBucketFactory": mapped(groupMap),
		pathPolicy + "/networkBridgeFilterFactory":                           ignored(noNetworks),
		pathPolicy + "/pendingQueuePolicy":                                   ignored(onDisk),
		pathPolicy + "/pendingSubscriberPolicy":                              ignored(onDisk),
		pathPolicy + "/pendingDurableSubscriberPolicy":                       ignored(onDisk),
		pathPolicy + "/messageInterceptorStrategy":                           ignored("messages are not changed on their way; timeStampingBrokerPlugin and forcePersistencyModeBrokerPlugin are understood"),

		pathRedeliveryPlugin:                           group(),
		pathRedeliveryPlugin + "/redeliveryPolicyMap":  group(),
		pathRedeliveryMap:                              group(),
		pathRedeliveryMap + "/redeliveryPolicyEntries": group(),
		pathRedeliveryMap + "/defaultEntry":            group(),
		pathRedelivery:                                 honoured((*loader).redeliveryPolicy),
		pathStamp:                                      honoured((*loader).stamp),
		pathForce:                                      group(),
		pathDrop:                                       honoured((*loader).drop),

		pathDestinations:            group(),
		pathDestinations + "/queue": honoured((*loader).startup),
		pathDestinations + "/topic": honoured((*loader).startup),

		pathInterceptors: honoured((*loader).interceptors),
		pathInterceptors + "/virtualDestinationInterceptor": group(),
		pathInterceptors + "/bean":                          ignored("Java beans cannot be loaded"),
		pathVirtual:                                         group(),
		pathVirtualTopic:                                    honoured((*loader).virtualTopic),
		pathCompositeQueue:                                  honoured((*loader).composite),
		pathCompositeTopic:                                  honoured((*loader).composite),
		pathVirtual + "/bean":                               ignored("Java beans cannot be loaded"),
		pathMirror:                                          honoured((*loader).mirror),
	}
	for _, p := range forwardParents {
		elements[p] = group()
		for _, name := range []string{"/queue", "/topic", "/filteredDestination"} {
			elements[p+name] = honoured((*loader).forward)
		}
		elements[p+"/bean"] = ignored("Java beans cannot be loaded")
	}
	for _, k := range keys {
		for _, p := range k.XML {
			if _, ok := elements[p]; !ok && !strings.Contains(p, "@") { // an element that is a value
				elements[p] = group()
			}
		}
	}
	return elements
}

const groupMap = "a message group keeps its consumer as long as that is there, however many groups there are"

// messagingAttributes are the attributes that are known of them and not keys.
var messagingAttributes = map[string]rule{
	pathBroker + "@offlineDurableSubscriberTaskSchedule":       ignored("durable subscriptions that are idle for too long are looked for by the broker's own scan"),
	pathBroker + "@useVirtualDestSubs":                         ignored(noNetworks),
	pathBroker + "@useVirtualDestSubsOnCreation":               ignored(noNetworks),
	pathBroker + "@anonymousProducerAdvisorySupport":           ignored("advisories of producers name the destinations that they send to"),
	pathBroker + "@enableMessageExpirationOnActiveDurableSubs": ignored("durable subscriptions are looked through for expired messages, active or not"),
	pathBroker + "@timeBeforePurgeTempDestinations":            ignored("temporary destinations go with their connection"),
	pathBroker + "@producerSystemUsagePortion":                 ignored("producers and consumers share the limits"),
	pathBroker + "@consumerSystemUsagePortion":                 ignored("producers and consumers share the limits"),

	pathPolicy + "@queue":     {verdict: Honoured},
	pathPolicy + "@topic":     {verdict: Honoured},
	pathPolicy + "@tempQueue": {verdict: Honoured},
	pathPolicy + "@tempTopic": {verdict: Honoured},

	pathPolicy + "@lazyDispatch":                      ignored("messages go out one by one as consumers have room"),
	pathPolicy + "@optimizedDispatch":                 ignored(oneWay),
	pathPolicy + "@maxPageSize":                       ignored("windowMessages and windowBytes bound what a queue holds in memory"),
	pathPolicy + "@maxBrowsePageSize":                 ignored("a browser sees the whole queue"),
	pathPolicy + "@usePrefetchExtension":              ignored(notYet),
	pathPolicy + "@useCache":                          ignored("recent messages are always in memory"),
	pathPolicy + "@gcWithNetworkConsumers":            ignored(noNetworks),
	pathPolicy + "@messageGroupMapFactoryType":        mapped(groupMap),
	pathPolicy + "@enableAudit":                       ignored(duplicates),
	pathPolicy + "@maxAuditDepth":                     ignored(duplicates),
	pathPolicy + "@maxQueueAuditDepth":                ignored(duplicates),
	pathPolicy + "@maxProducersToAudit":               ignored(duplicates),
	pathPolicy + "@sendDuplicateFromStoreToDLQ":       ignored(duplicates),
	pathPolicy + "@cursorMemoryHighWaterMark":         ignored(onDisk),
	pathPolicy + "@storeUsageHighWaterMark":           ignored("systemUsage holds"),
	pathPolicy + "@persistJMSRedelivered":             mapped("a message that may have been delivered always carries the redelivered mark"),
	pathPolicy + "@minimumMessageSize":                ignored("messages are counted by their real size"),
	pathPolicy + "@reduceMemoryFootprint":             ignored("bodies are not held twice"),
	pathPolicy + "@doOptimzeMessageStorage":           ignored("there is one way to store"),
	pathPolicy + "@optimizeMessageStoreInFlightLimit": ignored("there is one way to store"),
	pathPolicy + "@blockedProducerWarningInterval":    ignored("a sender that was held up for too long is told so, with the limit and who holds it"),
	pathPolicy + "@sendFailIfNoSpace":                 ignored("that of systemUsage holds for all destinations"),
	pathPolicy + "@sendFailIfNoSpaceAfterTimeout":     ignored("that of systemUsage holds for all destinations"),
	pathPolicy + "@allowTempDestinationStealing":      ignored("a temporary destination belongs to its connection"),
	pathPolicy + "@useTopicSubscriptionInflightStats": ignored("statistics are always kept"),
	pathPolicy + "@advancedMessageStatisticsEnabled":  ignored("statistics are always kept"),
	pathPolicy + "@advancedNetworkStatisticsEnabled":  ignored(noNetworks),

	pathShared + "@enableAudit":             ignored(duplicates),
	pathShared + "@maxAuditDepth":           ignored(duplicates),
	pathShared + "@maxProducersToAudit":     ignored(duplicates),
	pathIndividual + "@enableAudit":         ignored(duplicates),
	pathIndividual + "@maxAuditDepth":       ignored(duplicates),
	pathIndividual + "@maxProducersToAudit": ignored(duplicates),
	pathDiscarding + "@*":                   ignored("nothing is kept"),

	pathEviction + "/" + evictOldest + "@evictExpiredMessagesHighWatermark":                             ignored("what has expired is found when it comes up for delivery"),
	pathEviction + "/oldestMessageWithLowestPriorityEvictionStrategy@evictExpiredMessagesHighWatermark": ignored("what has expired is found when it comes up for delivery"),
	pathEviction + "/uniquePropertyMessageEvictionStrategy@evictExpiredMessagesHighWatermark":           ignored("what has expired is found when it comes up for delivery"),
	pathRecovery + "/" + recoverBytes + "@useSharedBuffer":                                              ignored("bodies are not held twice"),
	pathSlowDispatch + "@name": ignored("has no effect on a broker"),
	pathSlowAck + "@name":      ignored("has no effect on a broker"),

	pathRedelivery + "@queue":                     {verdict: Honoured},
	pathRedelivery + "@topic":                     {verdict: Honoured},
	pathRedelivery + "@tempQueue":                 {verdict: Honoured},
	pathRedelivery + "@tempTopic":                 {verdict: Honoured},
	pathRedelivery + "@useCollisionAvoidance":     ignored("redeliveries of different messages are spread by their own times"),
	pathRedelivery + "@collisionAvoidancePercent": ignored("redeliveries of different messages are spread by their own times"),
	pathRedelivery + "@collisionAvoidanceFactor":  ignored("redeliveries of different messages are spread by their own times"),
	pathRedelivery + "@preDispatchCheck":          ignored("for clients"),

	pathStamp + "@processNetworkMessages": ignored(noNetworks),
	pathDrop + "@reportInterval":          ignored("statistics count what is dropped"),

	pathDestinations + "/queue@DLQ": ignored("a queue is one of dead letters when a policy sends some there"),

	pathVirtualTopic + "@local":               ignored(noNetworks),
	pathVirtualTopic + "@concurrentSend":      ignored(oneOperation),
	pathVirtualTopic + "@transactedSend":      mapped(oneOperation),
	pathVirtualTopic + "@dropOnResourceLimit": ignored("a message that does not fit into one of the queues is refused, for all of them"),
	pathCompositeQueue + "@copyMessage":       ignored("a copy names the destination that it lies in"),
	pathCompositeTopic + "@copyMessage":       ignored("a copy names the destination that it lies in"),
	pathCompositeQueue + "@concurrentSend":    ignored(oneOperation),
	pathCompositeTopic + "@concurrentSend":    ignored(oneOperation),
	pathMirror + "@copyMessage":               ignored("a copy names the destination that it lies in"),
}
