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
	owner    *Conn               // of a temporary queue
	policy   *Policy
	shard    *shard
	stats    counters
	deleted  atomic.Bool
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
	spill    *spillKey
	dying    int       // messages that are dead and not yet gone
	deferred []request // pages to be read when fewer are dying
}

func (b *mailbox) limits() queue.Limits {
	l := queue.Limits{
		Messages: b.policy.WindowMessages, Bytes: b.policy.WindowBytes, Pending: b.policy.PendingBytes,
		MaxRedeliveries: b.policy.MaxRedeliveries,
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

// open gives the machine, made from the store if there is none. Called by the shard.
func (b *mailbox) open() *queue.Machine {
	if b.machine == nil {
		stored := false
		if b.id != 0 {
			info, ok := b.shard.r.cfg.Store.Queue(b.id)
			stored = ok && info.Depth > 0
		}
		b.squeezed = b.shard.tight
		b.machine = queue.New(b.limits(), b.tail, stored)
		b.shard.boxes[b] = struct{}{}
	}
	return b.machine
}

func (b *mailbox) pos(e *queue.Entry) store.Pos {
	return store.Pos{Lane: store.Lane(e.Lane), Seq: store.Seq(e.Seq)}
}
