package queue

import (
	"container/list"
	"sync"
	"sync/atomic"
)

// A Pool is credit that consumers of several machines share: a subscription
// with a wildcard has one prefetch, whichever queue its messages come from. Who
// has something and finds no credit waits in a line. What comes back is lent to
// the first in it, one credit each, so that no queue starves another one and a
// credit wakes one machine, however many take part. Its methods may be called by
// any goroutine.
type Pool struct {
	room *Room
	wake func(*Consumer)
	free atomic.Int64 // changed under mu

	mu   sync.Mutex
	line list.List // consumers that wait; while there are any, free is 0 or the room full
}

// NewPool gives a pool of n credits for consumers that all have this room, which
// may be nil. wake is called when credit was lent to a consumer that waited, by
// whoever brings it: its machine is to Dispatch then. It must not block.
func NewPool(n int, room *Room, wake func(*Consumer)) *Pool {
	p := &Pool{room: room, wake: wake}
	p.free.Store(int64(n))
	return p
}

// Free gives the credit that is left for whoever comes first.
func (p *Pool) Free() int { return int(p.free.Load()) }

// Give puts n credits back.
func (p *Pool) Give(n int) {
	p.mu.Lock()
	p.free.Add(int64(n))
	p.lend()
}

// Reopened tells that there is space in the room again.
func (p *Pool) Reopened() { p.Give(0) }

// lend lends what is free to those who wait, and unlocks the pool.
func (p *Pool) lend() {
	var one [1]*Consumer
	woken := one[:0]
	for p.free.Load() > 0 && p.line.Len() > 0 && !p.room.Full() {
		c := p.line.Remove(p.line.Front()).(*Consumer)
		c.place = nil
		c.lent.Add(1)
		p.free.Add(-1)
		woken = append(woken, c)
	}
	p.mu.Unlock()
	for _, c := range woken {
		p.wake(c)
	}
}

// take takes one credit for c if there is one.
func (p *Pool) take(c *Consumer) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case c.lent.Load() > 0:
		c.lent.Add(-1)
	case p.free.Load() > 0:
		p.free.Add(-1)
	default:
		return false
	}
	return true
}

// wait puts c at the end of the line, unless it stands there. It reports false
// if there is credit for it now.
func (p *Pool) wait(c *Consumer) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.lent.Load() > 0 || p.free.Load() > 0 && !p.room.Full() {
		return false
	}
	if c.place == nil {
		c.place = p.line.PushBack(c)
	}
	return true
}

// back returns what was lent to c and not used.
func (p *Pool) back(c *Consumer) {
	if c.lent.Load() == 0 {
		return
	}
	p.mu.Lock()
	p.free.Add(c.lent.Swap(0))
	p.lend()
}

// leave takes c, which is done, out of the line. Nothing is lent to it any more.
func (p *Pool) leave(c *Consumer) {
	p.mu.Lock()
	if c.place != nil {
		p.line.Remove(c.place)
		c.place = nil
	}
	p.mu.Unlock()
	p.back(c)
}
