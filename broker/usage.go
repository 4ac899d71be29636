package broker

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quorate/quorate/message"
)

// usage knows how much of each limit is used. The disk is looked at once a
// second; memory is counted by the shards.
type usage struct {
	r      *reign
	store  atomic.Int64
	temp   atomic.Int64
	memory atomic.Int64
	held   atomic.Int32 // senders that are blocked now, by these or by the limits of a queue

	mu      sync.Mutex
	changed chan struct{} // closed at the next look, if somebody waits
	told    map[string]time.Time
	holding map[string]holding

	warned map[string]int64 // step of each limit; whoever looks has it
}

// A limit is one of the broker's limits that a sender ran into.
type limit struct {
	name      string
	what      string
	full      string // how ActiveMQ says that it is reached
	used, max int64
	holders   func(*reign) []holder
}

// String gives the limit as ActiveMQ's log has it.
func (l *limit) String() string {
	return fmt.Sprintf("%s, %d%% of %d", l.full, percent(l.used, l.max), l.max)
}

func percent(used, limit int64) int64 { return int64(float64(used) / float64(max(limit, 1)) * 100) }

func (u *usage) init(r *reign) {
	u.r = r
	u.told, u.holding, u.warned = map[string]time.Time{}, map[string]holding{}, map[string]int64{}
	u.look()
}

func (u *usage) look() {
	cfg := u.r.cfg
	u.store.Store(int64(cfg.Store.Usage().Disk))
	if cfg.Spill != nil {
		u.temp.Store(cfg.Spill.Usage())
	}
	u.warn(u.storeLimit())
	if cfg.Spill != nil {
		u.warn(u.tempLimit())
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

// full gives the limit that a send runs into, nil if none.
func (u *usage) full(stored bool) *limit {
	cfg := u.r.cfg
	l := &cfg.Limits
	switch {
	case stored:
		if u.store.Load() >= l.Store {
			return u.storeLimit()
		}
	case cfg.Spill == nil:
		if n := u.memory.Load(); n >= l.Memory {
			return &limit{"memory", "Memory", "Usage Manager Memory Limit reached", n, l.Memory, volatileHolders}
		}
	default:
		if u.temp.Load() >= l.Temp {
			return u.tempLimit()
		}
	}
	return nil
}

func (u *usage) storeLimit() *limit {
	return &limit{"store", "Persistent store", "Persistent store is Full", u.store.Load(), u.r.cfg.Limits.Store, storeHolders}
}

func (u *usage) tempLimit() *limit {
	return &limit{"temp", "Temp Store", "Temp Store is Full", u.temp.Load(), u.r.cfg.Limits.Temp, spillHolders}
}

// warnings are the percentages at which the log tells of a limit on disk before
// it stops anybody.
var warnings = [...]int64{70, 85, 95}

// warn tells once that a limit has come to one of the steps, and again after
// its usage has fallen well below it.
func (u *usage) warn(l *limit) {
	now := percent(l.used, l.max)
	last := u.warned[l.name]
	step := int64(0)
	for _, w := range warnings {
		if now >= w {
			step = w
		}
	}
	switch {
	case step > last:
		u.r.cfg.Logger.Warn(fmt.Sprintf("%s is at %d%% of %d: %s", l.what, now, l.max, l.kept(u.r)))
		u.warned[l.name] = step
	case now < last-10:
		u.warned[l.name] = step
	}
}

// room blocks while the limit for a message to dest is reached, for SendTimeout
// at most.
func (u *usage) room(ctx context.Context, c *Conn, stored bool, dest message.Destination) error {
	l := u.full(stored)
	if l == nil {
		return nil
	}
	b := u.block(c, dest, l)
	defer b.end()
	for {
		changed := u.wait()
		if l = u.full(stored); l == nil {
			return nil
		}
		b.why = l
		if err := b.wait(ctx, changed, nil); err != nil {
			return err
		}
	}
}
