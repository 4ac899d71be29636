package broker

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/quorate/quorate/message"
)

// Limits bound what the broker holds. A zero field takes its default.
type Limits struct {
	InFlight    int64         // bytes proposed and not yet applied, all connections; default 32 MiB
	Memory      int64         // bytes of messages held in memory; default 64 MiB. Never blocks a persistent send
	Store       int64         // bytes on disk of the durable store; default none
	Temp        int64         // bytes on disk of spilled non-persistent messages; default none
	SendTimeout time.Duration // how long Store and Temp may block a sender before it gets an error; default 10 s; negative: at once
	Transaction int64         // bytes of one transaction's sends; default 32 MiB
	MessageSize int           // bytes of one message's body; default 100 MiB
}

func (l Limits) withDefaults() Limits {
	def := func(p *int64, v int64) {
		if *p == 0 {
			*p = v
		}
	}
	def(&l.InFlight, 32<<20)
	def(&l.Memory, 64<<20)
	def(&l.Store, math.MaxInt64)
	def(&l.Temp, math.MaxInt64)
	def(&l.Transaction, 32<<20)
	if l.SendTimeout == 0 {
		l.SendTimeout = 10 * time.Second
	}
	if l.MessageSize == 0 {
		l.MessageSize = 100 << 20
	}
	return l
}

// A Policy is what holds for one destination. Zero fields inherit from the
// next less specific entry and in the end from the defaults that
// DefaultPolicy gives. Pointers tell "not said" from zero.
type Policy struct {
	QueuePrefetch        int // default 1000
	TopicPrefetch        int // default 32767
	DurableTopicPrefetch int // default 100
	QueueBrowserPrefetch int // default 500

	MaxRedeliveries *int // deliveries after the first before a message is dead; default 6, -1 never

	DeadLetterQueue      string // default ActiveMQ.DLQ
	ProcessExpired       *bool  // expired persistent messages go to the dead letter queue; default true
	ProcessNonPersistent *bool  // dead non-persistent messages go there too; default false

	WindowMessages int // messages of a queue held ready in memory; default 2000
	WindowBytes    int // bytes of them; default 4 MiB
	PendingBytes   int // bytes of non-persistent messages a queue or topic subscription holds before it spills; default 4 MiB
}

// An Entry attaches a Policy to the destinations that match Pattern, with "."
// between elements, "*" for one element and ">" for the rest.
type Entry struct {
	Kind    message.Kind // Queue or Topic; temporary destinations use their kinds; zero: any
	Pattern string
	Policy  Policy
}

// Policies are the entries of the configuration, most of them inherited from
// less specific ones.
type Policies struct {
	Default Policy
	Entries []Entry
}

// DefaultPolicy gives ActiveMQ's defaults where it has them.
func DefaultPolicy() Policy {
	six, yes, no := 6, true, false
	return Policy{
		QueuePrefetch: 1000, TopicPrefetch: 32767, DurableTopicPrefetch: 100, QueueBrowserPrefetch: 500,
		MaxRedeliveries: &six, DeadLetterQueue: "ActiveMQ.DLQ", ProcessExpired: &yes, ProcessNonPersistent: &no,
		WindowMessages: 2000, WindowBytes: 4 << 20, PendingBytes: 4 << 20,
	}
}

// For gives the effective policy of d: every field from the most specific
// entry that says it. Of two entries equally specific the later one wins.
func (ps *Policies) For(d message.Destination) Policy {
	p := DefaultPolicy()
	p.override(&ps.Default)
	best := make([]*Entry, 0, 4)
	for i := range ps.Entries {
		e := &ps.Entries[i]
		if (e.Kind == 0 || e.Kind == d.Kind) && Match(e.Pattern, d.Name) {
			best = append(best, e)
		}
	}
	for len(best) > 0 {
		least := 0
		for i, e := range best {
			if specificity(e.Pattern) < specificity(best[least].Pattern) {
				least = i
			}
		}
		p.override(&best[least].Policy)
		best = append(best[:least], best[least+1:]...)
	}
	return p
}

func (p *Policy) override(o *Policy) {
	for _, f := range []struct{ to, from *int }{
		{&p.QueuePrefetch, &o.QueuePrefetch}, {&p.TopicPrefetch, &o.TopicPrefetch},
		{&p.DurableTopicPrefetch, &o.DurableTopicPrefetch}, {&p.QueueBrowserPrefetch, &o.QueueBrowserPrefetch},
		{&p.WindowMessages, &o.WindowMessages}, {&p.WindowBytes, &o.WindowBytes}, {&p.PendingBytes, &o.PendingBytes},
	} {
		if *f.from != 0 {
			*f.to = *f.from
		}
	}
	if o.MaxRedeliveries != nil {
		p.MaxRedeliveries = o.MaxRedeliveries
	}
	if o.DeadLetterQueue != "" {
		p.DeadLetterQueue = o.DeadLetterQueue
	}
	if o.ProcessExpired != nil {
		p.ProcessExpired = o.ProcessExpired
	}
	if o.ProcessNonPersistent != nil {
		p.ProcessNonPersistent = o.ProcessNonPersistent
	}
}

// Match reports whether a name matches a pattern of ActiveMQ: elements are
// separated by ".", "*" is any one element, ">" at the end is any rest.
func Match(pattern, name string) bool {
	for {
		p, prest, pmore := strings.Cut(pattern, ".")
		if p == ">" && !pmore {
			return true
		}
		n, nrest, nmore := strings.Cut(name, ".")
		if p != "*" && p != n {
			return false
		}
		if !pmore || !nmore {
			return pmore == nmore || (pmore && prest == ">")
		}
		pattern, name = prest, nrest
	}
}

// specificity orders patterns: literal elements count most, then "*", a
// trailing ">" least; longer patterns are more specific than shorter ones.
func specificity(pattern string) int {
	n := 0
	for _, e := range strings.Split(pattern, ".") {
		switch e {
		case ">":
		case "*":
			n++
		default:
			n += 1000
		}
	}
	return n
}

func (p *Policies) check() error {
	for _, e := range p.Entries {
		if e.Pattern == "" {
			return fmt.Errorf("policy entry without a pattern")
		}
	}
	return nil
}
