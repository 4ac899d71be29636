package store

import (
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// compactions says when Pebble may compact: as many at a time as it asks for
// itself, like its own scheduler, but none before the database is open. One that
// began within an Open that then failed would go on without the database, and
// panic [pebble.CompactionScheduler].
type compactions struct {
	db pebble.DBForCompaction
	mu struct {
		sync.Mutex
		open    bool
		running int
	}
	poke chan struct{}
	stop chan struct{}
	done chan struct{}
}

// compactionsTick is how often a waiting compaction is looked for besides the
// moments at which one ends or more are allowed.
const compactionsTick = 100 * time.Millisecond

func newCompactions() *compactions {
	return &compactions{poke: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
}

// Register tells the database, which is not open yet.
func (c *compactions) Register(_ int, db pebble.DBForCompaction) { c.db = db }

// start lets compactions begin. Unregister, which closing the database calls,
// ends what it starts.
func (c *compactions) start() {
	c.mu.Lock()
	c.mu.open = true
	c.mu.Unlock()
	go c.run()
}

func (c *compactions) run() {
	defer close(c.done)
	t := time.NewTicker(compactionsTick)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-c.poke:
		case <-c.stop:
			return
		}
		for c.grant() {
		}
	}
}

// Unregister returns when nothing will be asked of the database any more.
func (c *compactions) Unregister() {
	c.mu.Lock()
	c.mu.open = false
	c.mu.Unlock()
	close(c.stop)
	<-c.done
}

// reserve takes a place for one compaction if there is one.
func (c *compactions) reserve() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.mu.open || c.db.GetAllowedWithoutPermission() <= c.mu.running {
		return false
	}
	c.mu.running++
	return true
}

func (c *compactions) release() {
	c.mu.Lock()
	c.mu.running--
	c.mu.Unlock()
}

// grant begins a waiting compaction and reports whether there was one.
func (c *compactions) grant() bool {
	if !c.reserve() {
		return false
	}
	if waiting, _ := c.db.GetWaitingCompaction(); waiting && c.db.Schedule(c) {
		return true
	}
	c.release()
	return false
}

// TrySchedule is asked by the database when it has something to compact.
func (c *compactions) TrySchedule() (bool, pebble.CompactionGrantHandle) {
	if !c.reserve() {
		return false, nil
	}
	return true, c
}

// UpdateGetAllowedWithoutPermission says that more may be allowed now.
func (c *compactions) UpdateGetAllowedWithoutPermission() {
	select {
	case c.poke <- struct{}{}:
	default:
	}
}

// Done ends a compaction that was granted.
func (c *compactions) Done() {
	c.release()
	c.UpdateGetAllowedWithoutPermission()
}

// The rest of a grant is of no interest here.

func (c *compactions) Started()                                          {}
func (c *compactions) MeasureCPU(pebble.CompactionGoroutineKind)         {}
func (c *compactions) CumulativeStats(pebble.CompactionGrantHandleStats) {}
