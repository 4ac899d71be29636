package broker

import (
	"fmt"
	"slices"
	"strings"

	"github.com/quorate/quorate/broker/queue"
	"github.com/quorate/quorate/message"
	"github.com/quorate/quorate/store"
)

// Properties that a dead letter gets, as ActiveMQ names them.
const (
	propCause      = "dlqDeliveryFailureCause"
	propExpiration = "originalExpiration"
	propMode       = "originalDeliveryMode"
)

// propSubscription names the durable subscription that a dead letter died in, so
// that it can go back to that one alone. ActiveMQ has nothing of the kind.
const propSubscription = "originalSubscription"

// bury moves a dead message to its dead letter queue or drops it. The machine
// holds it until then.
func (s *shard) bury(box *mailbox, e *queue.Entry, cause queue.Cause) {
	if cause == queue.Expired {
		box.stats.expired.Add(1)
	}
	box.dying++
	if e.Value != nil {
		s.buryMessage(box, e, e.Value.(*message.Message), cause)
		return
	}
	s.loader.inbox.post(request{box: box, query: &queue.Query{Entries: []*queue.Entry{e}}, again: true, then: func(p *page) {
		if len(p.entries) == 0 {
			s.buried(box, e) // gone from the store
			return
		}
		s.buryMessage(box, e, p.entries[0].Value.(*message.Message), cause)
	}})
}

func (s *shard) buryMessage(box *mailbox, e *queue.Entry, m *message.Message, cause queue.Cause) {
	to := box.deadLettersTo(m, e.Volatile, cause)
	kind := MessageDead
	switch {
	case cause == queue.Expired:
		kind = MessageExpired
	case to.IsZero():
		kind = MessageDiscarded
	}
	s.r.observe(Event{Kind: kind, Destination: box.dest, Message: m})
	if to.IsZero() {
		s.graves.add(s, burial{box: box, entry: e})
		return
	}
	s.findGrave(to, func(g grave) {
		letter := deadLetter(m, box, to, causeText(m, e, box, cause), s.r.now())
		s.graves.add(s, burial{box: box, entry: e, letter: letter, to: g})
	})
}

// deadLettersTo says where a dead message of the mailbox goes, the zero
// Destination for nowhere. A message that is a dead letter already is not moved
// again.
func (b *mailbox) deadLettersTo(m *message.Message, volatile bool, cause queue.Cause) message.Destination {
	p := &b.policy.DeadLetter
	switch {
	case p.Kind == DeadLetterDiscard,
		cause == queue.Expired && !p.ProcessExpired,
		cause != queue.Expired && !p.ProcessFailed,
		volatile && !p.ProcessNonPersistent,
		b.topic(),
		b.grave() && isDeadLetter(m):
		return message.Destination{}
	}
	to := p.destination(b)
	if to == b.dest && b.durable == nil {
		return message.Destination{}
	}
	return to
}

// topic reports whether the mailbox is a live subscription to a topic: what it
// does not consume is nobody's loss.
func (b *mailbox) topic() bool { return b.dest.Kind.IsTopic() && b.durable == nil }

// maxGraveName bounds the name of an individual dead letter queue, in bytes: a
// longer one is replaced by the shared queue.
const maxGraveName = 1024

// destination gives the dead letter destination of a mailbox's messages, called
// as ActiveMQ calls it: prefix, name, for a durable subscription ".client:name"
// if the policy says so, suffix.
func (p *DeadLetter) destination(b *mailbox) message.Destination {
	shared := message.Destination{Kind: message.Queue, Name: p.Queue}
	if p.Queue == "" || len(p.Queue) > store.MaxName {
		shared.Name = DefaultPolicy().DeadLetter.Queue // the other cannot be made
	}
	if p.Kind != DeadLetterIndividual {
		return shared
	}
	prefix, suffix, topic := p.QueuePrefix, p.QueueSuffix, p.TopicForQueues
	if b.dest.Kind.IsTopic() {
		prefix, suffix, topic = p.TopicPrefix, p.TopicSuffix, p.TopicForTopics
	}
	name := prefix + b.dest.Name
	if p.PerDurable && b.durable != nil {
		name += "." + b.durable.Client + ":" + b.durable.Name
	}
	name += suffix
	switch {
	case len(name) > maxGraveName:
		return shared
	case topic:
		return message.Destination{Kind: message.Topic, Name: name}
	}
	return message.Destination{Kind: message.Queue, Name: name}
}

// grave reports whether the mailbox is a queue that dead letters go to, whoever's
// they are.
func (b *mailbox) grave() bool {
	return b.dest.Kind == message.Queue && b.shard.r.cfg.Policies.grave(b.dest.Name)
}

// grave reports whether some policy's dead letters go to the queue of that name.
func (ps *Policies) grave(name string) bool {
	if ps.Default == nil {
		p := DefaultPolicy()
		if p.DeadLetter.takes(name) {
			return true
		}
	} else if ps.Default.Policy.DeadLetter.takes(name) {
		return true
	}
	for i := range ps.Entries {
		if ps.Entries[i].Policy.DeadLetter.takes(name) {
			return true
		}
	}
	return false
}

func (p *DeadLetter) takes(queue string) bool {
	switch p.Kind {
	case DeadLetterDiscard:
		return false
	case DeadLetterIndividual:
		return !p.TopicForQueues && between(queue, p.QueuePrefix, p.QueueSuffix) ||
			!p.TopicForTopics && between(queue, p.TopicPrefix, p.TopicSuffix)
	}
	return queue == p.Queue
}

// between reports whether name has the affixes, one of which there must be.
func between(name, prefix, suffix string) bool {
	return prefix+suffix != "" && len(name) > len(prefix)+len(suffix) &&
		strings.HasPrefix(name, prefix) && strings.HasSuffix(name, suffix)
}

// brief gives a dead letter whose header would be too long with nothing noted
// but that it is one.
func brief(letter *message.Message) *message.Message {
	c := *letter
	c.Properties = slices.Clone(letter.Properties)
	for i := range c.Properties {
		if c.Properties[i].Name == propCause {
			c.Properties[i].Value = ""
			c.Properties = c.Properties[:i+1] // what follows was noted, too
			break
		}
	}
	return &c
}

func isDeadLetter(m *message.Message) bool {
	_, ok := m.Property(propCause)
	return ok
}

func causeText(m *message.Message, e *queue.Entry, box *mailbox, cause queue.Cause) string {
	switch cause {
	case queue.Expired:
		return fmt.Sprintf("Message Expired. Expiration:%d", m.Expiration)
	case queue.Exhausted:
		return fmt.Sprintf("Delivery[%d] exceeds redelivery policy limit: %d", e.Count, box.policy.MaxRedeliveries)
	case queue.Overflow:
		return "The queue was full"
	}
	return "Rejected by the consumer"
}

// deadLetter gives m of a mailbox as it stands in its dead letter queue: always
// persistent, as in ActiveMQ, which notes what it was before.
func deadLetter(m *message.Message, box *mailbox, to message.Destination, cause string, now int64) *message.Message {
	c := *m
	c.Properties = make([]message.Property, 0, len(m.Properties)+4)
	for _, p := range m.Properties {
		if p.Name != propCause && p.Name != propSubscription && (p.Name != propExpiration || m.Expiration == 0) {
			c.Properties = append(c.Properties, p)
		}
	}
	c.Properties = append(c.Properties, message.Property{Name: propCause, Value: cause})
	if m.Expiration != 0 {
		c.Properties = append(c.Properties, message.Property{Name: propExpiration, Value: m.Expiration})
	}
	if !m.Persistent {
		c.Properties = append(c.Properties, message.Property{Name: propMode, Value: "NON_PERSISTENT"})
	}
	if c.Original = box.dest; box.durable != nil {
		c.Original = box.destination(m)
		c.Properties = append(c.Properties, message.Property{Name: propSubscription, Value: box.name})
	}
	c.Destination, c.Persistent, c.Expiration = to, true, 0
	if life := box.policy.DeadLetter.Expiration; life > 0 {
		c.Expiration = now + life.Milliseconds()
	}
	return &c
}
