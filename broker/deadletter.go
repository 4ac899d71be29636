package broker

import (
	"fmt"

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

// bury moves a dead message to its dead letter queue or drops it. The machine
// holds it until then.
func (s *shard) bury(box *mailbox, e *queue.Entry, cause queue.Cause) {
	if cause == queue.Expired {
		box.stats.expired.Add(1)
	}
	if e.Value == nil {
		s.loader.inbox.post(request{box: box, source: queue.Stored, after: before(e.Place), n: 1, bytes: 1, then: func(p *page) {
			if len(p.entries) == 0 || p.entries[0].Place != e.Place {
				if p.err == nil {
					s.settle(box, e) // gone from the store
				}
				return
			}
			s.buryMessage(box, e, p.entries[0].Value.(*message.Message), cause)
		}})
		return
	}
	s.buryMessage(box, e, e.Value.(*message.Message), cause)
}

// before gives a place behind which p's message is the first in the store.
func before(p queue.Place) queue.Place {
	p.Seq--
	return p
}

func (s *shard) buryMessage(box *mailbox, e *queue.Entry, m *message.Message, cause queue.Cause) {
	kind := MessageDead
	if cause == queue.Expired {
		kind = MessageExpired
	}
	s.r.cfg.Observe(Event{Kind: kind, Destination: box.dest, Message: m})
	p := box.policy
	wanted := p.DeadLetter.ProcessExpired || cause != queue.Expired
	if e.Volatile {
		wanted = wanted && p.DeadLetter.ProcessNonPersistent
	}
	own := box.durable == nil && box.dest == message.Destination{Kind: message.Queue, Name: p.DeadLetter.Queue}
	if !wanted || own || box.topic() {
		s.discard(box, e)
		return
	}
	s.withQueue(p.DeadLetter.Queue, func(dlq *mailbox) {
		s.moveDead(box, e, deadLetter(m, dlq.dest, causeText(m, e, box, cause)), dlq)
	})
}

// topic reports whether the mailbox is a live subscription to a topic: what it
// does not consume is nobody's loss.
func (b *mailbox) topic() bool { return b.dest.Kind.IsTopic() && b.durable == nil }

func causeText(m *message.Message, e *queue.Entry, box *mailbox, cause queue.Cause) string {
	switch cause {
	case queue.Expired:
		return fmt.Sprintf("Message Expired. Expiration:%d", m.Expiration)
	case queue.Exhausted:
		return fmt.Sprintf("Delivery[%d] exceeds redelivery policy limit: %d", e.Count, box.policy.MaxRedeliveries)
	}
	return "Rejected by the consumer"
}

// deadLetter gives m as it stands in the dead letter queue.
func deadLetter(m *message.Message, dlq message.Destination, cause string) *message.Message {
	c := m.With(propCause, cause)
	if m.Expiration != 0 {
		c = c.With(propExpiration, m.Expiration)
		c.Expiration = 0
	}
	if c.Original.IsZero() {
		c.Original = m.Destination
	}
	if !m.Persistent {
		c = c.With(propMode, "NON_PERSISTENT")
	}
	c.Destination = dlq
	return c
}

// moveDead moves e, whose letter is m, to dlq.
func (s *shard) moveDead(box *mailbox, e *queue.Entry, m *message.Message, dlq *mailbox) {
	box.stats.dead.Add(1)
	dlq.stats.enqueued.Add(1)
	if e.Volatile {
		dlq.shard.inbox.post(event{kind: evVolatile, box: dlq, msg: m})
		s.settle(box, e)
		s.mark(box)
		return
	}
	var b store.Batch
	b.Move(box.id, box.pos(e), dlq.id, store.Lane(dlq.lane(m)), m.AppendHeader(nil))
	s.r.cfg.Store.Propose(&b, func(res store.Result, err error) {
		if err != nil { // it stays where it is, out of the way until the next reign
			s.r.cfg.Logger.Error("cannot move a dead letter", "destination", box.dest.String(), "id", m.ID, "err", err)
			return
		}
		if out := &res.Ops[0]; out.Code == store.Done {
			// The body is the store's: the machine loads it when it is wanted.
			dlq.shard.inbox.post(event{kind: evArrive, box: dlq, msg: m, seq: uint64(out.Seqs[0])})
		}
		s.inbox.post(event{kind: evSettle, box: box, entries: []*queue.Entry{e}})
	})
}

// discard drops a message that nobody wants any more.
func (s *shard) discard(box *mailbox, e *queue.Entry) {
	if e.Volatile {
		s.settle(box, e)
		s.mark(box)
		return
	}
	var b store.Batch
	b.Remove(box.id, box.pos(e))
	s.r.cfg.Store.Propose(&b, func(_ store.Result, err error) {
		if err == nil {
			s.inbox.post(event{kind: evSettle, box: box, entries: []*queue.Entry{e}})
		}
	})
}

// withQueue calls fn on the shard with the queue of that name, at once if there
// is one, else when it has been created.
func (s *shard) withQueue(name string, fn func(*mailbox)) {
	r := s.r
	r.directory.mu.RLock()
	q := r.directory.queues[name]
	r.directory.mu.RUnlock()
	if q != nil {
		fn(q)
		return
	}
	r.wg.Go(func() {
		q, err := r.queue(r.ctx, "create dead letter queue", message.Destination{Kind: message.Queue, Name: name})
		if err != nil {
			if r.ctx.Err() == nil {
				r.cfg.Logger.Error("cannot create the dead letter queue", "queue", name, "err", err)
			}
			return
		}
		s.inbox.post(event{kind: evFunc, call: func() { fn(q) }})
	})
}
