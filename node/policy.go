package node

import (
	"fmt"
	"maps"
	"path/filepath"

	"github.com/quorate/quorate/broker"
	"github.com/quorate/quorate/config"
	"github.com/quorate/quorate/message"
)

// kinds are those of the broker; a default entry has none and is for all.
var kinds = map[config.Kind]message.Kind{
	config.Queue: message.Queue, config.Topic: message.Topic,
	config.TempQueue: message.TempQueue, config.TempTopic: message.TempTopic,
}

func destination(d config.Destination) message.Destination {
	return message.Destination{Kind: kinds[d.Kind], Name: d.Name}
}

func destinations(ds []config.Destination) []message.Destination {
	var out []message.Destination
	for _, d := range ds {
		out = append(out, destination(d))
	}
	return out
}

// A source names places in the configuration's file.
type source string

func sourceOf(cfg *config.Config) source { return source(filepath.Base(cfg.File)) }

func (s source) line(n int) string { return fmt.Sprintf("%s:%d", s, n) }

func (s source) said(lines config.Said) map[string]string {
	out := map[string]string{}
	for name, n := range lines {
		out[name] = s.line(n)
	}
	return out
}

// policies gives everything that says what holds for a destination.
func policies(cfg *config.Config) broker.Policies {
	m, src := &cfg.Messaging, sourceOf(cfg)
	var out broker.Policies
	for i := range m.Policies {
		out.Entries = append(out.Entries, entry(&m.Policies[i], src))
	}
	if m.DefaultPolicy != nil {
		e := entry(m.DefaultPolicy, src)
		out.Default = &e
	}
	for i := range m.Redeliveries {
		out.Redelivery = append(out.Redelivery, redelivery(&m.Redeliveries[i], src))
	}
	if m.DefaultRedelivery != nil {
		r := redelivery(m.DefaultRedelivery, src)
		out.DefaultRedelivery = &r
	}
	if m.DropExceeded > 0 {
		out.DropExceeded = src.line(m.DropExceeded)
	}
	if m.DropUnmatched > 0 {
		out.DropUnmatched = src.line(m.DropUnmatched)
	}
	if d := m.Drop; d.Line > 0 {
		out.Drop = broker.Drop{All: d.All, TempQueues: d.TempQueues, TempTopics: d.TempTopics, Only: d.Only, Said: src.line(d.Line)}
	}
	return out
}

func entry(p *config.Policy, src source) broker.Entry {
	return broker.Entry{Kind: kinds[p.Kind], Pattern: p.Pattern, Policy: policy(p), Said: src.said(p.Said), At: src.line(p.Line)}
}

// redelivery has all values from its entry: what is not written is the entry's
// default, and not the policy's.
func redelivery(r *config.Redelivery, src source) broker.Redelivery {
	said := map[string]string{}
	for _, name := range broker.RedeliveryNames() {
		said[name] = src.line(r.Line) + ", default of redeliveryPolicy"
	}
	maps.Copy(said, src.said(r.Said))
	return broker.Redelivery{Kind: kinds[r.Kind], Pattern: r.Pattern,
		Max: r.Max, Delay: r.Delay, Next: r.Next, BackOff: r.BackOff, MaxDelay: r.MaxDelay, Said: said, At: src.line(r.Line)}
}

// policy translates field by field; a test sees that none is forgotten.
func policy(p *config.Policy) broker.Policy {
	var out broker.Policy
	consumers(&out, p)
	redeliveries(&out, p)
	bounds(&out, p)
	subscriptions(&out, p)
	out.Slow, out.Advise = broker.Slow(p.Slow), broker.Advise(p.Advise)
	out.GCInactive, out.InactiveTimeout, out.MaxDestinations = p.GCInactive, p.InactiveTimeout, p.MaxDestinations
	return out
}

func consumers(out *broker.Policy, p *config.Policy) {
	out.QueuePrefetch, out.TopicPrefetch = p.QueuePrefetch, p.TopicPrefetch
	out.DurableTopicPrefetch, out.QueueBrowserPrefetch = p.DurableTopicPrefetch, p.QueueBrowserPrefetch
	out.AllExclusive, out.UseConsumerPriority = p.AllExclusive, p.UseConsumerPriority
	out.ConsumersBeforeDispatch, out.TimeBeforeDispatch = p.ConsumersBeforeDispatch, p.TimeBeforeDispatch
	out.Prioritized, out.StrictOrder = p.Prioritized, p.StrictOrder
}

func redeliveries(out *broker.Policy, p *config.Policy) {
	out.MaxRedeliveries = p.MaxRedeliveries
	out.RedeliveryDelay, out.NextRedeliveryDelay = p.RedeliveryDelay, p.NextRedeliveryDelay
	out.RedeliveryBackOff, out.MaxRedeliveryDelay = p.RedeliveryBackOff, p.MaxRedeliveryDelay
	d := &p.DeadLetter
	out.DeadLetter = broker.DeadLetter{
		Kind: broker.DeadLetterKind(d.Kind), Queue: d.Queue,
		QueuePrefix: d.QueuePrefix, QueueSuffix: d.QueueSuffix, TopicPrefix: d.TopicPrefix, TopicSuffix: d.TopicSuffix,
		TopicForQueues: d.TopicForQueues, TopicForTopics: d.TopicForTopics, PerDurable: d.PerDurable,
		ProcessFailed: d.ProcessFailed, ProcessExpired: d.ProcessExpired, ProcessNonPersistent: d.ProcessNonPersistent, Expiration: d.Expiration,
	}
	out.ExpirePeriod, out.ExpirePage = p.ExpirePeriod, p.ExpirePage
}

func bounds(out *broker.Policy, p *config.Policy) {
	out.WindowMessages, out.WindowBytes, out.PendingBytes = p.WindowMessages, int(p.WindowBytes), int(p.PendingBytes)
	out.QueueMessages, out.QueueBytes = int64(p.QueueMessages), p.QueueBytes
	out.Overflow, out.ProducerFlowControl = broker.Overflow(p.Overflow), p.ProducerFlowControl
}

func subscriptions(out *broker.Policy, p *config.Policy) {
	out.PendingLimit, out.PendingRate = p.PendingLimit, p.PendingRate
	out.Eviction, out.EvictionProperty = broker.Eviction(p.Eviction), p.EvictionProperty
	out.Recovery, out.RecoverySize, out.RecoveryTime = broker.Recovery(p.Recovery), p.RecoverySize, p.RecoveryTime
	out.AlwaysRetroactive = p.AlwaysRetroactive
}
