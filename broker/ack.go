package broker

import (
	"sort"

	"github.com/quorate/quorate/broker/queue"
	"github.com/quorate/quorate/store"
)

// acking is the part of an op, or of a transaction, that are acknowledgements
// of one subscription: those of one link, and what follows them.
type acking struct {
	link    *link // nil for a browser
	entries []*queue.Entry
	one     [1]*queue.Entry
	more    []acking // of other links
}

// Ack acknowledges d, with cumulative also every earlier delivery of the
// subscription that is outstanding. The consumer may get the next message at
// once; done, which may be nil, is called in the order of the connection's
// requests, when the majority knows that persistent messages are consumed.
// With tx the acknowledgement is part of the transaction, and done says only
// that the transaction has it. The error is ErrClosed if d is not outstanding.
func (s *Subscription) Ack(d *Delivery, cumulative bool, tx *Tx, done func(error)) {
	o := &op{name: "ack", done: done}
	if !s.take(&o.ack, d, cumulative, evAck) {
		s.conn.submit(s.missing(o))
		return
	}
	if tx != nil {
		tx.ack(o)
		return
	}
	if s.browser != nil {
		s.conn.submit(o)
		return
	}
	o.applied, o.undo = acked, unacked
	var b store.Batch
	if o.ack.remove(&b) == 0 {
		o.local = func() { o.ack.settle() }
		s.conn.submit(o)
		return
	}
	s.conn.propose(o, &b)
}

// missing makes o complete with the error for what is not outstanding.
func (s *Subscription) missing(o *op) *op {
	o.err = errorf(KindNotFound, o.name, "the message is not outstanding on this subscription")
	return o
}

// remove adds the removal of what is in the store to a batch, and says how
// much that is.
func (a *acking) remove(b *store.Batch) int {
	n := 0
	for _, e := range a.entries {
		if !e.Volatile {
			b.Remove(a.link.box.id, a.link.box.pos(e))
			n++
		}
	}
	for i := range a.more {
		n += a.more[i].remove(b)
	}
	return n
}

func acked(o *op, _ store.Result) error {
	o.ack.settle()
	return nil
}

// unacked gives back what was acknowledged in vain.
func unacked(o *op) { o.ack.giveBack() }

// settle tells the shards that the messages have left their queues for good.
func (a *acking) settle() {
	n := uint64(len(a.entries))
	l := a.link
	l.box.stats.dequeued.Add(n)
	l.sub.conn.stats.dequeued.Add(n)
	if t := l.topic.Load(); t != nil {
		t.stats.dequeued.Add(n)
	}
	l.box.shard.inbox.post(event{kind: evSettle, box: l.box, entries: a.entries})
	for i := range a.more {
		a.more[i].settle()
	}
}

// giveBack returns acknowledged messages to their queues, as after a failed
// delivery.
func (a *acking) giveBack() { a.tell(evReturn) }

// tell posts an event for the messages of each link. Where the broker redelivers,
// a rejected message is one that failed: ActiveMQ's redelivery plug-in catches
// what would go to the dead letters in the same way.
func (a *acking) tell(kind eventKind) {
	if kind == evReject && a.link.box.policy.RedeliveryDelay > 0 {
		kind = evReturn
	}
	a.link.box.shard.inbox.post(event{kind: kind, box: a.link.box, consumer: a.link.consumer, entries: a.entries})
	for i := range a.more {
		a.more[i].tell(kind)
	}
}

// add notes one message.
func (a *acking) add(l *link, e *queue.Entry) {
	if a.link == nil {
		a.link, a.entries = l, a.one[:0]
	}
	if a.link == l {
		a.entries = append(a.entries, e)
		return
	}
	for i := range a.more {
		if m := &a.more[i]; m.link == l {
			m.entries = append(m.entries, e)
			return
		}
	}
	a.more = append(a.more, acking{link: l, entries: []*queue.Entry{e}})
}

// Nack gives d back, with cumulative also every earlier delivery that is
// outstanding: redelivered, with its count raised, and a dead letter when that
// was once too often. With tx it happens at once all the same: a transaction
// has nothing to add to it.
func (s *Subscription) Nack(d *Delivery, cumulative bool, _ *Tx, done func(error)) {
	s.giveBack("nack", d, cumulative, evReturn, done)
}

// Reject makes d a dead letter at once, or has it redelivered if the policy of
// its destination gives a delay for that.
func (s *Subscription) Reject(d *Delivery, done func(error)) {
	s.giveBack("reject", d, false, evReject, done)
}

func (s *Subscription) giveBack(name string, d *Delivery, cumulative bool, kind eventKind, done func(error)) {
	o := &op{name: name, done: done}
	if !s.take(&o.ack, d, cumulative, kind) {
		s.missing(o)
	}
	s.conn.submit(o)
}

// take collects what an acknowledgement of d covers, and tells the shard in
// the same breath, so that it knows before it hears of the subscription's end.
// It reports false if d is not outstanding.
func (s *Subscription) take(a *acking, d *Delivery, cumulative bool, kind eventKind) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d == nil || d.Sub != s || d.taken || s.closed {
		return false
	}
	list := s.pending[s.head:]
	i := sort.Search(len(list), func(i int) bool { return list[i].ID >= d.ID })
	if i == len(list) || list[i] != d {
		return false
	}
	from, n := i, 0
	if cumulative {
		from = 0
	}
	for _, o := range list[from : i+1] {
		if !o.taken {
			o.taken = true
			s.taken++
			n++
			if o.link != nil {
				a.add(o.link, o.entry)
			}
		}
	}
	s.acks += uint64(n)
	s.trim()
	if s.browser != nil {
		box := s.box
		box.shard.inbox.post(event{kind: evFunc, box: box, call: func() { s.browser.grant(n) }})
		return true
	}
	a.tell(kind)
	return true
}

// trim drops what was taken from the list of outstanding deliveries.
func (s *Subscription) trim() {
	for s.head < len(s.pending) && s.pending[s.head].taken {
		s.pending[s.head] = nil
		s.head++
		s.taken--
	}
	live := len(s.pending) - s.head
	switch {
	case live == 0:
		s.pending, s.head = s.pending[:0], 0
	case s.head > 64 && s.head > live:
		n := copy(s.pending, s.pending[s.head:])
		clear(s.pending[n:])
		s.pending, s.head = s.pending[:n], 0
	case s.taken > 64 && s.taken > live/2:
		n := 0
		for _, d := range s.pending[s.head:] {
			if !d.taken {
				s.pending[n] = d
				n++
			}
		}
		clear(s.pending[n:])
		s.pending, s.head, s.taken = s.pending[:n], 0, 0
	}
}

// Outstanding gives the number of deliveries that are not acknowledged.
func (s *Subscription) Outstanding() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pending) - s.head - s.taken
}
