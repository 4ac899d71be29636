package link

import (
	"bufio"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const forever = time.Duration(math.MaxInt64)

// A peer is another node, with a connection in each direction or without.
type peer struct {
	id      ID
	handler Handler

	calls sync.Mutex // held over Up and Down, so that they come in order

	mu  sync.Mutex
	in  *inbound
	out *outbound
	up  bool
}

// attachIn takes a connection that the peer made. One that it had before is
// dead, whatever our kernel thinks.
func (p *peer) attachIn(in *inbound) {
	p.calls.Lock()
	defer p.calls.Unlock()
	p.mu.Lock()
	old := p.in
	p.mu.Unlock()
	if old != nil {
		p.dropLocked(old, net.ErrClosed)
	}
	p.mu.Lock()
	p.in = in
	p.mu.Unlock()
	p.joinLocked()
}

// attachOut takes a connection that we made, unless there is one.
func (p *peer) attachOut(out *outbound) bool {
	p.calls.Lock()
	defer p.calls.Unlock()
	p.mu.Lock()
	if p.out != nil {
		p.mu.Unlock()
		return false
	}
	p.out = out
	p.mu.Unlock()
	p.joinLocked()
	return true
}

// joinLocked tells of a link that is complete. p.calls is held.
func (p *peer) joinLocked() {
	p.mu.Lock()
	up := !p.up && p.in != nil && p.out != nil && p.in.hello.Incarnation == p.out.hello.Incarnation
	stale := !p.up && p.in != nil && p.out != nil && !up
	if up {
		p.up = true
	}
	in, out := p.in, p.out
	p.mu.Unlock()
	switch {
	case up:
		p.handler.Up(in.hello)
		in.release()
	case stale: // one of them belongs to an earlier life of the peer
		if in.hello.Incarnation < out.hello.Incarnation {
			p.dropLocked(in, net.ErrClosed)
		} else {
			p.dropLocked(out, net.ErrClosed)
		}
	}
}

// drop ends a connection and, with it, the link. The other direction is closed
// too. A nil connection is any. Connections that were replaced do not matter.
func (p *peer) drop(which any, err error) {
	p.calls.Lock()
	defer p.calls.Unlock()
	p.dropLocked(which, err)
}

func (p *peer) dropLocked(which any, err error) {
	p.mu.Lock()
	in, out, was := p.in, p.out, p.up
	switch c := which.(type) {
	case *inbound:
		_ = c.conn.Close()
		c.release()
		if p.in != c {
			p.mu.Unlock()
			return
		}
	case *outbound:
		c.close()
		if p.out != c {
			p.mu.Unlock()
			return
		}
	}
	if was || which == nil {
		p.in, p.out, p.up = nil, nil, false
	} else if in == which {
		p.in, out = nil, nil
	} else {
		p.out, in = nil, nil
	}
	p.mu.Unlock()
	if in != nil {
		_ = in.conn.Close()
		in.release()
	}
	if out != nil {
		out.close()
	}
	if was {
		p.handler.Down(p.id, err)
	}
}

func (p *peer) send(c Class, payload []byte) bool {
	p.mu.Lock()
	out, up := p.out, p.up
	p.mu.Unlock()
	return up && out.queue.put(c, payload)
}

func (p *peer) live() (Hello, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.up {
		return Hello{}, false
	}
	return p.in.hello, true
}

func (p *peer) dialed() (string, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.up {
		return "", false
	}
	return p.out.addr, true
}

func (p *peer) silence(now time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.up {
		return forever
	}
	return now - time.Duration(p.in.heard.Load())
}

// An inbound is a connection that a peer made: we read.
type inbound struct {
	m     *Mesh
	hello Hello
	conn  net.Conn
	heard atomic.Int64 // by the mesh's clock

	once  sync.Once
	ready chan struct{} // closed when the link is up, or over
}

func (in *inbound) release() { in.once.Do(func() { close(in.ready) }) }

func newInbound(m *Mesh, hello Hello, c net.Conn) *inbound {
	in := &inbound{m: m, hello: hello, conn: c, ready: make(chan struct{})}
	in.heard.Store(int64(m.cfg.Clock()))
	return in
}

// read hands payloads to the handler until the connection breaks. What comes
// before the link is up in both directions waits in the kernel.
func (in *inbound) read(p *peer) error {
	<-in.ready
	in.heard.Store(int64(in.m.cfg.Clock()))
	f := frameReader{r: bufio.NewReaderSize(in.conn, 64<<10), max: in.m.cfg.MaxPayload}
	for {
		if err := in.conn.SetReadDeadline(time.Now().Add(in.m.cfg.Silence)); err != nil {
			return err
		}
		class, payload, err := f.next()
		if err != nil {
			return err
		}
		in.heard.Store(int64(in.m.cfg.Clock()))
		if payload != nil {
			in.m.cfg.Handler.Receive(in.hello.ID, class, payload)
		}
	}
}

// An outbound is a connection that we made: we write.
type outbound struct {
	m     *Mesh
	hello Hello
	addr  string
	conn  net.Conn
	queue *queue

	once sync.Once
	done chan struct{}
}

func newOutbound(m *Mesh, hello Hello, addr string, c net.Conn) *outbound {
	return &outbound{m: m, hello: hello, addr: addr, conn: c, queue: newQueue(m.cfg.QueueBytes), done: make(chan struct{})}
}

func (o *outbound) close() {
	o.once.Do(func() {
		_ = o.conn.Close()
		close(o.done)
	})
}

// chunk is how much is written at once: what an urgent frame may wait for.
const chunk = 128 << 10

// write sends what is queued, and a sign of life when there is nothing.
func (o *outbound) write() error {
	life := time.NewTicker(o.m.cfg.KeepAlive)
	defer life.Stop()
	buf := make([]byte, 0, 4<<10)
	idle := false
	for {
		if buf = o.queue.fill(buf[:0], chunk); len(buf) == 0 {
			select {
			case <-o.queue.wake:
				continue
			case <-life.C:
				if !idle {
					idle = true // something was written within the period
					continue
				}
				buf = appendFrame(buf, signOfLife, 0, nil)
			case <-o.done:
				return net.ErrClosed
			}
		}
		idle = false
		if err := o.conn.SetWriteDeadline(time.Now().Add(o.m.cfg.Silence)); err != nil {
			return err
		}
		if _, err := o.conn.Write(buf); err != nil {
			return err
		}
		if cap(buf) > 4*chunk {
			buf = make([]byte, 0, chunk)
		}
	}
}
