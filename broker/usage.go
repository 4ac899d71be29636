package broker

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// usage knows how much of each limit is used. The disk is looked at once a
// second; memory is counted by the shards.
type usage struct {
	cfg    *Config
	store  atomic.Int64
	temp   atomic.Int64
	memory atomic.Int64

	mu      sync.Mutex
	changed chan struct{} // closed at the next look, if somebody waits
}

func (u *usage) init(cfg *Config) {
	u.cfg = cfg
	u.look()
}

func (u *usage) look() {
	u.store.Store(int64(u.cfg.Store.Usage().Disk))
	if u.cfg.Spill != nil {
		u.temp.Store(u.cfg.Spill.Usage())
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.changed != nil {
		close(u.changed)
		u.changed = nil
	}
}

func (u *usage) run(ctx context.Context) func() {
	return func() {
		t := time.NewTicker(usagePeriod)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
				u.look()
			}
		}
	}
}

func (u *usage) wait() <-chan struct{} {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.changed == nil {
		u.changed = make(chan struct{})
	}
	return u.changed
}

// full names the limit that a send runs into, "" if none.
func (u *usage) full(stored bool) (limit string, used, max int64) {
	l := &u.cfg.Limits
	if stored {
		if s := u.store.Load(); s >= l.Store {
			return "store", s, l.Store
		}
		return "", 0, 0
	}
	if u.cfg.Spill == nil {
		if m := u.memory.Load(); m >= l.Memory {
			return "memory", m, l.Memory
		}
		return "", 0, 0
	}
	if t := u.temp.Load(); t >= l.Temp {
		return "temp", t, l.Temp
	}
	return "", 0, 0
}

// room blocks while the limit for a message to dest is reached, for SendTimeout
// at most.
func (u *usage) room(ctx context.Context, stored bool, dest fmt.Stringer) error {
	limit, used, max := u.full(stored)
	if limit == "" {
		return nil
	}
	timeout := u.cfg.Limits.SendTimeout
	if timeout > 0 {
		t := time.NewTimer(timeout)
		defer t.Stop()
		for limit != "" {
			changed := u.wait()
			if limit, used, max = u.full(stored); limit == "" {
				return nil
			}
			select {
			case <-changed:
			case <-t.C:
				return u.refuse(limit, used, max, dest, timeout)
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	}
	return u.refuse(limit, used, max, dest, 0)
}

func (u *usage) refuse(limit string, used, max int64, dest fmt.Stringer, waited time.Duration) error {
	return errorf(KindResourceLimit, "send", "%s limit reached: %d of %d bytes are used (%d %%), a message to %s was not accepted after %v",
		limit, used, max, used*100/max1(max), dest, waited)
}

func max1(n int64) int64 { return max(n, 1) }
