package broker

import (
	"slices"
	"strings"
	"sync/atomic"

	"github.com/quorate/quorate/message"
)

// maxAdvisories bounds the events that wait to become advisories. More of them
// are lost, and the log says how many.
const maxAdvisories = 10000

// An advisor publishes what happens as ActiveMQ's advisory messages. Events are
// told on any goroutine, with any lock held; its own one publishes them. While
// nobody subscribes to an advisory topic an event costs it a look at a number.
type advisor struct {
	r        *reign
	off      bool
	watchers atomic.Int64 // live subscriptions that may take advisories
	waiting  atomic.Int64
	lost     atomic.Int64
	inbox    inbox[Event]
	id       string // of its messages, without their number
	sequence uint64
}

func (a *advisor) init(r *reign) {
	a.r, a.off = r, r.cfg.NoAdvisories
	a.id = r.name("ID:") + ":-1:1:"
	a.inbox.init()
}

// tell takes an event. It does not block.
func (a *advisor) tell(e Event) {
	if a.watchers.Load() == 0 || isAdvisory(e.Destination) && e.Kind != ConsumerAdded {
		return
	}
	if a.waiting.Add(1) > maxAdvisories {
		a.waiting.Add(-1)
		a.lost.Add(1)
		return
	}
	a.inbox.post(e)
}

func (a *advisor) run() {
	var events []Event
	for {
		select {
		case <-a.r.ctx.Done():
			return
		case <-a.inbox.wake:
		}
		events = a.inbox.take(events)
		for i := range events {
			a.handle(&events[i])
			a.waiting.Add(-1)
		}
		clear(events)
		if n := a.lost.Swap(0); n > 0 {
			a.r.cfg.Logger.Warn("advisories were lost: more happened than could be published", "messages", n, "limit", maxAdvisories)
		}
	}
}

func (a *advisor) handle(e *Event) {
	if e.Kind == ConsumerAdded && e.Consumer.takesAdvisories() {
		a.replay(e.Consumer)
	}
	if isAdvisory(e.Destination) {
		return
	}
	to := advisoryTopic(e)
	t, watchers := a.audience(to)
	switch {
	case t != nil && t.audience.Load() != nil:
		t.publish(a.message(e, to), nil, 0)
	case len(watchers) > 0:
		m := a.message(e, to)
		for _, l := range watchers {
			l.box.shard.inbox.post(event{kind: evPublish, links: []*link{l}, msg: m})
		}
	}
}

// audience gives an advisory topic, which is there if somebody has named it, or
// else the subscriptions with wildcards that match it: the topic is not made for
// them, there would be one more for each destination that ever was.
func (a *advisor) audience(to message.Destination) (*topic, []*link) {
	dir := &a.r.directory
	dir.mu.RLock()
	defer dir.mu.RUnlock()
	if t := dir.topics[to.Name]; t != nil {
		return t, nil
	}
	var watchers []*link
	for s := range dir.watchers {
		if s.watching(to) {
			watchers = append(watchers, s.live)
		}
	}
	return nil, watchers
}

// replay tells a new subscriber to advisories what is there already, as
// ActiveMQ does: its clients learn so which temporary destinations there are.
func (a *advisor) replay(s *Subscription) {
	dir := &a.r.directory
	dir.mu.RLock()
	box, patterns := s.box, append([]message.Destination(nil), s.pattern...)
	for _, t := range s.topics {
		patterns = append(patterns, t.dest)
	}
	dir.mu.RUnlock()
	if box == nil || !box.topic() {
		return
	}
	give := func(e Event) {
		to := advisoryTopic(&e)
		for _, p := range patterns {
			if Match(p.Name, to.Name) {
				box.shard.inbox.post(event{kind: evPublish, links: s.takesFrom(), msg: a.message(&e, to)})
				return
			}
		}
	}
	for _, c := range a.r.connections() {
		give(Event{Kind: ConnectionStarted, Conn: c})
		for _, o := range c.subscriptions() {
			if !isAdvisory(o.spec.Destination) {
				give(Event{Kind: ConsumerAdded, Destination: o.spec.Destination, Conn: c, Consumer: o, Count: o.consumersThere()})
			}
		}
		for id, p := range c.producers() {
			if !p.to.IsZero() {
				give(Event{Kind: ProducerAdded, Destination: p.to, Conn: c, Producer: id, Count: p.add(0)})
			}
		}
	}
	for _, b := range dir.boxes() {
		if b.durable == nil {
			give(Event{Kind: DestinationAdded, Destination: b.dest, Conn: b.owner})
		}
	}
	for _, t := range dir.allTopics() {
		if !isAdvisory(t.dest) {
			give(Event{Kind: DestinationAdded, Destination: t.dest, Conn: t.owner})
		}
	}
}

// watches notes a live subscription that may take advisories, or its end.
func (a *advisor) watches(s *Subscription, n int64) {
	if !a.off && s.takesAdvisories() {
		a.watchers.Add(n)
	}
}

// takesAdvisories reports whether a subscription may get advisories.
func (s *Subscription) takesAdvisories() bool {
	if s.browser != nil || s.spec.DurableName != "" {
		return false
	}
	all, err := s.spec.Destination.Split()
	return err == nil && slices.ContainsFunc(all, func(d message.Destination) bool { return d.Kind == message.Topic && mayAdvise(d.Name) })
}

const advisoryPrefix = "ActiveMQ.Advisory."

// isAdvisory reports whether d is an advisory topic, or all of several.
func isAdvisory(d message.Destination) bool {
	return d.Kind == message.Topic && strings.HasPrefix(d.Name, advisoryPrefix)
}

// mayAdvise reports whether advisory topics may match a name.
func mayAdvise(name string) bool {
	for _, e := range []string{"ActiveMQ", "Advisory"} {
		first, rest, more := strings.Cut(name, ".")
		if first == ">" {
			return true
		}
		if first != "*" && first != e || !more {
			return false
		}
		name = rest
	}
	return true
}
