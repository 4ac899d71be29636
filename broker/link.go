package broker

import (
	"slices"
	"sync/atomic"

	"github.com/quorate/quorate/broker/queue"
)

// A link joins a subscription to one mailbox that it takes messages from. Most
// subscriptions have one; one to a pattern or to several destinations has more,
// which share its credit.
type link struct {
	sub      *Subscription
	box      *mailbox
	consumer *queue.Consumer
	topic    atomic.Pointer[topic] // of a live subscription to just one
}

// link makes a link to a mailbox.
func (s *Subscription) link(box *mailbox) *link {
	l := &link{sub: s, box: box}
	l.consumer = &queue.Consumer{Value: l, Room: s.conn.room, Exclusive: s.spec.Exclusive || box.policy.AllExclusive}
	if box.policy.UseConsumerPriority {
		l.consumer.Priority = s.spec.Priority
	}
	if s.selector != nil && box.durable == nil && !box.topic() {
		l.consumer.Selector = s.selector.String()
		l.consumer.Match = func(e *queue.Entry) bool { return selectsEntry(s.selector, e) }
	}
	if s.pool != nil {
		l.consumer.Pool = s.pool
	} else {
		l.consumer.Credit = s.spec.Prefetch
	}
	return l
}

// attach lets a link take from its mailbox. It reports false if the
// subscription has ended or has this mailbox already.
func (s *Subscription) attach(l *link) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	if _, there := s.boxes[l.box]; there {
		return false
	}
	if s.boxes == nil {
		s.boxes = map[*mailbox]struct{}{}
	}
	s.boxes[l.box] = struct{}{}
	s.links = append(s.links, l) // readers have the list as it was
	l.box.consumerCame(l)
	l.box.shard.inbox.post(event{kind: evFunc, box: l.box, call: func() { l.box.open().Add(l.consumer) }})
	return true
}

// unlink takes back an attach, unless that was done already.
func (s *Subscription) unlink(l *link) {
	s.mu.Lock()
	i := slices.Index(s.links, l)
	if i >= 0 {
		s.links = slices.Delete(slices.Clone(s.links), i, i+1)
		delete(s.boxes, l.box)
	}
	s.mu.Unlock()
	if i >= 0 {
		l.detach(false)
	}
}

// orphaned follows the deletion of the queue that a link takes from. Only
// subscriptions with wildcards, and those that came at the moment of the
// deletion, have links to a queue that is deleted: the former let go of it, the
// latter take from the queue that is made anew. Called by the shard.
func (l *link) orphaned() {
	s, r := l.sub, l.sub.conn.r
	s.unlink(l)
	r.directory.mu.RLock()
	watches := s.watching(l.box.dest)
	r.directory.mu.RUnlock()
	if watches {
		return
	}
	r.wg.Go(func() {
		if err := s.takeFrom(l.box.dest); err != nil && s.conn.ctx.Err() == nil {
			r.cfg.Logger.Error("a consumer gets nothing: its queue was deleted and cannot be made again", "queue", l.box.name, "client", s.conn.name(), "err", err)
		}
	})
}

// detach takes a link away for good; failed counts what it holds as failed.
func (l *link) detach(failed bool) {
	box := l.box
	if box.topic() {
		box.shard.inbox.post(event{kind: evFunc, call: func() { box.shard.forget(box) }})
		return
	}
	box.life.use(l.sub.conn.r.now())
	box.consumerWent(l)
	box.shard.inbox.post(event{kind: evFunc, box: box, call: func() {
		if box.machine != nil {
			box.machine.Remove(l.consumer, failed)
		}
	}})
	// The next one attaches behind this event, so it may be let in at once.
	box.active.Store(false)
}

// maxUnwritten is how many bytes of deliveries may wait for a connection to be
// written: a client that does not read costs no more memory, whatever its prefetch.
const maxUnwritten = 1 << 20

// reopened lets everything that the connection's subscriptions take from look
// again: there is room for more.
func (c *Conn) reopened() {
	c.opened.Add(1)
	for _, s := range c.subscriptions() {
		s.reopened()
	}
}

func (s *Subscription) reopened() {
	if s.pool != nil {
		s.pool.Reopened()
		return
	}
	s.mu.Lock()
	links := s.links
	s.mu.Unlock()
	for _, l := range links {
		l.box.shard.inbox.post(event{kind: evFunc, box: l.box, call: func() {
			if l.box.machine != nil {
				l.box.machine.Wake(l.consumer)
			}
		}})
	}
	if s.browser != nil {
		s.box.shard.inbox.post(event{kind: evFunc, box: s.box, call: func() {}}) // the dispatch that follows advances it
	}
}

// lent lets a mailbox look again: its consumer has got a credit that it waited for.
func lent(c *queue.Consumer) {
	box := c.Value.(*link).box
	box.shard.inbox.post(event{kind: evFunc, box: box, call: func() {}}) // the dispatch that follows takes it
}
