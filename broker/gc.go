package broker

import (
	"fmt"
	"time"

	"github.com/quorate/quorate/message"
	"github.com/quorate/quorate/store"
)

const (
	leastInactive = 2 * time.Second // no inactive destination is deleted sooner
	idlePeriod    = 5 * time.Minute // between two looks for idle durable subscriptions, as ActiveMQ has it
)

// collect looks for inactive destinations and idle durable subscriptions, until
// the reign ends.
func (r *reign) collect() {
	period := r.cfg.GCPeriod
	if period <= 0 {
		if r.cfg.IdleDurables <= 0 {
			return
		}
		period = min(idlePeriod, max(r.cfg.IdleDurables/4, time.Second))
	}
	t := time.NewTicker(period)
	defer t.Stop()
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-t.C:
			r.sweep()
		}
	}
}

// sweep deletes what nobody has used for long enough.
func (r *reign) sweep() {
	n := 0
	more := func() bool {
		n++
		return r.cfg.GCSweep <= 0 || n <= r.cfg.GCSweep
	}
	if r.cfg.GCPeriod > 0 {
		for _, b := range r.directory.boxes() {
			if r.inactive(b) && more() {
				r.collectQueue(b)
			}
		}
		for _, t := range r.directory.allTopics() {
			if t.owner == nil && t.collectable() && t.recovery.empty() && t.life.idle(r.now()-inactiveTime(t.policy)) && more() {
				r.collectTopic(t)
			}
		}
	}
	if r.cfg.IdleDurables > 0 {
		for _, b := range r.directory.boxes() {
			if b.durable != nil && !b.active.Load() && b.life.idle(r.now()-r.cfg.IdleDurables.Milliseconds()) {
				r.collectDurable(b)
			}
		}
	}
}

// inactiveTime is how long a destination may be unused, in milliseconds.
func inactiveTime(p *Policy) int64 { return max(p.InactiveTimeout, leastInactive).Milliseconds() }

// inactive reports whether a queue may be deleted.
func (r *reign) inactive(b *mailbox) bool {
	if b.dest.Kind != message.Queue || b.id == 0 || !b.policy.GCInactive || !b.unused() || !b.life.idle(r.now()-inactiveTime(b.policy)) {
		return false
	}
	info, ok := r.cfg.Store.Queue(b.id)
	return ok && info.Depth == 0
}

// unused reports whether a queue has neither consumers nor messages in memory.
func (b *mailbox) unused() bool { return b.stats.consumers.Load() == 0 && b.stats.volatile.Load() <= 0 }

// collectQueue deletes a queue. Who wants it from here on waits until it is gone
// and makes it anew; who looked it up before has noted a use, which keeps it. What
// is on its way all the same is not lost: a message in the log's hands keeps
// the queue, since only an empty one is deleted, and one that is not logged is
// sent on to the new queue.
func (r *reign) collectQueue(b *mailbox) {
	dir := &r.directory
	name := b.dest.Name
	dir.mu.Lock()
	if dir.queues[name] != b || dir.making[name] != nil || !b.life.end(r.now()-inactiveTime(b.policy)) {
		dir.mu.Unlock()
		return
	}
	if !b.unused() { // a consumer came at the same moment
		b.life.begin(r.now())
		dir.mu.Unlock()
		return
	}
	delete(dir.queues, name)
	dir.generation.Add(1)
	dir.making[name] = make(chan struct{})
	dir.mu.Unlock()
	ended := make(chan struct{})
	defer func() {
		select {
		case <-ended:
		case <-r.ctx.Done():
		}
		dir.made(name)
	}()

	if !r.shut(b) {
		r.restore(b, ended)
		return
	}
	var batch store.Batch
	batch.DeleteIdle(b.id)
	_, err := r.logged(r.ctx, "delete inactive queue", &batch, func(out store.Outcome, err error) {
		if err != nil || out.Code != store.Done {
			r.restore(b, ended)
			return
		}
		defer close(ended)
		r.cfg.Logger.Info(fmt.Sprintf("%s Inactive for longer than %d ms - removing ...", name, inactiveTime(b.policy)))
		r.deleted(name, b)
	})
	if err != nil && r.ctx.Err() == nil {
		r.cfg.Logger.Error("cannot delete an inactive queue", "queue", name, "err", err)
	}
}

// shut closes a queue for what the shard is told from here on, if nothing of
// what it was told before is left in it.
func (r *reign) shut(b *mailbox) bool {
	shut := make(chan bool, 1)
	b.shard.inbox.post(event{kind: evFunc, call: func() {
		ok := b.unused() && b.settled()
		b.deleted.Store(ok)
		shut <- ok
	}})
	select {
	case ok := <-shut:
		return ok
	case <-r.ctx.Done():
		return false
	}
}

// settled reports whether nothing of what left the queue is still on its way.
// Called by the shard.
func (b *mailbox) settled() bool {
	if b.machine == nil {
		return b.dying == 0
	}
	st := b.machine.Status()
	return b.dying == 0 && st.Held == 0 && st.Delivered == 0
}

// restore brings a queue back that could not be deleted. Its machine is made
// anew: it was not told of what arrived meanwhile. done is closed when it is back.
func (r *reign) restore(b *mailbox, done chan struct{}) {
	b.shard.inbox.post(event{kind: evFunc, call: func() {
		defer close(done)
		if b.deleted.Load() {
			b.shard.forget(b)
			if info, ok := r.cfg.Store.Queue(b.id); ok {
				b.tail = max(b.tail, uint64(info.Last))
			}
			b.deleted.Store(false)
		}
		b.life.begin(r.now())
		dir := &r.directory
		dir.mu.Lock()
		defer dir.mu.Unlock()
		dir.queues[b.dest.Name] = b
		dir.generation.Add(1)
	}})
}

// sendOn gives a message that is not logged to the queue that follows one that
// was collected.
func (r *reign) sendOn(b *mailbox, m *message.Message) {
	r.wg.Go(func() {
		next, err := r.queue(r.ctx, "send", b.dest)
		if err != nil {
			if r.ctx.Err() == nil {
				r.cfg.Logger.Error("a non-persistent message is lost: its queue was inactive and cannot be made again", "queue", b.dest.Name, "err", err)
			}
			return
		}
		next.shard.inbox.post(event{kind: evVolatile, box: next, msg: m})
	})
}

// following gives the topic that has followed t if it was collected.
func (r *reign) following(t *topic) *topic {
	if !t.life.ended() {
		return t
	}
	if next, err := r.topic("send", t.dest); err == nil {
		return next
	}
	return t
}

// collectable reports whether a topic goes when nobody uses it. Advisory topics
// always do: they come with each destination.
func (t *topic) collectable() bool { return t.policy.GCInactive || isAdvisory(t.dest) }

// collectTopic forgets a topic that has no subscriptions.
func (r *reign) collectTopic(t *topic) {
	dir := &r.directory
	name := t.dest.Name
	dir.mu.Lock()
	defer dir.mu.Unlock()
	if dir.topics[name] != t || t.audience.Load() != nil || len(dir.durables[name]) > 0 || !t.life.end(r.now()-inactiveTime(t.policy)) {
		return
	}
	delete(dir.topics, name)
	dir.generation.Add(1)
	if !isAdvisory(t.dest) {
		r.cfg.Logger.Info(fmt.Sprintf("%s Inactive for longer than %d ms - removing ...", name, inactiveTime(t.policy)))
	}
	r.observe(Event{Kind: DestinationRemoved, Destination: t.dest})
}

// collectDurable deletes a durable subscription that was offline for too long.
func (r *reign) collectDurable(b *mailbox) {
	err := r.dropDurable(r.ctx, "delete idle subscription", b)
	switch {
	case err == nil:
		r.cfg.Logger.Info(fmt.Sprintf("Destroying durable subscriber due to inactivity: %s, %s", b.durable.Client, b.durable.Name),
			"topic", b.durable.Topic, "offline", r.cfg.IdleDurables)
	case KindOf(err) != KindInUse && r.ctx.Err() == nil:
		r.cfg.Logger.Error("cannot delete an idle durable subscription", "client", b.durable.Client, "subscription", b.durable.Name, "err", err)
	}
}

// use notes that the destinations of a message are used. It reports false if one
// of them is not there any more: the message needs another route.
func (s *sending) use(r *reign) bool {
	for _, b := range s.boxes {
		if b.removed.Load() || b.policy.GCInactive && !b.life.use(r.now()) {
			return false
		}
	}
	for i := range s.topics {
		if t := s.topics[i].topic; t.collectable() && !t.life.use(r.now()) {
			return false
		}
	}
	return true
}

// keep gives a message another route if one of its destinations is not there any
// more: it may have waited for room, or for the end of its transaction.
func (c *Conn) keep(op string, s *sending) error {
	for range 10 {
		if s.use(c.r) {
			return nil
		}
		if err := c.r.route(c.ctx, op, s, c); err != nil {
			return err
		}
	}
	return errorf(KindInvalidDestination, op, "%s was deleted", s.msg.Destination)
}
