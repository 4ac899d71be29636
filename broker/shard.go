package broker

import (
	"time"

	"github.com/quorate/quorate/broker/queue"
	"github.com/quorate/quorate/message"
	"github.com/quorate/quorate/store"
)

const (
	// leaseRetry is how often a shard asks whether it may deliver again.
	leaseRetry = 10 * time.Millisecond
	// loadRetry is how long it waits after a page that could not be read.
	loadRetry = 500 * time.Millisecond
	// roundEvents is how many events a shard handles before it dispatches.
	roundEvents = 512
)

type eventKind uint8

const (
	evArrive   eventKind = iota // a message is in the store
	evVolatile                  // a message that is not stored, for one mailbox
	evPublish                   // a message for live subscriptions to a topic
	evAck                       // entries are acknowledged by consumer
	evSettle                    // entries have left the queue
	evReturn                    // consumer gives entries back, failed
	evReject                    // consumer makes entries dead
	evLoaded                    // a page was read
	evFunc                      // call
)

// An event is something that a shard is told.
type event struct {
	kind     eventKind
	box      *mailbox
	links    []*link // whose subscriptions a message is published to
	from     *Conn   // who published
	msg      *message.Message
	seq      uint64
	bytes    int64 // given back to the admission when handled
	consumer *queue.Consumer
	entries  []*queue.Entry
	page     *page
	call     func()
}

// A shard is the event loop of some of the mailboxes: the only goroutine that
// touches their machines.
type shard struct {
	r      *reign
	inbox  inbox[event]
	loader loader

	boxes   map[*mailbox]struct{} // those with a machine
	dirty   []*mailbox
	effects []queue.Effect
	batch   store.Batch // of the round's counts
	bytes   int         // of all machines
	tight   bool        // bytes is above the shard's part of the memory limit
	paused  bool        // not leased: nothing is dispatched
	failed  []*page     // to be asked for again
	graves  burials
	alarms  alarms
	asleep  []*mailbox // with messages that may expire, to be looked at once
}

func newShard(r *reign) *shard {
	s := &shard{r: r, boxes: map[*mailbox]struct{}{}}
	s.inbox.init()
	s.loader.init(s)
	return s
}

func (s *shard) run() {
	scan := time.NewTicker(expiryPeriod)
	defer scan.Stop()
	retry := time.NewTimer(leaseRetry)
	defer retry.Stop()
	armed := true
	s.alarms.timer = time.NewTimer(expiryPeriod)
	defer s.alarms.timer.Stop()
	s.sleepers()
	var events []event
	for {
		select {
		case <-s.r.ctx.Done():
			return
		case <-s.inbox.wake:
			events = s.inbox.take(events)
			for i := range events {
				s.handle(&events[i])
				if i%roundEvents == roundEvents-1 {
					s.dispatch()
				}
			}
			clear(events)
			if cap(events) > 1<<14 {
				events = nil
			}
		case <-scan.C:
			s.scan()
		case <-retry.C:
			armed = false
			s.again()
		case <-s.alarms.timer.C:
			s.alarms.set = 0
			s.ring()
		}
		s.dispatch()
		s.alarms.arm(s.r.now())
		if !armed && (s.paused || len(s.failed) > 0 || s.graves.waits()) {
			armed = true
			retry.Reset(s.patience())
		}
	}
}

// patience is how long to wait before what was not possible is tried again.
func (s *shard) patience() time.Duration {
	if s.paused {
		return leaseRetry
	}
	return loadRetry
}

func (s *shard) handle(ev *event) {
	switch ev.kind {
	case evArrive:
		if !ev.box.deleted.Load() {
			if ev.box.policy.Advise.Delivery && !ev.box.dest.Kind.IsTopic() {
				s.r.observe(Event{Kind: MessageDelivered, Destination: ev.box.dest, Message: ev.msg})
			}
			m := ev.box.open()
			ev.box.tail = max(ev.box.tail, ev.seq)
			m.Arrive(ev.box.entry(ev.msg, ev.seq))
		}
	case evVolatile:
		if ev.box.policy.Advise.Delivery && !ev.box.dest.Kind.IsTopic() {
			s.r.observe(Event{Kind: MessageDelivered, Destination: ev.box.dest, Message: ev.msg})
		}
		s.volatile(ev.box, ev.msg)
	case evPublish:
		for _, l := range ev.links {
			if (!l.sub.spec.NoLocal || l.sub.conn != ev.from) && selects(l.sub.selector, ev.msg) {
				s.volatile(l.box, ev.msg)
			}
		}
	case evLoaded:
		s.loaded(ev.box, ev.page)
	case evFunc:
		ev.call()
	default:
		s.acknowledge(ev)
	}
	if ev.bytes > 0 {
		s.r.admission.release(ev.bytes)
	}
	if ev.box != nil {
		s.mark(ev.box)
	}
}

func (s *shard) acknowledge(ev *event) {
	m := ev.box.machine
	if m == nil {
		return
	}
	for _, e := range ev.entries {
		switch ev.kind {
		case evAck:
			m.Ack(e, ev.consumer)
		case evSettle:
			if ev.box.policy.Advise.Consumed {
				s.consumed(ev.box, e)
			}
			s.settle(ev.box, e)
		case evReturn:
			m.Return(e, ev.consumer, true)
		case evReject:
			m.Reject(e, ev.consumer)
		}
	}
}

// consumed tells of a message that was acknowledged.
func (s *shard) consumed(box *mailbox, e *queue.Entry) {
	if m, ok := e.Value.(*message.Message); ok && e.State() != queue.Gone {
		s.r.observe(Event{Kind: MessageConsumed, Destination: box.destination(m), Message: m})
	}
}

// settle ends a message.
func (s *shard) settle(box *mailbox, e *queue.Entry) {
	if e.State() == queue.Gone {
		return
	}
	if e.Volatile {
		box.stats.volatile.Add(-1)
	}
	box.machine.Settle(e)
	box.gate.open()
}

func (s *shard) volatile(box *mailbox, m *message.Message) {
	if box.deleted.Load() {
		if box.life.ended() {
			s.r.sendOn(box, m)
		}
		return
	}
	box.stats.volatile.Add(1)
	box.open().ArriveVolatile(box.entry(m, 0))
	s.mark(box)
}

// mark makes the next dispatch look at a mailbox.
func (s *shard) mark(box *mailbox) {
	if !box.dirty {
		box.dirty = true
		s.dirty = append(s.dirty, box)
	}
}

// dispatch lets the machines that something happened to act, if this node may.
func (s *shard) dispatch() {
	if len(s.dirty) == 0 {
		s.paused = false
		return
	}
	leased := s.r.cfg.Leased()
	s.paused = !leased
	now := s.r.now()
	keep := s.dirty[:0]
	for _, box := range s.dirty {
		if box.machine != nil {
			if leased {
				s.act(box, now)
			} else {
				s.perform(box)
				s.account(box)
			}
		}
		if leased {
			box.dirty = false
			for _, b := range box.browsers {
				b.advance()
			}
		} else {
			keep = append(keep, box)
		}
	}
	clear(s.dirty[len(keep):])
	s.dirty = keep
	s.flush()
	s.relieve()
}

// act lets a machine do what there is to do.
func (s *shard) act(box *mailbox, now int64) {
	m := box.machine
	s.expire(box, now)
	if n, bytes := box.excess(); n > 0 || bytes > 0 {
		m.Trim(n, bytes)
	}
	m.Dispatch(now)
	s.perform(box)
	s.account(box)
	if len(box.pulls) > 0 {
		s.pulled(box, now)
	}
	s.alarms.at(box, earliest(m.Due(), box.expiry, box.nextPull()))
}

// earliest gives the first of some times, of which 0 is none.
func earliest(times ...int64) int64 {
	first := int64(0)
	for _, t := range times {
		if t != 0 && (first == 0 || t < first) {
			first = t
		}
	}
	return first
}

// ring looks at the mailboxes whose time has come.
func (s *shard) ring() {
	now := s.r.now()
	for box := s.alarms.due(now); box != nil; box = s.alarms.due(now) {
		s.mark(box)
	}
}

// perform does what a machine asks for.
func (s *shard) perform(box *mailbox) {
	s.effects = box.machine.Take(s.effects)
	for i := range s.effects {
		f := &s.effects[i]
		switch f.Action {
		case queue.Deliver:
			s.deliver(box, f)
		case queue.Load:
			s.load(request{box: box, query: f.Query, key: box.spill})
		case queue.Spill:
			s.spill(box, f.Entry)
		case queue.DeadLetter:
			s.bury(box, f.Entry, f.Cause)
		case queue.Count:
			s.batch.SetCount(box.id, box.pos(f.Entry), f.Entry.Count)
		case queue.Discard:
			s.discarded(box, f)
		}
	}
	clear(s.effects)
}

func (s *shard) deliver(box *mailbox, f *queue.Effect) {
	l := f.Consumer.Value.(*link)
	sub, e := l.sub, f.Entry
	m := e.Value.(*message.Message)
	d := &Delivery{
		Sub: sub, Message: m, Destination: box.destination(m), First: e.FirstInGroup,
		Redelivered: e.Redelivered, Count: e.Count, link: l, entry: e,
	}
	if f.Consumer.Room != nil {
		d.size = int64(e.Size)
	}
	advise := &box.policy.Advise
	if !e.Volatile && !advise.Consumed {
		e.Value = nil // the store has it
	}
	if !sub.push(d) {
		d.Written()
		return // the consumer's removal is on its way, and gives e back
	}
	if advise.Dispatched {
		s.r.observe(Event{Kind: MessageDispatched, Destination: d.Destination, Conn: sub.conn, Consumer: sub, Message: m})
	}
	box.stats.dispatched.Add(1)
	sub.conn.stats.dispatched.Add(1)
	if t := l.topic.Load(); t != nil {
		t.stats.dispatched.Add(1)
	}
}

// discarded follows the loss of a message that a topic's subscription had too
// many of.
func (s *shard) discarded(box *mailbox, f *queue.Effect) {
	box.stats.volatile.Add(-1)
	if box.policy.Advise.Discarding {
		ev := Event{Kind: MessageDiscarded, Destination: box.dest, Message: f.Entry.Value.(*message.Message), Count: f.N}
		if links := box.links.Load(); links != nil && len(*links) > 0 {
			ev.Consumer = (*links)[0].sub
		}
		s.r.observe(ev)
	}
	f.Entry.Value = nil
}

// flush logs the dead letters and the counts that changed.
func (s *shard) flush() {
	s.graves.propose(s)
	if s.batch.Len() == 0 {
		return
	}
	b := s.batch
	s.batch = store.Batch{}
	s.r.cfg.Store.Propose(&b, func(store.Result, error) {})
}
