package broker

import (
	"context"
	"sync"
)

// An admission bounds the bytes that were accepted and have not had their
// effect yet: proposals in the log's hands, messages on the way to a shard. Who
// has to wait is served in the order of asking, and a connection asks for one
// message at a time, so that none can crowd out the others.
type admission struct {
	limit int64

	mu      sync.Mutex
	used    int64
	waiters []*waiter
	changed chan struct{} // closed at the next release, if somebody looks
}

type waiter struct {
	n     int64
	grant chan struct{}
}

// acquire takes n bytes, blocking while there are none. A single message larger
// than the limit is admitted when nothing else is in flight.
func (a *admission) acquire(ctx context.Context, n int64) error {
	a.mu.Lock()
	if len(a.waiters) == 0 && a.fits(n) {
		a.used += n
		a.mu.Unlock()
		return nil
	}
	w := &waiter{n, make(chan struct{})}
	a.waiters = append(a.waiters, w)
	a.mu.Unlock()
	select {
	case <-w.grant:
		return nil
	case <-ctx.Done():
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, o := range a.waiters {
		if o == w {
			a.waiters = append(a.waiters[:i], a.waiters[i+1:]...)
			a.serve()
			return ctx.Err()
		}
	}
	a.used -= n // granted at the same moment
	a.serve()
	return ctx.Err()
}

// take adds n bytes without waiting: those who ask next wait for them.
func (a *admission) take(n int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.used += n
}

func (a *admission) fits(n int64) bool { return a.used == 0 || a.used+n <= a.limit }

func (a *admission) release(n int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.used -= n
	a.serve()
	if a.changed != nil {
		close(a.changed)
		a.changed = nil
	}
}

func (a *admission) serve() {
	for len(a.waiters) > 0 && a.fits(a.waiters[0].n) {
		w := a.waiters[0]
		a.waiters = a.waiters[1:]
		a.used += w.n
		close(w.grant)
	}
}

// ready gives nil if n bytes would be admitted now, else a channel that is
// closed when it is worth asking again.
func (a *admission) ready(n int64) <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.waiters) == 0 && a.fits(n) {
		return nil
	}
	if a.changed == nil {
		a.changed = make(chan struct{})
	}
	return a.changed
}

func (a *admission) inFlight() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.used
}
