package memnet

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

var errReset = errors.New("connection reset by peer")

// A pipe is one direction of a connection.
type pipe struct {
	net   *Net
	route route
	mu    struct {
		sync.Mutex
		chunks        []chunk
		size          int
		last          time.Time // when the youngest chunk arrives
		eof           bool      // the writer has closed
		err           error     // for both ends: reset
		closed        bool      // by the reader
		changed       chan struct{}
		readBy, wrtBy time.Time // deadlines
	}
}

// A chunk may be read from a time on.
type chunk struct {
	b  []byte
	at time.Time
}

func newPipe(n *Net, r route) *pipe {
	p := &pipe{net: n, route: r}
	p.mu.changed = make(chan struct{})
	return p
}

func (p *pipe) changedLocked() {
	close(p.mu.changed)
	p.mu.changed = make(chan struct{})
}

// update changes the pipe's state and wakes who waits for it.
func (p *pipe) update(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
	p.changedLocked()
}

func (p *pipe) write(b []byte) (int, error) {
	done := 0
	for {
		delay, rate := p.net.travel(p.route)
		at := time.Now().Add(delay)
		p.mu.Lock()
		if err := p.writableLocked(); err != nil {
			p.mu.Unlock()
			return done, err
		}
		if room := min(Window-p.mu.size, len(b)-done); room > 0 {
			if at.Before(p.mu.last) {
				at = p.mu.last
			}
			if rate > 0 {
				at = at.Add(time.Duration(room) * time.Second / time.Duration(rate))
			}
			p.mu.last = at
			p.mu.chunks = append(p.mu.chunks, chunk{append([]byte(nil), b[done:done+room]...), at})
			p.mu.size += room
			done += room
			p.changedLocked()
		}
		changed, deadline := p.mu.changed, p.mu.wrtBy
		p.mu.Unlock()
		if done == len(b) {
			return done, nil
		}
		wait(changed, nil, deadline)
	}
}

func (p *pipe) writableLocked() error {
	switch {
	case p.mu.err != nil:
		return p.mu.err
	case p.mu.eof:
		return net.ErrClosed
	case p.mu.closed:
		return errReset
	}
	return passed(p.mu.wrtBy)
}

func (p *pipe) read(b []byte) (int, error) {
	for {
		held, routes := p.net.look(p.route)
		p.mu.Lock()
		until := p.mu.readBy
		n, err := p.takeLocked(b, held, &until)
		changed := p.mu.changed
		p.mu.Unlock()
		if n > 0 || err != nil || len(b) == 0 {
			return n, err
		}
		wait(changed, routes, until)
	}
}

// takeLocked reads what has arrived. When nothing has it brings until forward to
// the next arrival.
func (p *pipe) takeLocked(b []byte, held bool, until *time.Time) (int, error) {
	switch {
	case p.mu.err != nil:
		return 0, p.mu.err
	case p.mu.closed:
		return 0, net.ErrClosed
	}
	if err := passed(p.mu.readBy); err != nil {
		return 0, err
	}
	if held {
		return 0, nil
	}
	if len(p.mu.chunks) == 0 {
		if p.mu.eof {
			return 0, io.EOF
		}
		return 0, nil
	}
	c := &p.mu.chunks[0]
	if time.Now().Before(c.at) {
		if until.IsZero() || c.at.Before(*until) {
			*until = c.at
		}
		return 0, nil
	}
	n := copy(b, c.b)
	if c.b = c.b[n:]; len(c.b) == 0 {
		p.mu.chunks = p.mu.chunks[1:]
	}
	p.mu.size -= n
	p.changedLocked()
	return n, nil
}

// passed is the error of a deadline that is over; zero is none.
func passed(deadline time.Time) error {
	if !deadline.IsZero() && !time.Now().Before(deadline) {
		return os.ErrDeadlineExceeded
	}
	return nil
}

// wait waits for either channel or until a time; zero is never.
func wait(a, b <-chan struct{}, until time.Time) {
	var alarm <-chan time.Time
	if !until.IsZero() {
		t := time.NewTimer(time.Until(until))
		defer t.Stop()
		alarm = t.C
	}
	select {
	case <-a:
	case <-b:
	case <-alarm:
	}
}

// conn is one end of a connection; route leads away from it.
type conn struct {
	net     *Net
	route   route
	remote  addr
	in, out *pipe
}

func (c *conn) between(a, b string) bool {
	return c.route == route{a, b} || c.route == route{b, a}
}

func (c *conn) Read(b []byte) (int, error)  { return c.in.read(b) }
func (c *conn) Write(b []byte) (int, error) { return c.out.write(b) }

// Close lets the other side read what is on its way, then the end; what it
// writes from then on fails.
func (c *conn) Close() error {
	c.out.update(func() { c.out.mu.eof = true })
	c.in.update(func() { c.in.mu.closed = true })
	c.forget()
	return nil
}

// abort breaks both directions at both ends.
func (c *conn) abort() {
	for _, p := range []*pipe{c.in, c.out} {
		p.update(func() {
			if p.mu.err == nil {
				p.mu.err = errReset
			}
		})
	}
	c.forget()
}

func (c *conn) forget() {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	delete(c.net.mu.conns, c)
}

func (c *conn) LocalAddr() net.Addr  { return addr(c.route.from + ":0") }
func (c *conn) RemoteAddr() net.Addr { return c.remote }

func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.in.update(func() { c.in.mu.readBy = t })
	return nil
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	c.out.update(func() { c.out.mu.wrtBy = t })
	return nil
}
