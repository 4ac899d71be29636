package config

import "fmt"

// persistence takes up what is inside <persistenceAdapter>.
func (l *loader) persistence(e *element, path string) {
	for i, c := range e.children {
		if i > 0 {
			l.finding(c, Refused, "a second persistence adapter: a broker has one")
			continue
		}
		l.childrenOf(&element{name: e.name, line: e.line, children: e.children[:1]}, path)
	}
}

// adapter takes up one of the persistence adapters that are understood.
func (l *loader) adapter(e *element, path string) {
	l.target.cfg.Store.Adapter = e.name
	l.attributesAndChildren(e, path)
}

// policyEntry takes up the policy of one pattern. One for all destinations is
// kept twice, for queues and for topics.
func (l *loader) policyEntry(e *element, path string) {
	p := defaultPolicy()
	p.Pattern = ""
	l.target.policy = &p
	defer func() { l.target.policy = nil }()
	l.attributesAndChildren(e, path)
	queue, errQueue := l.props.expand(e.attr("queue"))
	topic, errTopic := l.props.expand(e.attr("topic"))
	for _, err := range []error{errQueue, errTopic} {
		if err != nil {
			l.finding(e, Refused, err.Error())
			return
		}
	}
	if queue == "" && topic == "" {
		if e.attr("tempQueue") != "" || e.attr("tempTopic") != "" {
			return
		}
		queue, topic = ">", ">"
	}
	for _, one := range []struct {
		pattern string
		topic   bool
	}{{queue, false}, {topic, true}} {
		for _, pattern := range parseList(one.pattern) {
			q := p
			q.Pattern, q.Topic = pattern, one.topic
			l.target.cfg.Policies = append(l.target.cfg.Policies, q)
		}
	}
	if len(l.target.cfg.Policies) > maxPolicies {
		l.finding(e, Refused, fmt.Sprintf("more than %d policies", maxPolicies))
	}
}

// maxPolicies bounds what each new destination is matched against.
const maxPolicies = 10_000
