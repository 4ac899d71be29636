package broker

import (
	"slices"
	"strings"

	"github.com/quorate/quorate/message"
	"github.com/quorate/quorate/selector"
)

// Virtual says how messages go elsewhere than where they are sent.
type Virtual struct {
	Topics     []VirtualTopic // nil: DefaultVirtualTopic
	Composites []Composite
	Mirror     *Mirror
}

// A VirtualTopic is a topic whose messages are copied to queues: those that
// are called like the topic, between Prefix and Postfix.
type VirtualTopic struct {
	Name          string // pattern of the topics: "VirtualTopic.>"
	Prefix        string // of the queues, with "*" for the consumer's name: "Consumer.*."
	Postfix       string
	SelectorAware bool   // a queue gets only what one of its consumers selects
	Original      bool   // messages keep the topic as original destination
	Said          string // where it was written, for Explain
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
	Said        string
}

// A Forward is one place that a Composite forwards to.
type Forward struct {
	Destination message.Destination
	Selector    string // only what it selects; empty: everything
}

// A Mirror copies every message of a queue to a topic, called like the queue
// between Prefix and Postfix.
type Mirror struct{ Prefix, Postfix, Said string }

// takes reports whether a queue of that name takes from the topic. A queue may
// be called with wildcards, Consumer.A.VirtualTopic.>, and takes from all topics
// that match.
func (v *VirtualTopic) takes(queue, topic string) bool {
	if queue == v.Prefix+topic+v.Postfix {
		return true
	}
	consumer, _, ok := cutElements(queue, strings.Count(v.Prefix, "."))
	if !ok || !Match(strings.TrimSuffix(v.Prefix, "."), consumer) {
		return false
	}
	return Match(queue, consumer+"."+topic+v.Postfix)
}

// consumes reports whether a queue's name, with wildcards, is that of a consumer
// of this virtual topic: then it is a queue of its own.
func (v *VirtualTopic) consumes(queue string) bool {
	consumer, rest, ok := cutElements(queue, strings.Count(v.Prefix, "."))
	if !ok || isPattern(consumer) || !Match(strings.TrimSuffix(v.Prefix, "."), consumer) {
		return false
	}
	first, _, _ := strings.Cut(v.Name, ".")
	begins, _, _ := strings.Cut(rest, ".")
	return first == begins || first == ">" || first == "*"
}

// cutElements gives the first n elements of a name, and the others.
func cutElements(name string, n int) (head, rest string, ok bool) {
	at := 0
	for ; n > 0; n-- {
		i := strings.IndexByte(name[at:], '.')
		if i < 0 {
			return "", "", false
		}
		at += i + 1
	}
	if at == 0 {
		return "", name, true
	}
	return name[:at-1], name[at:], true
}

// A composite is a Composite with its filters compiled.
type composite struct {
	Composite
	filters []*selector.Selector
}

func compile(all []Composite) ([]composite, error) {
	out := make([]composite, len(all))
	for i, c := range all {
		out[i].Composite = c
		for _, f := range c.Forward {
			sel, err := parseSelector("start broker", f.Selector)
			if err != nil {
				return nil, err
			}
			out[i].filters = append(out[i].filters, sel)
		}
	}
	return out, nil
}

// unmatched holds for what none of the filters takes.
func (c *composite) unmatched(m *message.Message, _ *Conn) bool {
	for _, f := range c.filters {
		if selects(f, m) {
			return false
		}
	}
	return true
}

// wanted reports whether a durable subscription wants a message.
func (b *mailbox) wanted(m *message.Message, from *Conn) bool {
	if b.durable.NoLocal && from != nil && b.durable.Client == from.info.ClientID {
		return false
	}
	return selects(b.selector, m)
}

// selected reports whether one of a queue's consumers selects a message.
func (b *mailbox) selected(m *message.Message, _ *Conn) bool {
	return slices.ContainsFunc(b.consumers(), func(l *link) bool { return selects(l.sub.selector, m) })
}

// consumers gives who consumes from a mailbox: not to be changed.
func (b *mailbox) consumers() []*link {
	if links := b.links.Load(); links != nil {
		return *links
	}
	return nil
}

// consumerCame and consumerWent keep who consumes from a mailbox.
func (b *mailbox) consumerCame(l *link) {
	b.stats.consumers.Add(1)
	for {
		old := b.links.Load()
		next := []*link{l}
		if old != nil {
			next = append(next, *old...)
		}
		if b.links.CompareAndSwap(old, &next) {
			return
		}
	}
}

func (b *mailbox) consumerWent(l *link) {
	b.stats.consumers.Add(-1)
	for {
		old := b.links.Load()
		var next []*link
		for _, o := range *old {
			if o != l {
				next = append(next, o)
			}
		}
		if b.links.CompareAndSwap(old, &next) {
			return
		}
	}
}
