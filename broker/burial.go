package broker

import (
	"errors"
	"slices"

	"github.com/quorate/quorate/broker/queue"
	"github.com/quorate/quorate/message"
	"github.com/quorate/quorate/store"
)

// Dead letters come in bursts: a backlog expires, a consumer with a large
// prefetch fails. They are logged in batches of their own, a bounded number of
// them in flight, and a mailbox with many does not read on until they are gone.
const (
	burialBatch  = 500       // dead letters of one batch
	burialBytes  = 200 << 10 // bytes of one batch, about: one entry of the log
	burialFlight = 4         // batches of a shard in flight
	maxDying     = 2000      // dead messages of a mailbox above which it does not read on
)

// A grave is where a dead letter goes: a queue, or a topic's durable
// subscriptions and its live ones.
type grave struct {
	boxes []*mailbox
	topic *topic
}

// A burial is one dead message on its way out of its mailbox.
type burial struct {
	box    *mailbox
	entry  *queue.Entry
	letter *message.Message // nil: it is dropped
	header []byte           // of the letter
	to     grave

	revived bool   // it is not a dead letter any more: see Retry
	then    func() // what follows, on the shard; may be nil

	at   int  // its operation in the batch
	move bool // … is a Move
}

// burials are the dead messages of a shard. Only the shard touches them.
type burials struct {
	waiting []burial
	refused []burial // by the log: they are tried again
	flying  int
	finding map[message.Destination]*digging // queues that are being made
	failed  int                              // of those, to be tried again
}

// A digging is a dead letter queue that is being made.
type digging struct {
	waiting []func(grave)
	failed  bool // it is tried again
	told    bool // the log has that it failed
}

// add takes a dead message. What has nothing to log has its effect at once.
func (g *burials) add(s *shard, b burial) {
	if b.letter != nil && b.to.topic != nil {
		b.to.boxes = slices.DeleteFunc(slices.Clone(b.to.boxes), func(box *mailbox) bool { return !box.wanted(b.letter, nil) })
	}
	if b.logs() {
		if b.letter != nil {
			b.header = b.letter.AppendHeader(nil)
		}
		if len(b.header) > store.MaxHeader {
			b.letter = brief(b.letter)
			b.header = b.letter.AppendHeader(b.header[:0])
		}
		if len(b.header) > store.MaxHeader {
			s.strand(&b)
			return
		}
		g.waiting = append(g.waiting, b)
		return
	}
	b.publish()
	s.over(&b)
}

// strand lets go of a message that cannot be moved: one that is stored stays out
// of the way until the next reign, and its mailbox reads on.
func (s *shard) strand(b *burial) {
	s.r.cfg.Logger.Error("cannot move a dead letter: with what is noted in it its header is too long",
		"destination", b.box.dest.String(), "id", b.letter.ID, "bytes", len(b.header), "limit", store.MaxHeader, "lost", b.entry.Volatile)
	if b.entry.Volatile {
		s.over(b)
		return
	}
	b.entry.Value = nil
	s.rested(b.box)
	if b.then != nil {
		b.then()
	}
}

func (b *burial) logs() bool { return !b.entry.Volatile || len(b.stored()) > 0 }

// stored gives the mailboxes in the store that the letter goes to.
func (b *burial) stored() []*mailbox {
	if len(b.to.boxes) > 0 && b.to.boxes[0].id == 0 {
		return nil // a temporary queue
	}
	return b.to.boxes
}

// log adds the burial to a batch.
func (b *burial) log(batch *store.Batch) {
	boxes := b.stored()
	b.at = batch.Len()
	b.move = !b.entry.Volatile && len(boxes) == 1
	if b.move {
		batch.Move(b.box.id, b.box.pos(b.entry), boxes[0].id, store.Lane(boxes[0].lane(b.letter)), b.header)
		return
	}
	if len(boxes) > 0 {
		targets := make([]store.Target, len(boxes))
		for i, box := range boxes {
			targets[i] = store.Target{Queue: box.id, Lane: store.Lane(box.lane(b.letter))}
		}
		batch.Enqueue(store.Enqueue{Targets: targets, Header: b.header, Body: b.letter.Body})
	}
	if !b.entry.Volatile {
		batch.Remove(b.box.id, b.box.pos(b.entry))
	}
}

// propose logs what waits, as far as the bound allows.
func (g *burials) propose(s *shard) {
	for len(g.waiting) > 0 && g.flying < burialFlight {
		var batch store.Batch
		n := 0
		for n < len(g.waiting) && n < burialBatch && batch.Size() < burialBytes {
			g.waiting[n].log(&batch)
			n++
		}
		list := slices.Clone(g.waiting[:n])
		clear(g.waiting[:n])
		if g.waiting = g.waiting[n:]; len(g.waiting) == 0 {
			g.waiting = nil
		}
		g.flying++
		s.r.cfg.Store.Propose(&batch, func(res store.Result, err error) { g.logged(s, list, res, err) })
	}
}

// waits reports whether something is to be tried again.
func (g *burials) waits() bool { return len(g.refused) > 0 || g.failed > 0 }

// retry proposes again what the log has refused.
func (g *burials) retry(s *shard) {
	g.waiting = append(g.refused, g.waiting...)
	g.refused = nil
	g.propose(s)
	s.digAgain()
}

// logged follows a batch in the log's order.
func (g *burials) logged(s *shard, list []burial, res store.Result, err error) {
	if err != nil {
		if s.r.ctx.Err() == nil {
			s.r.cfg.Logger.Error("cannot log dead letters", "destination", list[0].box.dest.String(), "messages", len(list), "err", err)
		}
		s.inbox.post(event{kind: evFunc, call: func() {
			g.flying--
			if errors.Is(err, store.ErrRefused) {
				g.refused = append(g.refused, list...)
			} // else they stay where they are, out of the way until the next reign
		}})
		return
	}
	var again []burial
	done := list[:0]
	for _, b := range list {
		if out := &res.Ops[b.at]; b.letter != nil && out.Code == store.NoQueue {
			again = append(again, b) // the dead letter queue, or the mailbox, was deleted meanwhile
			continue
		} else if b.letter != nil && out.Code == store.Done {
			b.arrive(out)
		}
		done = append(done, b)
	}
	s.inbox.post(event{kind: evFunc, call: func() {
		for i := range done {
			s.over(&done[i])
		}
		for _, b := range again {
			s.exhume(b)
		}
		g.flying--
		g.propose(s)
	}})
}

// arrive tells who gets the letter.
func (b *burial) arrive(out *store.Outcome) {
	b.count()
	for i, box := range b.stored() {
		if i < len(out.Seqs) && out.Seqs[i] != 0 {
			box.stats.enqueued.Add(1)
			box.shard.inbox.post(event{kind: evArrive, box: box, msg: b.letter, seq: uint64(out.Seqs[i])})
		}
	}
	if b.to.topic != nil {
		b.live()
	}
}

// publish hands over a letter that is not logged.
func (b *burial) publish() {
	if b.letter == nil {
		return
	}
	b.count()
	for _, box := range b.to.boxes {
		box.stats.enqueued.Add(1)
		box.shard.inbox.post(event{kind: evVolatile, box: box, msg: b.letter})
	}
	if b.to.topic != nil {
		b.live()
	}
}

// count counts a message that has left its mailbox with a letter.
func (b *burial) count() {
	if b.revived {
		b.box.stats.dequeued.Add(1)
	} else {
		b.box.stats.dead.Add(1)
	}
}

// live hands the letter to the live subscriptions of its topic.
func (b *burial) live() {
	b.to.topic.publish(b.letter, nil, 0)
}

// exhume buries again what could not be moved because one of the two queues is
// gone, if it is not its own.
func (s *shard) exhume(b burial) {
	if _, ok := s.r.cfg.Store.Queue(b.box.id); b.box.id != 0 && !ok || b.box.deleted.Load() {
		s.over(&b)
		return
	}
	s.findGrave(b.letter.Destination, func(g grave) {
		b.to = g
		s.graves.add(s, b)
	})
}

// over ends a burial.
func (s *shard) over(b *burial) {
	s.buried(b.box, b.entry)
	if b.then != nil {
		b.then()
	}
}

// buried ends a dead message.
func (s *shard) buried(box *mailbox, e *queue.Entry) {
	if box.machine != nil {
		s.settle(box, e)
		s.mark(box)
	}
	s.rested(box)
}

// rested notes that a mailbox has one dead message less to get rid of, and lets
// it read on when few are left.
func (s *shard) rested(box *mailbox) {
	box.dying--
	if box.dying < maxDying/2 && len(box.deferred) > 0 {
		for _, q := range box.deferred {
			s.loader.inbox.post(q)
		}
		box.deferred = nil
	}
}

// load has a page read, later if the mailbox has too many dead messages.
func (s *shard) load(q request) {
	if q.box.dying >= maxDying {
		q.box.deferred = append(q.box.deferred, q)
		return
	}
	s.loader.inbox.post(q)
}

// findGrave calls fn on the shard with where dead letters for d go, at once if
// it is there, else when it has been made.
func (s *shard) findGrave(d message.Destination, fn func(grave)) {
	if dig := s.graves.finding[d]; dig != nil {
		dig.waiting = append(dig.waiting, fn) // nobody overtakes
		return
	}
	if g, ok := s.r.grave(d); ok {
		fn(g)
		return
	}
	if s.graves.finding == nil {
		s.graves.finding = map[message.Destination]*digging{}
	}
	dig := &digging{waiting: []func(grave){fn}}
	s.graves.finding[d] = dig
	s.dig(d, dig)
}

// dig makes a dead letter queue.
func (s *shard) dig(d message.Destination, dig *digging) {
	r := s.r
	dig.failed = false
	r.wg.Go(func() {
		q, err := r.queue(r.ctx, graveOp, d)
		s.inbox.post(event{kind: evFunc, call: func() {
			if err != nil {
				if !dig.told && r.ctx.Err() == nil {
					r.cfg.Logger.Error("cannot create the dead letter queue, it is tried again", "queue", d.Name, "err", err)
				}
				dig.failed, dig.told = true, true
				s.graves.failed++
				return
			}
			delete(s.graves.finding, d)
			for _, fn := range dig.waiting {
				fn(grave{boxes: []*mailbox{q}})
			}
			s.graves.propose(s)
		}})
	})
}

// digAgain tries again what could not be made.
func (s *shard) digAgain() {
	if s.graves.failed == 0 {
		return
	}
	s.graves.failed = 0
	for d, dig := range s.graves.finding {
		if dig.failed {
			s.dig(d, dig)
		}
	}
}

// grave gives where dead letters for d go; false: it has to be made.
func (r *reign) grave(d message.Destination) (grave, bool) {
	if d.Kind.IsTopic() {
		t, err := r.topic(graveOp, d)
		if err != nil {
			return grave{}, false
		}
		return grave{boxes: r.directory.durablesOf(d.Name), topic: t}, true
	}
	r.directory.mu.RLock()
	defer r.directory.mu.RUnlock()
	if q := r.directory.queues[d.Name]; q != nil {
		return grave{boxes: []*mailbox{q}}, true
	}
	return grave{}, false
}
