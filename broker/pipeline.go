package broker

import (
	"errors"
	"sync"

	"github.com/quorate/quorate/store"
)

// A pipeline completes the requests of one connection in their order, whether
// they went through the log or not: a request that has nothing to log waits
// for those before it, so that its effect follows theirs [S2]. Effects do not
// wait for the answers to those before: another goroutine may be giving them.
type pipeline struct {
	effects sync.Mutex // held by who lets requests have their effect

	mu       sync.Mutex
	ops      []*op
	head     int // the next to be answered
	acted    int // the next to have its effect; head is not behind it
	draining bool
	err      error // the first request that was not accepted ends them all [M11]
}

// An op is one request in a pipeline.
type op struct {
	c     *Conn
	name  string
	bytes int64       // of the admission, given back when the op is applied
	lent  int64       // of the admission too, but the shards give it back, unless nothing comes of the op
	ready bool        // the outcome is known
	err   error       // it
	local func()      // the effect of a request that is not logged, or what follows a logged one
	done  func(error) // the caller's, may be nil

	// applied is called with the outcome of a logged request, in log order,
	// before the op completes; its error goes to done only.
	applied func(*op, store.Result) error
	undo    func(*op) // what follows if it was not accepted, may be nil
	send    sending
	ack     acking
}

// submit adds a request that needs no log.
func (c *Conn) submit(o *op) {
	o.c, o.ready = c, true
	c.pipe.add(o)
	c.pipe.drain()
}

// propose adds a request and logs its batch.
func (c *Conn) propose(o *op, b *store.Batch) {
	o.c = c
	c.pipe.add(o)
	c.r.cfg.Store.Propose(b, o.outcome)
}

// outcome is called on the goroutine that applies the log.
func (o *op) outcome(res store.Result, err error) {
	if err == nil {
		err = o.applied(o, res)
	} else {
		err = storeError(o.name, err)
	}
	if o.bytes > 0 {
		o.c.r.admission.release(o.bytes)
	}
	p := &o.c.pipe
	p.mu.Lock()
	o.ready, o.err = true, err
	p.mu.Unlock()
	p.drain()
}

func (p *pipeline) add(o *op) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ops = append(p.ops, o)
}

// act lets what is ready have its effect, up to the first request that is not.
func (p *pipeline) act() {
	p.effects.Lock()
	defer p.effects.Unlock()
	for o := p.due(); o != nil; o = p.due() {
		if o.err == nil && o.local != nil {
			o.local()
		}
	}
}

// due takes the next request that is to have its effect.
func (p *pipeline) due() *op {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.acted == len(p.ops) || !p.ops[p.acted].ready {
		return nil
	}
	o := p.ops[p.acted]
	p.acted++
	if p.err != nil {
		o.err = p.err
	} else if lost(o.err) {
		p.err = o.err
	}
	return o
}

// next takes the next request that is to be answered, and ends draining if
// there is none.
func (p *pipeline) next() *op {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.head == p.acted {
		if p.head == len(p.ops) {
			p.ops, p.head, p.acted = p.ops[:0], 0, 0
		}
		p.draining = false
		return nil
	}
	o := p.ops[p.head]
	p.ops[p.head] = nil
	p.head++
	if p.head > 64 && p.head > len(p.ops)/2 {
		n := copy(p.ops, p.ops[p.head:])
		clear(p.ops[n:])
		p.ops, p.acted, p.head = p.ops[:n], p.acted-p.head, 0
	}
	return o
}

// drain completes what is ready at the front. One goroutine at a time answers.
func (p *pipeline) drain() {
	p.act()
	p.mu.Lock()
	if p.draining {
		p.mu.Unlock()
		return
	}
	p.draining = true
	p.mu.Unlock()
	for o := p.next(); o != nil; o = p.next() {
		if o.err != nil && o.lent > 0 {
			o.c.r.admission.release(o.lent)
		}
		if o.err != nil && o.undo != nil && !errors.Is(o.err, ErrUnknown) {
			o.undo(o)
		}
		if o.done != nil {
			o.done(o.err)
		}
		if lost(o.err) {
			o.c.fail(o.err)
		}
	}
}

// lost reports an outcome after which nothing more of a connection is accepted.
func lost(err error) bool {
	return err != nil && (errors.Is(err, ErrUnknown) || errors.Is(err, ErrNotMaster))
}

// storeError turns an error of the store into one of the broker.
func storeError(op string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrUnknown):
		return &Error{Kind: KindUnknown, Op: op, Err: err}
	case errors.Is(err, store.ErrRefused):
		return &Error{Kind: KindNotMaster, Op: op, Err: err}
	case errors.Is(err, store.ErrTooLarge):
		return &Error{Kind: KindResourceLimit, Op: op, Err: err}
	}
	return &Error{Kind: KindInternal, Op: op, Err: err}
}
