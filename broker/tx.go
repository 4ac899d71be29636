package broker

import (
	"sync"

	"github.com/quorate/quorate/store"
)

// A Tx is a local transaction: what is sent and acknowledged in it happens at
// Commit, all or nothing, or not at all. It ends with its connection.
type Tx struct {
	c *Conn

	mu    sync.Mutex
	ended bool
	sends []sending
	acks  []acking
	bytes int64
}

// Begin begins a transaction.
func (c *Conn) Begin() (*Tx, error) {
	if err := c.usable("begin"); err != nil {
		return nil, err
	}
	tx := &Tx{c: c}
	if !own(c, &c.mu.txs, tx) {
		return nil, c.usable("begin")
	}
	return tx, nil
}

// send adds a message to the transaction.
func (t *Tx) send(s sending, done func(error)) error {
	t.mu.Lock()
	if t.ended {
		t.mu.Unlock()
		return errorf(KindNotFound, "send", "the transaction has ended")
	}
	if max := t.c.r.cfg.Limits.Transaction; t.bytes+s.size > max {
		t.mu.Unlock()
		return errorf(KindResourceLimit, "send", "the transaction would have %d bytes, the limit for one transaction is %d", t.bytes+s.size, max)
	}
	if err := t.c.r.gather(s.size); err != nil {
		t.mu.Unlock()
		return err
	}
	t.bytes += s.size
	t.sends = append(t.sends, s)
	t.mu.Unlock()
	t.c.submit(&op{name: "send", done: done})
	return nil
}

// maxGathered is how many transactions of the largest size may be open at once, all
// connections together, or as many more smaller ones.
const maxGathered = 4

// gather takes room for bytes of open transactions.
func (r *reign) gather(bytes int64) error {
	limit := maxGathered * r.cfg.Limits.Transaction
	if sum := r.gathered.Add(bytes); sum > limit {
		r.gathered.Add(-bytes)
		return errorf(KindResourceLimit, "send", "the open transactions of all connections would have %d bytes, the limit for them is %d: %d times that for one transaction",
			sum, limit, maxGathered)
	}
	return nil
}

// ack adds the acknowledgements of o, which the shard knows already.
func (t *Tx) ack(o *op) {
	t.mu.Lock()
	ended := t.ended
	if !ended && o.ack.link != nil {
		t.acks = append(t.acks, o.ack)
	}
	t.mu.Unlock()
	if ended {
		o.ack.giveBack()
		o.err = errorf(KindNotFound, "ack", "the transaction has ended")
	}
	t.c.submit(o)
}

// take ends the transaction and gives what it gathered; false if it has ended.
func (t *Tx) take() (sends []sending, acks []acking, bytes int64, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return nil, nil, 0, false
	}
	t.ended = true
	sends, acks, bytes = t.sends, t.acks, t.bytes
	t.sends, t.acks = nil, nil
	return sends, acks, bytes, true
}

// Commit makes everything in the transaction happen. It may block as Send
// does. done is called in the order of the connection's requests; with an
// error other than ErrUnknown nothing has happened, and what was acknowledged
// has gone back.
func (t *Tx) Commit(done func(error)) {
	c := t.c
	sends, acks, bytes, ok := t.take()
	if !ok {
		c.submit(failing("commit", done, errorf(KindNotFound, "commit", "the transaction has ended")))
		return
	}
	disown(c, &c.mu.txs, t)
	defer c.r.gathered.Add(-bytes) // from the admission on they are in flight
	o := &op{name: "commit", done: done}
	if err := t.admit(sends, bytes); err != nil {
		for i := range acks {
			acks[i].giveBack()
		}
		c.submit(failing("commit", done, err))
		return
	}
	var b store.Batch
	for i := range sends {
		if s := &sends[i]; s.logged() {
			s.log(c.r, &b)
		}
	}
	for i := range acks {
		acks[i].remove(&b)
	}
	for i := range sends {
		if s := &sends[i]; s.logged() {
			o.bytes += s.size
		} else {
			o.lent += s.size
		}
	}
	o.undo = func(*op) {
		for i := range acks {
			acks[i].giveBack()
		}
	}
	if b.Len() == 0 {
		o.local = func() { t.effect(sends, acks, store.Result{}) }
		c.submit(o)
		return
	}
	o.applied = func(o *op, res store.Result) error {
		for i := range res.Ops {
			if c := res.Ops[i].Code; c == store.NoStage || c == store.NoUpload {
				return errorf(KindTxRolledBack, "commit", "the transaction was dropped before its end: %v", c)
			}
		}
		t.effect(sends, acks, res)
		o.lent = 0
		return nil
	}
	c.propose(o, &b)
}

// admit finds where the transaction's messages go now, and waits for room for
// all of them. They count as sent when the transaction is committed: who came
// since gets them.
func (t *Tx) admit(sends []sending, bytes int64) error {
	for i := range sends {
		s := &sends[i]
		if s.later == nil {
			if err := t.c.r.route(t.c.ctx, "commit", s, t.c); err != nil {
				return err
			}
		}
		if t.c.r.usage.full(s.logged()) != nil {
			if err := t.c.r.usage.room(t.c.ctx, t.c, s.logged(), s.msg.Destination); err != nil {
				return t.c.gone(err)
			}
		}
		for _, box := range s.boxes {
			if err := t.c.roomIn(t.c.ctx, box, s.size); err != nil {
				return t.c.gone(err)
			}
		}
	}
	if err := t.c.gone(t.c.r.admission.acquire(t.c.ctx, bytes)); err != nil {
		return err
	}
	for i := range sends {
		if err := t.c.keep("commit", &sends[i]); err != nil {
			t.c.r.admission.release(bytes)
			return err
		}
	}
	return nil
}

// effect is what follows the commit: arrivals in the order of the sends, and
// settlements.
func (t *Tx) effect(sends []sending, acks []acking, res store.Result) {
	n := 0
	for i := range sends {
		s := &sends[i]
		t.c.stats.enqueued.Add(1)
		var out *store.Outcome
		if s.logged() {
			out = &res.Ops[n]
			n++
		}
		_ = t.c.publish(s, out)
	}
	for i := range acks {
		acks[i].settle()
	}
}

// Rollback undoes the transaction: nothing was sent, and what was acknowledged
// goes back as redelivered, its failed delivery counted.
func (t *Tx) Rollback(done func(error)) {
	_, acks, bytes, ok := t.take()
	t.c.r.gathered.Add(-bytes)
	if !ok {
		t.c.submit(failing("rollback", done, errorf(KindNotFound, "rollback", "the transaction has ended")))
		return
	}
	disown(t.c, &t.c.mu.txs, t)
	for i := range acks {
		acks[i].giveBack()
	}
	t.c.submit(&op{name: "rollback", done: done})
}

// abandon is the rollback of a connection that has ended.
func (t *Tx) abandon() {
	_, acks, bytes, _ := t.take()
	t.c.r.gathered.Add(-bytes)
	for i := range acks {
		acks[i].giveBack()
	}
}

// failing gives an op that completes with err in its turn, without ending the
// connection.
func failing(name string, done func(error), err error) *op {
	return &op{name: name, done: done, err: err}
}
