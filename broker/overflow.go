package broker

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// A gate lets those go on who wait for room in a mailbox.
type gate struct {
	waiting atomic.Bool // changed may be there

	mu      sync.Mutex
	changed chan struct{} // closed when it opens, if somebody waits
}

func (g *gate) wait() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.changed == nil {
		g.changed = make(chan struct{})
		g.waiting.Store(true)
	}
	return g.changed
}

// open is called whenever something leaves the mailbox: it costs a look at a
// flag if nobody waits.
func (g *gate) open() {
	if !g.waiting.Load() {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.changed != nil {
		close(g.changed)
		g.changed = nil
	}
	g.waiting.Store(false)
}

// overflowing is why a queue takes no more.
type overflowing struct {
	box           *mailbox
	depth, bytes  int64
	messageLimits bool
}

func (o *overflowing) String() string {
	used, limit, unit := o.depth, o.box.policy.QueueMessages, "messages"
	if !o.messageLimits {
		used, limit, unit = o.bytes, o.box.policy.QueueBytes, "bytes"
	}
	return fmt.Sprintf("%v is Full, %d%% of %d %s", o.box.dest, percent(used, limit), limit, unit)
}

func (o *overflowing) key() string { return o.box.dest.String() }

func (o *overflowing) usage() (string, int64) {
	if o.messageLimits {
		return "maxQueueMessages", o.depth
	}
	return "maxQueueBytes", o.bytes
}

func (o *overflowing) kept(*reign) string {
	return fmt.Sprintf("%d messages of %d bytes are pending and it has %d consumers", o.depth, o.bytes, o.box.stats.consumers.Load())
}

// bounded reports whether roomIn has to be asked.
func (b *mailbox) bounded() bool {
	p := b.policy
	return (p.QueueMessages > 0 || p.QueueBytes > 0) && p.Overflow != OverflowDropOldest && !b.dest.Kind.IsTopic()
}

// full gives why the queue does not take a message of size bytes, nil if it does.
func (b *mailbox) full(size int64) *overflowing {
	o := &overflowing{box: b, depth: max(b.stats.volatile.Load(), 0)}
	if b.id != 0 {
		if info, ok := b.shard.r.cfg.Store.Queue(b.id); ok {
			o.depth += int64(info.Depth)
			o.bytes = int64(info.Bytes)
		}
	}
	p := b.policy
	switch {
	case p.QueueMessages > 0 && o.depth >= p.QueueMessages:
		o.messageLimits = true
		return o
	case p.QueueBytes > 0 && o.bytes > 0 && o.bytes+size > p.QueueBytes:
		return o
	}
	return nil
}

// roomIn lets a message of size bytes into a queue whose limits reject what
// does not fit: at once, after the sender waited for room for SendTimeout at
// most if the policy has flow control, or not at all. What the log has not
// applied yet is not counted, so a queue may end up longer than its limit by
// what its senders have in flight: Limits.InFlight bytes at most, all queues
// together.
func (c *Conn) roomIn(ctx context.Context, box *mailbox, size int64) error {
	if !box.bounded() {
		return nil
	}
	o := box.full(size)
	if o == nil {
		return nil
	}
	b := c.r.usage.block(c, box.dest, o)
	defer b.end()
	if !box.policy.ProducerFlowControl {
		b.stop()
	}
	for {
		opened, looked := box.gate.wait(), c.r.usage.wait()
		if o = box.full(size); o == nil {
			return nil
		}
		b.why = o
		if err := b.wait(ctx, opened, looked); err != nil {
			return err
		}
	}
}

// blockedBy tells of a sender that has to wait.
func (r *reign) blockedBy(b *blocked) {
	p := r.policy(b.dest)
	if p.Advise.FastProducers {
		r.observe(Event{Kind: ProducerBlocked, Destination: b.dest, Conn: b.c, Producer: b.c.producerTo(b.dest)})
	}
	if p.Advise.WhenFull {
		name, used := b.why.usage()
		r.observe(Event{Kind: LimitReached, Destination: b.dest, Conn: b.c, Limit: name, Used: used})
	}
}
