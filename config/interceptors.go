package config

import (
	"fmt"
	"strings"
)

// interceptors takes up <destinationInterceptors>, which replaces what
// useVirtualTopics and useMirroredQueues would give.
func (l *loader) interceptors(e *element, path string) {
	l.intercepted = e.line
	l.attributesAndChildren(e, path)
}

func (l *loader) virtualTopic(e *element, path string) {
	t := VirtualTopic{Line: e.line}
	l.target.topic = &t
	defer func() { l.target.topic = nil }()
	setDefaults(&l.target, "virtualTopic.")
	l.attributesAndChildren(e, path)
	if t.Prefix == "" && t.Postfix == "" {
		l.report.add(Finding{Line: e.line, What: "virtualTopic prefix", Warning: true,
			Reason: "there is neither prefix nor postfix: the one queue of all consumers is called like the topic"})
	}
	m := &l.target.cfg.Messaging
	m.Virtual.Topics = append(m.Virtual.Topics, t)
}

func (l *loader) composite(e *element, path string) {
	c := Composite{Kind: Queue, Line: e.line}
	if path == pathCompositeTopic {
		c.Kind = Topic
	}
	l.target.composite = &c
	defer func() { l.target.composite = nil }()
	setDefaults(&l.target, "composite.")
	l.attributesAndChildren(e, path)
	switch {
	case c.Name == "":
		if e.attr("name") == "" {
			l.finding(e, Refused, "it has no name")
		}
		return
	case len(c.Forward) == 0 && c.ForwardOnly && !c.Unmatched:
		if !forwards(e) {
			l.finding(e, Refused, "it forwards to nothing and keeps nothing: what is sent to it would be lost")
		}
		return
	}
	if reason := c.unmatchedNever(); reason != "" {
		l.report.add(Finding{Line: e.line, What: e.name + " sendWhenNotMatched", Warning: true, Reason: reason})
	}
	m := &l.target.cfg.Messaging
	m.Virtual.Composites = append(m.Virtual.Composites, c)
}

// unmatchedNever tells why sendWhenNotMatched changes nothing, or "".
func (c *Composite) unmatchedNever() string {
	if !c.Unmatched {
		return ""
	}
	if !c.ForwardOnly {
		return `with forwardOnly="false" everything stays in it, matched or not`
	}
	for _, f := range c.Forward {
		if f.Selector == "" {
			return fmt.Sprintf("%s %s gets everything, so there is nothing that is not matched", f.Kind, f.Name)
		}
	}
	return ""
}

// forwards reports whether a composite names something to forward to, were it
// refused.
func forwards(e *element) bool {
	for _, c := range e.children {
		if len(c.children) > 0 {
			return true
		}
	}
	return false
}

// forward takes up one place that a composite forwards to.
func (l *loader) forward(e *element, path string) {
	f := Forward{}
	l.target.forward = &f
	defer func() { l.target.forward = nil }()
	l.attributesAndChildren(e, path)
	c := l.target.composite
	switch {
	case f.Name == "" && e.attr("physicalName")+e.attr("queue")+e.attr("topic") == "":
		l.finding(e, Refused, "it names no destination")
	case f.Name == "": // and was refused
	default:
		f.Line = e.line
		c.Forward = append(c.Forward, f)
	}
}

func (l *loader) mirror(e *element, path string) {
	m := Mirror{Line: e.line}
	l.target.mirror = &m
	defer func() { l.target.mirror = nil }()
	setDefaults(&l.target, "mirroredQueue.")
	l.attributesAndChildren(e, path)
	l.target.cfg.Messaging.Virtual.Mirror = &m
}

// routing settles what holds where <destinationInterceptors> says nothing.
func (l *loader) routing() {
	m := &l.target.cfg.Messaging
	if l.intercepted == 0 {
		if m.useVirtualTopics {
			m.Virtual.Topics = []VirtualTopic{{Name: "VirtualTopic.>", Prefix: "Consumer.*.", Original: true}}
		}
		if m.useMirroredQueues {
			m.Virtual.Mirror = &Mirror{Prefix: "VirtualTopic.Mirror."}
		}
		return
	}
	for _, key := range []string{"messaging.useVirtualTopics", "messaging.useMirroredQueues"} {
		if l.last(key) != nil {
			l.amend(key, Ignored, "destinationInterceptors says which there are, and it alone")
		}
	}
	for _, t := range m.Virtual.Topics {
		if t.Name == ">" || strings.HasPrefix(t.Name, "VirtualTopic.") {
			return
		}
	}
	if m.useVirtualTopics {
		l.report.add(Finding{Line: l.intercepted, What: "<destinationInterceptors>", Warning: true,
			Reason: `VirtualTopic.> are no virtual topics any more, as in ActiveMQ; add <virtualTopic name="VirtualTopic.>" prefix="Consumer.*."/> if they are used`})
	}
}

// kindAt gives the kind of destination that an attribute or its element is named
// after.
func kindAt(path string) Kind {
	element, attr, _ := strings.Cut(path, "@")
	for _, name := range []string{attr, element[strings.LastIndexByte(element, '/')+1:]} {
		switch k := Kind(name); k {
		case Queue, Topic:
			return k
		}
	}
	return ""
}
