package queue

import "sync/atomic"

// A Pool is credit that consumers of several machines share: a subscription
// with a wildcard has one prefetch, whichever queue its messages come from. Its
// methods may be called by any goroutine.
type Pool struct {
	free atomic.Int64
	wake func()
}

// NewPool gives a pool of n credits. wake, which may be nil, is called when
// credit returns to a pool that had none, by whoever brings it: the machines of
// the pool's consumers have something to dispatch then. It must not block.
func NewPool(n int, wake func()) *Pool {
	p := &Pool{wake: wake}
	p.free.Store(int64(n))
	return p
}

// Free gives the credit that is left.
func (p *Pool) Free() int { return int(p.free.Load()) }

// Give puts n credits back.
func (p *Pool) Give(n int) {
	if now := p.free.Add(int64(n)); now > 0 && now <= int64(n) && p.wake != nil {
		p.wake()
	}
}

// take takes one credit if there is one.
func (p *Pool) take() bool {
	for {
		n := p.free.Load()
		if n <= 0 {
			return false
		}
		if p.free.CompareAndSwap(n, n-1) {
			return true
		}
	}
}
