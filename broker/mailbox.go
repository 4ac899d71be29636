package broker

import (
	"math"
	"sync/atomic"

	"github.com/quorate/quorate/broker/queue"
	"github.com/quorate/quorate/message"
	"github.com/quorate/quorate/selector"
	"github.com/quorate/quorate/store"
)

// A mailbox is what one queue machine serves: a queue, a durable subscription,
// a temporary queue, or what one live subscription to a topic has not got yet.
type mailbox struct {
	id       store.QueueID // 0: nothing of it is in the store
	name     string        // of the queue, or a unique one
	dest     message.Destination
	durable  *store.Subscription // of a durable subscription
	wild     bool                // of a durable subscription to all topics that match its name
	owner    *Conn               // of a temporary queue
	policy   *Policy
	shard    *shard
	stats    counters
	removed  atomic.Bool             // it has ended: nothing is sent to it any more
	deleted  atomic.Bool             // its shard knows so
	active   atomic.Bool             // a durable subscription has its consumer
	selector *selector.Selector      // of a durable subscription
	links    atomic.Pointer[[]*link] // who consumes
	gate     gate                    // who waits for room
	life     life

	// What follows is the shard's own.
	machine  *queue.Machine
	tail     uint64 // last Seq that arrived, as events tell it: the store may be ahead
	dirty    bool
	squeezed bool
	bytes    int // of the machine, as last counted in the shard's sum
	browsers []*browser
	spill    spillKey // 0: nothing was spilled
	alarm    int64    // when it is to be looked at though nothing happens
	alarmAt  int      // its place among the alarms, from 1; 0: none
	expiry   int64    // when what has expired is looked for
	pulls    []pulling
	dying    int       // messages that are dead and not yet gone
	deferred []request // pages to be read when fewer are dying
}

func (b *mailbox) limits() queue.Limits {
	p := b.policy
	l := queue.Limits{
		Messages: p.WindowMessages, Bytes: p.WindowBytes, Pending: p.PendingBytes,
		MaxRedeliveries: p.MaxRedeliveries,
		RedeliveryDelay: p.RedeliveryDelay.Milliseconds(), NextRedeliveryDelay: p.NextRedeliveryDelay.Milliseconds(),
		RedeliveryBackOff:  p.RedeliveryBackOff,
		MaxRedeliveryDelay: p.MaxRedeliveryDelay.Milliseconds(), StrictOrder: p.StrictOrder,
		MaxWaiting: -1,
	}
	if p.ExpirePeriod > 0 {
		l.ExpirePage = p.ExpirePage
	}
	if b.topic() {
		b.topicLimits(&l)
	} else {
		l.ConsumersBeforeDispatch, l.TimeBeforeDispatch = p.ConsumersBeforeDispatch, p.TimeBeforeDispatch.Milliseconds()
	}
	if b.squeezed {
		l.Messages, l.Bytes, l.Pending = min(l.Messages, 64), min(l.Bytes, 64<<10), min(l.Pending, 64<<10)
	}
	if b.shard.r.cfg.Spill == nil {
		l.Pending = math.MaxInt
	}
	if b.grave() {
		l.MaxRedeliveries = -1 // a dead letter has nowhere to go
	}
	return l
}

// topicLimits says what a live subscription to a topic may have waiting.
func (b *mailbox) topicLimits(l *queue.Limits) {
	p := b.policy
	l.MaxWaiting = p.PendingLimit
	if links := b.links.Load(); links != nil && len(*links) > 0 {
		switch spec := &(*links)[0].sub.spec; {
		case spec.MaxWaiting > 0:
			l.MaxWaiting = spec.MaxWaiting
		case p.PendingRate > 0:
			l.MaxWaiting = int(p.PendingRate * float64(spec.Prefetch))
		}
	}
	switch p.Eviction {
	case EvictOldestLowest:
		l.Evict = queue.EvictLowest
		l.Rank = func(v any) int { return int(v.(*message.Message).Priority) }
	case EvictUniqueProperty:
		l.Evict = queue.EvictUnique
		l.Key = func(v any) any {
			value, _ := v.(*message.Message).Property(p.EvictionProperty)
			switch value.(type) {
			case []byte, []any, []message.Property:
				return nil
			}
			return value
		}
	}
}

// open gives the machine, made from the store if there is none. Called by the shard.
func (b *mailbox) open() *queue.Machine {
	if b.machine == nil {
		var info store.QueueInfo
		if b.id != 0 {
			info, _ = b.shard.r.cfg.Store.Queue(b.id)
		}
		b.squeezed = b.shard.tight
		b.machine = queue.New(b.limits(), b.tail, info.Depth > 0)
		b.machine.Pause(info.Paused)
		b.shard.boxes[b] = struct{}{}
	}
	return b.machine
}

// end lets go of a mailbox that is in the directory no more.
func (b *mailbox) end() {
	b.removed.Store(true)
	b.shard.inbox.post(event{kind: evFunc, call: func() {
		b.shard.forget(b)
		if b.dest.Kind == message.Queue {
			for _, l := range b.consumers() {
				l.orphaned()
			}
		}
	}})
}

func (b *mailbox) pos(e *queue.Entry) store.Pos {
	return store.Pos{Lane: store.Lane(e.Lane), Seq: store.Seq(e.Seq)}
}
