package queue

import "sync/atomic"

// A Room bounds, in bytes, what is handed to one receiver and has not left for
// it. Consumers share it, of whichever machine: while it is full they get
// nothing, whatever their credit, and what is for them alone waits where it is.
// A machine puts in the Size of each Entry that it delivers, the caller takes it
// out. It may be overfull by one message of each machine. Its methods may be
// called by any goroutine.
type Room struct {
	used  atomic.Int64
	full  atomic.Bool
	limit int64
	wake  func()
}

// NewRoom gives a room of limit bytes. wake, which may be nil, is called when a
// room that was full is half empty again, by whoever empties it: Wake is to be
// called for its consumers then. It must not block.
func NewRoom(limit int64, wake func()) *Room { return &Room{limit: limit, wake: wake} }

// Used gives the bytes in it.
func (r *Room) Used() int64 { return r.used.Load() }

// Fill puts n bytes into it.
func (r *Room) Fill(n int64) {
	if r.used.Add(n) >= r.limit {
		r.full.Store(true)
		r.reopen() // it may have been emptied meanwhile
	}
}

// Empty takes n bytes out of it.
func (r *Room) Empty(n int64) {
	r.used.Add(-n)
	r.reopen()
}

func (r *Room) reopen() {
	if r.used.Load() <= r.limit/2 && r.full.CompareAndSwap(true, false) && r.wake != nil {
		r.wake()
	}
}

// Full reports whether nothing may be delivered; a nil one never is.
func (r *Room) Full() bool { return r != nil && r.full.Load() }

// Wake lets c have what it could not get while its room was full.
func (m *Machine) Wake(c *Consumer) {
	if c.view != nil && !c.removed {
		m.activate(c.view)
	}
}
