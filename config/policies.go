package config

import (
	"fmt"
	"time"
)

// defaultEntries are read like the entries of their maps, and hold where none
// of those matches.
var defaultEntries = map[string]string{
	pathDefaultPolicy:     pathPolicy,
	pathDefaultRedelivery: pathRedelivery,
}

// maxPolicies bounds what each new destination is matched against.
const maxPolicies = 10_000

// policyEntry takes up a policy. One that names several patterns is kept for
// each of them.
func (l *loader) policyEntry(e *element, path string) {
	isDefault := l.isDefault
	p := PolicyOf("", "")
	p.Line = e.line
	l.target.policy = &p
	defer func() { l.target.policy = nil }()
	l.attributesAndChildren(e, path)
	l.effects(e, &p)
	m := &l.target.cfg.Messaging
	if isDefault {
		m.DefaultPolicy = &p
		return
	}
	for _, d := range l.matching(e) {
		q := p
		q.Kind, q.Pattern = d.Kind, d.Name
		m.Policies = append(m.Policies, q)
	}
	if len(m.Policies) > maxPolicies {
		l.finding(e, Refused, fmt.Sprintf("more than %d policies", maxPolicies))
	}
}

// effects looks for values that need others to have an effect.
func (l *loader) effects(e *element, p *Policy) {
	if line, ok := p.Said["consumersBeforeDispatchStarts"]; ok && p.ConsumersBeforeDispatch > 0 && p.TimeBeforeDispatch == 0 {
		p.TimeBeforeDispatch, p.Said["timeBeforeDispatchStarts"] = time.Second, line // as ActiveMQ does
	}
	if p.Eviction == evictUnique && p.EvictionProperty == "" {
		l.report.add(Finding{Line: p.Said["messageEvictionStrategy"], What: "<" + evictUnique + ">", Verdict: Refused, Reason: "it needs a propertyName"})
	}
	_, evicts := p.Said["messageEvictionStrategy"]
	for _, w := range []struct {
		attr   string
		idle   bool
		reason string
	}{
		{"gcInactiveDestinations", p.GCInactive && l.target.cfg.Messaging.PurgePeriod == 0, "nothing is deleted without schedulePeriodForDestinationPurge on <broker>"},
		{"overflow", p.Overflow != "reject" && p.QueueMessages == 0 && p.QueueBytes == 0, "a queue is never full without maxQueueMessages or maxQueueBytes"},
		{"messageEvictionStrategy", evicts && p.PendingLimit < 0 && p.PendingRate == 0, "no message is lost without a pendingMessageLimitStrategy"},
	} {
		if w.idle {
			l.report.add(Finding{Line: p.Said[w.attr], What: e.name + " " + w.attr, Warning: true, Reason: w.reason})
		}
	}
}

// redeliveryPolicy takes up one of the redeliveryPlugin.
func (l *loader) redeliveryPolicy(e *element, path string) {
	isDefault := l.isDefault
	r := Redelivery{Line: e.line, Said: Said{}}
	l.target.redelivery = &r
	defer func() { l.target.redelivery = nil }()
	setDefaults(&l.target, "redelivery.")
	l.attributesAndChildren(e, path)
	if !r.exponential {
		r.BackOff = 1
		if line, ok := r.Said["backOffMultiplier"]; ok {
			l.report.add(Finding{Line: line, What: "redeliveryPolicy backOffMultiplier", Warning: true,
				Reason: `without useExponentialBackOff="true" the delay does not grow`})
			delete(r.Said, "backOffMultiplier")
		}
	}
	m := &l.target.cfg.Messaging
	if isDefault {
		m.DefaultRedelivery = &r
		return
	}
	for _, d := range l.matching(e) {
		s := r
		s.Kind, s.Pattern = d.Kind, d.Name
		m.Redeliveries = append(m.Redeliveries, s)
	}
	if len(m.Redeliveries) > maxPolicies {
		l.finding(e, Refused, fmt.Sprintf("more than %d policies", maxPolicies))
	}
}

// matching gives what an entry of a map is for: patterns of queues and topics,
// or the temporary ones. An entry that names nothing is for all queues and
// topics.
func (l *loader) matching(e *element) []Destination {
	var out []Destination
	for _, a := range e.attrs {
		text, err := l.props.expand(a.value)
		switch Kind(a.name) {
		case Queue, Topic:
			for _, p := range parseList(text) {
				if err == nil {
					err = checkPattern(p)
				}
				out = append(out, Destination{Kind: Kind(a.name), Name: p, Line: a.line})
			}
		case TempQueue, TempTopic:
			var on bool
			if err == nil {
				on, err = parseBool(text)
			}
			if on {
				out = append(out, Destination{Kind: Kind(a.name), Name: ">", Line: a.line})
			}
		default:
			continue
		}
		if err != nil {
			l.finding(e, Refused, err.Error())
			return nil
		}
	}
	if out == nil && e.attr("tempQueue") == "" && e.attr("tempTopic") == "" {
		out = []Destination{{Kind: Queue, Name: ">", Line: e.line}, {Kind: Topic, Name: ">", Line: e.line}}
	}
	return out
}

// policies looks for entries that hold for nothing, or not for what they seem
// to.
func (l *loader) policies() {
	m := &l.target.cfg.Messaging
	var ps, rs []Destination
	for _, p := range m.Policies {
		ps = append(ps, Destination{Kind: p.Kind, Name: p.Pattern, Line: p.Line})
	}
	for _, r := range m.Redeliveries {
		rs = append(rs, Destination{Kind: r.Kind, Name: r.Pattern, Line: r.Line})
	}
	l.entries("policyEntry", ps)
	l.entries("redeliveryPolicy", rs)
	if d := m.DefaultPolicy; d != nil && has(ps, Queue, ">") && has(ps, Topic, ">") {
		l.report.add(Finding{Line: d.Line, What: "<defaultEntry>", Warning: true,
			Reason: `there are entries with queue=">" and topic=">": this one holds for temporary destinations only`})
	}
}

// entries judges the patterns of one map.
func (l *loader) entries(element string, ds []Destination) {
	later := map[Destination]int{} // lines, by kind and pattern
	for i := len(ds) - 1; i >= 0; i-- {
		d := ds[i]
		f := Finding{Line: d.Line, What: fmt.Sprintf("<%s %s=%q>", element, d.Kind, clip(d.Name)), Warning: true}
		d.Line = 0
		line, shadowed := later[d]
		reason, matches := misread(d.Name)
		switch {
		case shadowed:
			f.Verdict, f.Reason = Ignored, fmt.Sprintf("the entry on line %d is for the same pattern and comes later: that one holds, alone", line)
		case !matches:
			f.Verdict, f.Reason = Ignored, reason
		case reason != "":
			f.Reason = reason
		default:
			later[d] = f.Line
			continue
		}
		l.report.add(f)
	}
}

func has(ds []Destination, k Kind, pattern string) bool {
	for _, d := range ds {
		if d.Kind == k && d.Name == pattern {
			return true
		}
	}
	return false
}
