package broker

import (
	"regexp"
	"slices"
	"time"

	"github.com/quorate/quorate/message"
)

// An Entry attaches a Policy to the destinations that match Pattern, with "."
// between elements, "*" for one element and ">" for the rest.
type Entry struct {
	Kind    message.Kind // Queue or Topic; temporary destinations use their kinds; zero: any
	Pattern string
	Policy  Policy
	// Said tells where each attribute that the entry sets was written, for
	// Explain, by the names of the fields' tags; At where the entry was.
	Said map[string]string
	At   string
}

// A Redelivery is an entry of ActiveMQ's redeliveryPlugin. It replaces the part
// of a Policy that it is called after, with the meaning of those fields.
type Redelivery struct {
	Kind     message.Kind
	Pattern  string
	Max      int
	Delay    time.Duration
	Next     time.Duration
	BackOff  float64
	MaxDelay time.Duration
	Said     map[string]string
	At       string
}

// Drop says whose dead letters are thrown away whatever their policy says, as
// ActiveMQ's discardingDLQBrokerPlugin does. The zero value drops none.
type Drop struct {
	All        bool
	TempQueues bool
	TempTopics bool
	Only       []*regexp.Regexp // of whole names
	Said       string           // where it was written
}

// Policies are the entries of the configuration.
type Policies struct {
	Default *Entry // where none matches; nil: DefaultPolicy
	Entries []Entry

	DefaultRedelivery *Redelivery // where none matches; nil: the policy holds
	Redelivery        []Redelivery
	// Where it was written that what failed too often is dropped: where a
	// Redelivery holds, and where none does. Empty: the policy holds.
	DropExceeded, DropUnmatched string

	Drop Drop
}

// For gives the policy of d, that of the most specific entry that matches and
// of it alone, as in ActiveMQ. Of two entries equally specific the later wins.
// The most specific Redelivery is chosen by itself.
func (ps *Policies) For(d message.Destination) Policy {
	p := DefaultPolicy()
	if e := ps.entry(d); e != nil {
		p = e.Policy
	}
	r := ps.redelivery(d)
	if r != nil {
		r.replace(&p)
	}
	if ps.dropFailed(r) != "" {
		p.DeadLetter.ProcessFailed = false
	}
	if ps.Drop.takes(d) {
		p.DeadLetter.Kind = DeadLetterDiscard
	}
	return p
}

// entry gives the entry that holds for d, nil if none.
func (ps *Policies) entry(d message.Destination) *Entry {
	best, rank := ps.Default, -1
	for i := range ps.Entries {
		e := &ps.Entries[i]
		if better(e.Kind, e.Pattern, d, &rank) {
			best = e
		}
	}
	return best
}

// redelivery gives the Redelivery that holds for d, nil if none.
func (ps *Policies) redelivery(d message.Destination) *Redelivery {
	best, rank := ps.DefaultRedelivery, -1
	for i := range ps.Redelivery {
		r := &ps.Redelivery[i]
		if better(r.Kind, r.Pattern, d, &rank) {
			best = r
		}
	}
	return best
}

// dropFailed tells where it was written that what failed too often is dropped,
// r being the Redelivery that holds.
func (ps *Policies) dropFailed(r *Redelivery) string {
	if r == nil {
		return ps.DropUnmatched
	}
	return ps.DropExceeded
}

// better reports whether a pattern matches d and is no less specific than those
// before, whose rank it raises.
func better(kind message.Kind, pattern string, d message.Destination, rank *int) bool {
	if !matches(kind, pattern, d) {
		return false
	}
	s := specificity(pattern)
	if s < *rank {
		return false
	}
	*rank = s
	return true
}

func matches(kind message.Kind, pattern string, d message.Destination) bool {
	return (kind == 0 || kind == d.Kind) && Match(pattern, d.Name)
}

// redeliveryNames are the attributes that a Redelivery replaces.
var redeliveryNames = []string{"maximumRedeliveries", "initialRedeliveryDelay", "redeliveryDelay", "backOffMultiplier", "maximumRedeliveryDelay"}

// RedeliveryNames gives the attributes that a Redelivery replaces, as the tags
// of Policy have them.
func RedeliveryNames() []string { return slices.Clone(redeliveryNames) }

// replace keeps the delay above 0: with a policy for redeliveries the broker
// redelivers, what was rejected as well.
func (r *Redelivery) replace(p *Policy) {
	p.MaxRedeliveries, p.RedeliveryDelay, p.NextRedeliveryDelay = r.Max, max(r.Delay, time.Millisecond), r.Next
	p.RedeliveryBackOff, p.MaxRedeliveryDelay = r.BackOff, r.MaxDelay
}

func (x *Drop) takes(d message.Destination) bool {
	if x.All || x.TempQueues && d.Kind == message.TempQueue || x.TempTopics && d.Kind == message.TempTopic {
		return true
	}
	for _, re := range x.Only {
		if re.MatchString(d.Name) {
			return true
		}
	}
	return false
}
