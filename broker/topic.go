package broker

import (
	"slices"
	"sync/atomic"

	"github.com/quorate/quorate/message"
)

// A topic is a name that feeds subscriptions. Nothing of it is in the store.
type topic struct {
	dest     message.Destination
	owner    *Conn // of a temporary topic
	policy   *Policy
	stats    counters
	life     life
	recovery *recovery                // of the last messages, nil if the policy has none
	audience atomic.Pointer[audience] // copied on write under the directory's lock; nil: nobody
}

// An audience is the live subscriptions of a topic, by shard: a message is one
// event for each shard, however many listen there.
type audience struct {
	parts []part
	n     int
}

type part struct {
	shard *shard
	links []*link
}

// join adds a live subscription. The directory's lock is held.
func (t *topic) join(l *link) {
	if v := t.recovery; v != nil && (l.sub.spec.Retroactive || t.policy.AlwaysRetroactive) {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.replay(l)
	}
	next := &audience{n: 1}
	found := false
	if old := t.audience.Load(); old != nil {
		next.n = old.n + 1
		next.parts = append(next.parts, old.parts...)
		for i := range next.parts {
			if p := &next.parts[i]; p.shard == l.box.shard {
				p.links = append(p.links, l) // what is behind the end is nobody's yet
				found = true
			}
		}
	}
	if !found {
		next.parts = append(next.parts, part{l.box.shard, []*link{l}})
	}
	t.audience.Store(next)
	t.stats.consumers.Store(int64(next.n))
}

// leave takes a live subscription away. The directory's lock is held. The parts
// of other shards stay as they are: many may leave at once.
func (t *topic) leave(l *link) {
	old := t.audience.Load()
	if old == nil {
		return
	}
	at := slices.IndexFunc(old.parts, func(p part) bool { return p.shard == l.box.shard })
	if at < 0 {
		return
	}
	links := old.parts[at].links
	i := slices.Index(links, l)
	if i < 0 {
		return
	}
	next := &audience{n: old.n - 1, parts: slices.Clone(old.parts)}
	if len(links) == 1 {
		next.parts = slices.Delete(next.parts, at, at+1)
	} else {
		next.parts[at].links = without(links, i)
	}
	t.stats.consumers.Store(int64(next.n))
	if next.n == 0 {
		next = nil
	}
	t.audience.Store(next)
}

// without gives a copy of links that lacks one of them.
func without(links []*link, i int) []*link {
	rest := make([]*link, 0, len(links)-1)
	rest = append(rest, links[:i]...)
	return append(rest, links[i+1:]...)
}

// publish hands a message to the live subscriptions. bytes of the admission are
// given back by the last shard that has it; it reports whether there is one.
func (t *topic) publish(m *message.Message, from *Conn, bytes int64) bool {
	t.stats.enqueued.Add(1)
	if t.recovery == nil && t.audience.Load() == nil {
		return false
	}
	if m.Destination != t.dest {
		c := *m
		if c.Original.IsZero() {
			c.Original = m.Destination
		}
		c.Destination = t.dest
		m = &c
	}
	if v := t.recovery; v != nil {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.add(m, from)
	}
	a := t.audience.Load()
	if a == nil {
		return false
	}
	for i, p := range a.parts {
		ev := event{kind: evPublish, links: p.links, msg: m, from: from}
		if i == len(a.parts)-1 {
			ev.bytes = bytes
		}
		p.shard.inbox.post(ev)
	}
	return true
}

// topic gives a topic, made on first use.
func (r *reign) topic(op string, d message.Destination) (*topic, error) {
	dir := &r.directory
	dir.mu.RLock()
	t := dir.topics[d.Name]
	if d.Kind == message.TempTopic {
		t, _ = dir.temps[d].(*topic)
	}
	dir.mu.RUnlock()
	if t != nil {
		return t, nil
	}
	if d.Kind == message.TempTopic {
		return nil, errorf(KindInvalidDestination, op, "%s does not exist (any more)", d)
	}
	dir.mu.Lock()
	defer dir.mu.Unlock()
	if dir.topics[d.Name] == nil {
		if err := r.mayAdd(op, d); err != nil {
			return nil, err
		}
	}
	return r.topicLocked(d), nil
}

// topicLocked gives a topic, which all subscriptions with a pattern that matches
// it join when it is made. The directory's lock is held.
func (r *reign) topicLocked(d message.Destination) *topic {
	dir := &r.directory
	t := dir.topics[d.Name]
	if t == nil {
		p := r.policy(d)
		t = &topic{dest: d, policy: p, recovery: newRecovery(r, d, p)}
		t.life.begin(r.now())
		dir.topics[d.Name] = t
		for s := range dir.watchers {
			s.meetTopic(t)
		}
		r.observe(Event{Kind: DestinationAdded, Destination: d})
	}
	return t
}
