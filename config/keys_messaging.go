package config

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"time"
)

// Element paths of what concerns messages and is no policyEntry.
const (
	pathDestinations = "broker/destinations"
	pathPlugins      = "broker/plugins"
	pathStamp        = pathPlugins + "/timeStampingBrokerPlugin"
	pathForce        = pathPlugins + "/forcePersistencyModeBrokerPlugin"
	pathDrop         = pathPlugins + "/discardingDLQBrokerPlugin"

	pathRedeliveryPlugin  = pathPlugins + "/redeliveryPlugin"
	pathRedeliveryMap     = pathRedeliveryPlugin + "/redeliveryPolicyMap/redeliveryPolicyMap"
	pathRedelivery        = pathRedeliveryMap + "/redeliveryPolicyEntries/redeliveryPolicy"
	pathDefaultRedelivery = pathRedeliveryMap + "/defaultEntry/redeliveryPolicy" // looked up as pathRedelivery

	pathInterceptors   = "broker/destinationInterceptors"
	pathVirtual        = pathInterceptors + "/virtualDestinationInterceptor/virtualDestinations"
	pathVirtualTopic   = pathVirtual + "/virtualTopic"
	pathCompositeQueue = pathVirtual + "/compositeQueue"
	pathCompositeTopic = pathVirtual + "/compositeTopic"
	pathMirror         = pathInterceptors + "/mirroredQueue"
)

// messagingKeys are attributes of <broker> and of plugins.
var messagingKeys = []Key{
	{Name: "messaging.schedulerSupport", XML: []string{pathBroker + "@schedulerSupport"},
		Type: "true or false", Default: "true", Since: first, set: boolean(func(t *target) *bool { return &t.cfg.Messaging.Scheduler }),
		Doc: "Whether messages may be delivered later and repeatedly, by `AMQ_SCHEDULED_DELAY`, `_PERIOD`, `_REPEAT` and `_CRON`. It is on here and off in ActiveMQ."},
	{Name: "messaging.maxSchedulerRepeatAllowed", XML: []string{pathBroker + "@maxSchedulerRepeatAllowed"},
		Type: "number", Default: "0", Since: first, set: integer(func(t *target) *int { return &t.cfg.Messaging.MaxRepeat }, 0, math.MaxInt32),
		Doc: "Deliveries that one scheduled message may ask for. 0: any number; newer versions of ActiveMQ have 1000."},
	{Name: "messaging.advisorySupport", XML: []string{pathBroker + "@advisorySupport"},
		Type: "true or false", Default: "true", Since: first, set: boolean(func(t *target) *bool { return &t.cfg.Messaging.Advisories }),
		Doc: "Whether topics below `ActiveMQ.Advisory.` tell of connections, destinations, consumers and what becomes of messages."},
	{Name: "messaging.useVirtualTopics", XML: []string{pathBroker + "@useVirtualTopics"},
		Type: "true or false", Default: "true", Since: first, set: boolean(func(t *target) *bool { return &t.cfg.Messaging.useVirtualTopics }),
		Doc: "Whether `VirtualTopic.>` are virtual topics, where there are no `<destinationInterceptors>`."},
	{Name: "messaging.useMirroredQueues", XML: []string{pathBroker + "@useMirroredQueues"},
		Type: "true or false", Default: "false", Since: first, set: boolean(func(t *target) *bool { return &t.cfg.Messaging.useMirroredQueues }),
		Doc: "Whether every message of a queue is copied to the topic `VirtualTopic.Mirror.` and the queue's name, where there are no `<destinationInterceptors>`."},
	{Name: "messaging.schedulePeriodForDestinationPurge", XML: []string{pathBroker + "@schedulePeriodForDestinationPurge"},
		Type: "duration", Default: "0", Since: first, set: duration(func(t *target) *time.Duration { return &t.cfg.Messaging.PurgePeriod }, 0, longest),
		Doc: "How often destinations are looked for that `policy.gcInactiveDestinations` deletes. 0: never."},
	{Name: "messaging.maxPurgedDestinationsPerSweep", XML: []string{pathBroker + "@maxPurgedDestinationsPerSweep"},
		Type: "number", Default: "0", Since: first, set: integer(func(t *target) *int { return &t.cfg.Messaging.PurgeSweep }, 0, math.MaxInt32),
		Doc: "Destinations that one such look deletes at most. 0: any number."},
	{Name: "messaging.offlineDurableSubscriberTimeout", XML: []string{pathBroker + "@offlineDurableSubscriberTimeout"},
		Type: "duration", Default: "-1", Since: first, set: never(duration(func(t *target) *time.Duration { return &t.cfg.Messaging.IdleDurables }, 0, longest)),
		Doc: "How long a durable subscription may be without its subscriber before it is deleted with its messages. -1: for ever."},
	{Name: "messaging.destinations", XML: []string{pathDestinations + "/queue@physicalName", pathDestinations + "/topic@physicalName"},
		Type: "text", Without: "destinations come into being on first use", Since: first, set: setStartup,
		Doc: "A queue or topic that is there from the start."},

	{Name: "messaging.sendToDlqIfMaxRetriesExceeded", XML: []string{pathRedeliveryPlugin + "@sendToDlqIfMaxRetriesExceeded"},
		Type: "true or false", Default: "true", Since: first, set: drops(func(m *Messaging) *int { return &m.DropExceeded }),
		Doc: "Whether what was delivered too often becomes a dead letter, or is dropped, where a `redeliveryPolicy` holds."},
	{Name: "messaging.fallbackToDeadLetter", XML: []string{pathRedeliveryPlugin + "@fallbackToDeadLetter"},
		Type: "true or false", Default: "true", Since: first, set: drops(func(m *Messaging) *int { return &m.DropUnmatched }),
		Doc: "The same where none holds."},

	{Name: "messaging.zeroExpirationOverride", XML: []string{pathStamp + "@zeroExpirationOverride"},
		Type: "duration", Default: "0", Since: first, set: duration(func(t *target) *time.Duration { return &t.cfg.Messaging.Stamp.ZeroTTL }, 0, longest),
		Doc: "Time to live of messages that have none. 0: they live for ever."},
	{Name: "messaging.ttlCeiling", XML: []string{pathStamp + "@ttlCeiling"},
		Type: "duration", Default: "0", Since: first, set: duration(func(t *target) *time.Duration { return &t.cfg.Messaging.Stamp.MaxTTL }, 0, longest),
		Doc: "No message lives longer. 0: no bound."},
	{Name: "messaging.futureOnly", XML: []string{pathStamp + "@futureOnly"},
		Type: "true or false", Default: "false", Since: first, set: boolean(func(t *target) *bool { return &t.cfg.Messaging.Stamp.FutureOnly }),
		Doc: "Whether times of messages are only corrected where that makes them expire later."},
	{Name: "messaging.persistenceFlag", XML: []string{pathForce, pathForce + "@persistenceFlag"},
		Type: "true or false", Without: "clients say which messages are persistent", Since: first, set: setForce,
		Doc: "Makes every message persistent, or none: `false`, if the element has no attribute."},
	{Name: "messaging.dropAll", XML: []string{pathDrop + "@dropAll"},
		Type: "true or false", Without: "`true` with the plugin", Since: first, set: boolean(func(t *target) *bool { return &t.cfg.Messaging.Drop.All }),
		Doc: "Whether the dead letters of all destinations are thrown away."},
	{Name: "messaging.dropTemporaryQueues", XML: []string{pathDrop + "@dropTemporaryQueues"},
		Type: "true or false", Without: "`true` with the plugin", Since: first, set: boolean(func(t *target) *bool { return &t.cfg.Messaging.Drop.TempQueues }),
		Doc: "… those of temporary queues."},
	{Name: "messaging.dropTemporaryTopics", XML: []string{pathDrop + "@dropTemporaryTopics"},
		Type: "true or false", Without: "`true` with the plugin", Since: first, set: boolean(func(t *target) *bool { return &t.cfg.Messaging.Drop.TempTopics }),
		Doc: "… those of temporary topics."},
	{Name: "messaging.dropOnly", XML: []string{pathDrop + "@dropOnly"},
		Type: "list of regular expressions, separated by blanks", Without: "none", Since: first, set: setDropOnly,
		Doc: "… those of the destinations whose whole names match one of them."},
}

// setStartup takes a destination; the element tells its kind.
func setStartup(t *target, s string) (string, error) {
	name, err := destinationName(s)
	if err != nil {
		return "", err
	}
	if t.kind == Topic && strings.HasPrefix(name, "ActiveMQ.Advisory.") {
		return "an advisory topic is there anyway", nil
	}
	m := &t.cfg.Messaging
	m.Destinations = append(m.Destinations, Destination{Kind: t.kind, Name: name, Line: t.line})
	return "", nil
}

// destinationName checks what stands as the name of one destination.
func destinationName(s string) (string, error) {
	name := strings.TrimSpace(s)
	switch {
	case name == "" || len(name) > maxName || strings.ContainsAny(name, "\r\n\x00"):
		return "", fmt.Errorf("%q is not the name of a destination: want 1 to %d characters on one line", clip(s), maxName)
	case strings.Contains(name, ","):
		return "", fmt.Errorf("%q names several destinations: want one for each element", clip(s))
	case isPattern(name):
		return "", fmt.Errorf("%q is a pattern: want the name of one destination", clip(s))
	}
	return name, nil
}

// maxName bounds names and patterns, in bytes.
const maxName = 1024

// drops notes the line of an attribute that says false: dead letters are dropped.
func drops(field func(*Messaging) *int) setter {
	return func(t *target, s string) (string, error) {
		keep, err := parseBool(s)
		if err != nil {
			return "", err
		}
		if *field(&t.cfg.Messaging) = t.line; keep {
			*field(&t.cfg.Messaging) = 0
		}
		return "", nil
	}
}

// setForce takes the element as well, for ActiveMQ's default.
func setForce(t *target, s string) (string, error) {
	force := false
	if s != "forcePersistencyModeBrokerPlugin" {
		var err error
		if force, err = parseBool(s); err != nil {
			return "", err
		}
	}
	t.cfg.Messaging.Force = map[bool]string{true: "persistent", false: "nonPersistent"}[force]
	return "", nil
}

func setDropOnly(t *target, s string) (string, error) {
	var only []*regexp.Regexp
	for _, one := range strings.Fields(s) {
		re, err := regexp.Compile("^(?:" + one + ")$")
		if err != nil {
			return "", fmt.Errorf("%q is not a regular expression that is understood: %w", clip(one), err)
		}
		only = append(only, re)
	}
	t.cfg.Messaging.Drop.Only = only
	return "", nil
}
