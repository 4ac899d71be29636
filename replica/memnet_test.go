package replica

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"time"

	"github.com/quorate/quorate/replica/link"
)

// memnet is a network in memory, for virtual time: connections are streams
// with a delay, directions between two hosts can be held (as packets that are
// lost and sent again), connections reset, hosts killed.
type memnet struct {
	mu        sync.Mutex
	rng       *rand.Rand
	listeners map[string]*memListener
	conns     map[*memConn]struct{}
	held      map[[2]string]bool
	changed   chan struct{}
	slowest   time.Duration
}

func newMemnet(seed uint64) *memnet {
	return &memnet{
		rng:       rand.New(rand.NewPCG(seed, 1)),
		listeners: make(map[string]*memListener),
		conns:     make(map[*memConn]struct{}),
		held:      make(map[[2]string]bool),
		changed:   make(chan struct{}),
		slowest:   2 * time.Millisecond,
	}
}

func (n *memnet) notifyLocked() {
	close(n.changed)
	n.changed = make(chan struct{})
}

// hold stops what goes from a to b.
func (n *memnet) hold(a, b string, on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.held[[2]string{a, b}] = on
	n.notifyLocked()
}

func (n *memnet) partition(a, b string, on bool) {
	n.hold(a, b, on)
	n.hold(b, a, on)
}

// reset breaks the connections between two hosts.
func (n *memnet) reset(a, b string) {
	for _, c := range n.between(a, b) {
		c.abort()
	}
}

func (n *memnet) between(a, b string) []*memConn {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []*memConn
	for c := range n.conns {
		if c.from == a && (b == "" || c.to == b) || c.to == a && (b == "" || c.from == b) {
			out = append(out, c)
		}
	}
	return out
}

// kill closes everything of a host, as the kernel does with a killed process.
func (n *memnet) kill(host string) {
	n.mu.Lock()
	for addr, l := range n.listeners {
		if l.host == host {
			delete(n.listeners, addr)
			l.shut()
		}
	}
	n.mu.Unlock()
	n.reset(host, "")
}

// host is the network as one host sees it.
func (n *memnet) host(name string) link.Network { return memHost{n, name} }

type memHost struct {
	n    *memnet
	name string
}

type memAddr string

func (a memAddr) Network() string { return "mem" }
func (a memAddr) String() string  { return string(a) }

func hostOf(addr string) string {
	h, _, _ := net.SplitHostPort(addr)
	return h
}

func (h memHost) Listen(addr string) (net.Listener, error) {
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	if h.n.listeners[addr] != nil {
		return nil, errors.New("address in use")
	}
	l := &memListener{n: h.n, host: h.name, addr: addr, backlog: make(chan net.Conn, 16), done: make(chan struct{})}
	h.n.listeners[addr] = l
	return l, nil
}

func (h memHost) Dial(ctx context.Context, addr string) (net.Conn, error) {
	to := hostOf(addr)
	for {
		h.n.mu.Lock()
		blocked := h.n.held[[2]string{h.name, to}] || h.n.held[[2]string{to, h.name}]
		changed := h.n.changed
		l := h.n.listeners[addr]
		h.n.mu.Unlock()
		if !blocked {
			if l == nil {
				return nil, errors.New("connection refused")
			}
			return l.accept(ctx, h.name, to)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

type memListener struct {
	n       *memnet
	host    string
	addr    string
	backlog chan net.Conn
	once    sync.Once
	done    chan struct{}
}

func (l *memListener) accept(ctx context.Context, from, to string) (net.Conn, error) {
	ab, ba := newHalf(l.n, from, to), newHalf(l.n, to, from)
	a := &memConn{n: l.n, from: from, to: to, in: ba, out: ab}
	b := &memConn{n: l.n, from: to, to: from, in: ab, out: ba}
	l.n.mu.Lock()
	l.n.conns[a], l.n.conns[b] = struct{}{}, struct{}{}
	l.n.mu.Unlock()
	select {
	case l.backlog <- b:
		return a, nil
	case <-l.done:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *memListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.backlog:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *memListener) shut() { l.once.Do(func() { close(l.done) }) }

func (l *memListener) Close() error {
	l.n.mu.Lock()
	if l.n.listeners[l.addr] == l {
		delete(l.n.listeners, l.addr)
	}
	l.n.mu.Unlock()
	l.shut()
	return nil
}

func (l *memListener) Addr() net.Addr { return memAddr(l.addr) }

// half is one direction of a connection.
type half struct {
	n        *memnet
	from, to string
	mu       sync.Mutex
	chunks   []chunk
	size     int
	last     time.Time // when the youngest chunk arrives
	eof      bool      // the writer closed
	err      error     // aborted
	changed  chan struct{}
}

type chunk struct {
	b  []byte
	at time.Time
}

const memWindow = 256 << 10

func newHalf(n *memnet, from, to string) *half {
	return &half{n: n, from: from, to: to, changed: make(chan struct{})}
}

func (h *half) notifyLocked() {
	close(h.changed)
	h.changed = make(chan struct{})
}

func (h *half) delay() time.Duration {
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	return 50*time.Microsecond + time.Duration(h.n.rng.Int64N(int64(h.n.slowest)))
}

func (h *half) write(p []byte, deadline func() time.Time) (int, error) {
	done := 0
	for {
		h.mu.Lock()
		if h.err != nil || h.eof {
			err := errors.Join(h.err, net.ErrClosed)
			h.mu.Unlock()
			return done, err
		}
		if room := min(memWindow-h.size, len(p)-done); room > 0 {
			b := append([]byte(nil), p[done:done+room]...)
			h.mu.Unlock()
			at := time.Now().Add(h.delay())
			h.mu.Lock()
			if at.Before(h.last) {
				at = h.last
			}
			h.last = at
			h.chunks = append(h.chunks, chunk{b, at})
			h.size += len(b)
			done += len(b)
			h.notifyLocked()
		}
		changed := h.changed
		h.mu.Unlock()
		if done == len(p) {
			return done, nil
		}
		if err := waitFor(changed, nil, deadline(), time.Time{}); err != nil {
			return done, err
		}
	}
}

func (h *half) read(p []byte, deadline func() time.Time) (int, error) {
	for {
		h.n.mu.Lock()
		held, netChanged := h.n.held[[2]string{h.from, h.to}], h.n.changed
		h.n.mu.Unlock()
		h.mu.Lock()
		if err := h.err; err != nil {
			h.mu.Unlock()
			return 0, err
		}
		var ready time.Time
		if len(h.chunks) > 0 && !held {
			c := &h.chunks[0]
			if !time.Now().Before(c.at) {
				k := copy(p, c.b)
				c.b = c.b[k:]
				if len(c.b) == 0 {
					h.chunks = h.chunks[1:]
				}
				h.size -= k
				h.notifyLocked()
				h.mu.Unlock()
				return k, nil
			}
			ready = c.at
		}
		if len(h.chunks) == 0 && h.eof && !held {
			h.mu.Unlock()
			return 0, io.EOF
		}
		changed := h.changed
		h.mu.Unlock()
		if err := waitFor(changed, netChanged, deadline(), ready); err != nil {
			return 0, err
		}
	}
}

// waitFor waits for a change, the time of arrival, or the deadline.
func waitFor(a, b <-chan struct{}, deadline, ready time.Time) error {
	until := deadline
	if !ready.IsZero() && (until.IsZero() || ready.Before(until)) {
		until = ready
	}
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
		if !deadline.IsZero() && !time.Now().Before(deadline) {
			return os.ErrDeadlineExceeded
		}
	}
	return nil
}

func (h *half) close(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err == nil {
		h.err = err
	}
	h.eof = true
	h.notifyLocked()
}

type memConn struct {
	n        *memnet
	from, to string
	in, out  *half
	mu       sync.Mutex
	rd, wd   time.Time
}

func (c *memConn) deadlines() (time.Time, time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rd, c.wd
}

func (c *memConn) Read(p []byte) (int, error) {
	return c.in.read(p, func() time.Time { rd, _ := c.deadlines(); return rd })
}

func (c *memConn) Write(p []byte) (int, error) {
	return c.out.write(p, func() time.Time { _, wd := c.deadlines(); return wd })
}

// Close ends the stream for the peer after what was written, and the own
// reader at once.
func (c *memConn) Close() error {
	c.out.close(nil)
	c.in.close(net.ErrClosed)
	c.n.mu.Lock()
	delete(c.n.conns, c)
	c.n.mu.Unlock()
	return nil
}

var errReset = errors.New("connection reset")

func (c *memConn) abort() {
	c.out.close(errReset)
	c.in.close(errReset)
	c.n.mu.Lock()
	delete(c.n.conns, c)
	c.n.mu.Unlock()
}

func (c *memConn) LocalAddr() net.Addr  { return memAddr(c.from + ":0") }
func (c *memConn) RemoteAddr() net.Addr { return memAddr(c.to + ":0") }

func (c *memConn) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

func (c *memConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	c.rd = t
	c.mu.Unlock()
	c.in.mu.Lock()
	c.in.notifyLocked()
	c.in.mu.Unlock()
	return nil
}

func (c *memConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	c.wd = t
	c.mu.Unlock()
	c.out.mu.Lock()
	c.out.notifyLocked()
	c.out.mu.Unlock()
	return nil
}
