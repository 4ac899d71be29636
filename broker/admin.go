package broker

import (
	"context"
	"math"

	"github.com/quorate/quorate/broker/queue"
	"github.com/quorate/quorate/message"
	"github.com/quorate/quorate/store"
)

// Purge removes all that waits in a queue, in O(1) whatever its depth. What is
// delivered and not acknowledged stays with its consumers; it is not delivered
// again.
func (b *Broker) Purge(ctx context.Context, name string) error {
	r, box, err := b.existing("purge", name)
	if err != nil {
		return err
	}
	var batch store.Batch
	batch.PurgeQueue(box.id)
	_, err = r.logged(ctx, "purge", &batch, func(_ store.Outcome, err error) {
		if err == nil {
			box.shard.inbox.post(event{kind: evFunc, box: box, call: box.purge})
		}
	})
	return err
}

// purge empties the machine and the spill. Called by the shard.
func (b *mailbox) purge() {
	defer b.gate.open()
	if b.machine != nil {
		b.shard.perform(b) // what spills goes first
	}
	b.shard.clearSpill(b)
	if b.machine == nil {
		return
	}
	b.machine.Purge()
	rest := b.machine.Volatile(queue.Place{}, queue.Place{Lane: math.MaxUint8})
	b.stats.volatile.Store(int64(len(rest)))
}

// Pause stops the deliveries of a queue until Resume, across changes of master
// too. What is delivered may be acknowledged, and messages arrive.
func (b *Broker) Pause(ctx context.Context, name string) error {
	return b.pause(ctx, "pause", name, true)
}

// Resume ends what Pause began.
func (b *Broker) Resume(ctx context.Context, name string) error {
	return b.pause(ctx, "resume", name, false)
}

func (b *Broker) pause(ctx context.Context, op, name string, paused bool) error {
	r, box, err := b.existing(op, name)
	if err != nil {
		return err
	}
	var batch store.Batch
	batch.Pause(box.id, paused)
	_, err = r.logged(ctx, op, &batch, func(_ store.Outcome, err error) {
		if err == nil {
			box.shard.inbox.post(event{kind: evFunc, box: box, call: func() { box.open().Pause(paused) }})
		}
	})
	return err
}

// Delete deletes a queue with all that is in it. One with consumers is refused.
func (b *Broker) Delete(ctx context.Context, name string) error {
	const op = "delete"
	r, box, err := b.existing(op, name)
	if err != nil {
		return err
	}
	if n := box.stats.consumers.Load(); n > 0 {
		return errorf(KindInUse, op, "%s has %d consumers", box.dest, n)
	}
	var batch store.Batch
	batch.DeleteQueue(box.id)
	_, err = r.logged(ctx, op, &batch, func(_ store.Outcome, err error) {
		if err == nil {
			r.deleted(name, box)
		}
	})
	return err
}

// deleted follows the deletion of a queue in the log.
func (r *reign) deleted(name string, box *mailbox) {
	r.directory.mu.Lock()
	if r.directory.queues[name] == box {
		delete(r.directory.queues, name)
		r.directory.generation.Add(1)
	}
	r.directory.mu.Unlock()
	box.end()
	r.observe(Event{Kind: DestinationRemoved, Destination: box.dest})
}

func (b *Broker) existing(op, name string) (*reign, *mailbox, error) {
	r := b.current()
	if r == nil {
		return nil, nil, &Error{Kind: KindNotMaster, Op: op, Detail: "the broker does not serve"}
	}
	r.directory.mu.RLock()
	defer r.directory.mu.RUnlock()
	box := r.directory.queues[name]
	if box == nil {
		return nil, nil, errorf(KindInvalidDestination, op, "%s does not exist", message.Destination{Kind: message.Queue, Name: name})
	}
	return r, box, nil
}
