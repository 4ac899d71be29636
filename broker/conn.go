package broker

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quorate/quorate/broker/queue"
	"github.com/quorate/quorate/message"
)

// A Conn is one connection. Its requests complete in the order in which they
// were made: sends, acknowledgements and commits in one line. One goroutine at
// a time makes requests, with one exception: while it is blocked in Send or
// Commit, another one may acknowledge and close.
type Conn struct {
	r      *reign
	id     uint64
	info   ConnInfo
	out    Outlet
	since  time.Time
	ctx    context.Context
	cancel context.CancelFunc
	ended  atomic.Bool // Outlet.Close was called, or Close
	pipe   pipeline
	lastID atomic.Uint64 // of a delivery
	room   *queue.Room   // for what the Outlet has and has not written; nil: it writes at once
	opened atomic.Uint64 // how often the room had space again
	stats  counters

	producing producing
	lastSub   atomic.Uint64 // number of a subscription

	mu struct {
		sync.Mutex
		closed bool
		subs   map[*Subscription]struct{}
		txs    map[*Tx]struct{}
		temps  map[message.Destination]struct{}
	}
}

// Info says who is connected.
func (c *Conn) Info() ConnInfo { return c.info }

// fail ends the connection from the broker's side, once.
func (c *Conn) fail(err error) {
	if c.ended.CompareAndSwap(false, true) {
		c.cancel()
		c.out.Close(err)
	}
}

// usable gives the error of a request on a connection that has ended.
func (c *Conn) usable(op string) error {
	if c.ended.Load() {
		return &Error{Kind: KindNotMaster, Op: op, Detail: "the connection has ended"}
	}
	return nil
}

// Close ends the connection from the protocol's side: open transactions are
// rolled back, what is delivered and not acknowledged goes back with its
// failed delivery counted, temporary destinations are deleted. It does not
// block and may be called twice. Requests in flight still complete.
func (c *Conn) Close() {
	c.ended.Store(true)
	c.cancel()
	c.mu.Lock()
	if c.mu.closed {
		c.mu.Unlock()
		return
	}
	c.mu.closed = true
	subs, txs, temps := c.mu.subs, c.mu.txs, c.mu.temps
	c.mu.subs, c.mu.txs, c.mu.temps = nil, nil, nil
	c.mu.Unlock()
	for tx := range txs {
		tx.abandon()
	}
	for s := range subs {
		s.end(true)
	}
	for d := range temps {
		c.r.deleteTemp(d)
	}
	c.endProducers()
	if c.r.disconnect(c); c.r.ctx.Err() == nil {
		c.r.observe(Event{Kind: ConnectionStopped, Conn: c})
	}
}

// own notes something that ends with the connection. It reports false if the
// connection has ended.
func own[K comparable](c *Conn, set *map[K]struct{}, k K) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.closed {
		return false
	}
	if *set == nil {
		*set = map[K]struct{}{}
	}
	(*set)[k] = struct{}{}
	return true
}

func disown[K comparable](c *Conn, set *map[K]struct{}, k K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(*set, k)
}
