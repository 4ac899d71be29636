package link

import (
	"bufio"
	"errors"
	"fmt"
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
		in.up.Store(true)
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
		in.up.Store(false)
		_ = in.conn.Close()
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

// wake makes the writer look whether there is something to say.
func (p *peer) wake() {
	p.mu.Lock()
	out := p.out
	p.mu.Unlock()
	if out != nil {
		out.queue.signal()
	}
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
	m      *Mesh
	hello  Hello // changed by its own reader, under both locks of the peer
	conn   net.Conn
	frames frameReader
	heard  atomic.Int64 // by the mesh's clock
	up     atomic.Bool  // Up was called
}

// readAhead holds many small frames; what is bigger is read where it stays.
const readAhead = 16 << 10

func newInbound(m *Mesh, hello Hello, c net.Conn) *inbound {
	in := &inbound{m: m, hello: hello, conn: c}
	in.frames = frameReader{r: bufio.NewReaderSize(c, readAhead), max: m.cfg.MaxPayload}
	in.heard.Store(int64(m.cfg.Clock()))
	return in
}

// next reads a frame; silence is an error.
func (in *inbound) next() (Class, []byte, error) {
	if err := in.conn.SetReadDeadline(time.Now().Add(in.m.cfg.Silence)); err != nil {
		return 0, nil, err
	}
	class, payload, err := in.frames.next()
	if err == nil {
		in.heard.Store(int64(in.m.cfg.Clock()))
	}
	return class, payload, err
}

// first waits for the sign of life that a writer begins with.
func (in *inbound) first() error {
	_, payload, err := in.next()
	if err == nil && payload != nil {
		err = fmt.Errorf("%w: a payload before the first sign of life", ErrFrame)
	}
	return err
}

// read hands payloads to the handler until the connection breaks. A peer sends
// none before it has the first frame from here, which is written after our side
// is attached: so the link is up, or was just now.
func (in *inbound) read(p *peer) error {
	for {
		class, payload, err := in.next()
		switch {
		case err != nil:
			return err
		case payload == nil:
		case class == renewal:
			if err := in.renew(p, payload); err != nil {
				return err
			}
		case !in.up.Load():
			return errHalf
		default:
			in.m.cfg.Handler.Receive(p.id, class, payload)
		}
	}
}

var errHalf = errors.New("the other direction broke")

// renew takes what the peer now says of itself.
func (in *inbound) renew(p *peer, payload []byte) error {
	_, h, err := parseBlock(payload)
	if err != nil {
		return err
	}
	if h.ID != p.id || h.Incarnation != in.hello.Incarnation {
		return fmt.Errorf("%w: a peer became another one", ErrFrame)
	}
	if err := in.m.admit(h); err != nil {
		return err
	}
	p.calls.Lock()
	defer p.calls.Unlock()
	p.mu.Lock()
	in.hello = h
	p.mu.Unlock()
	if u, ok := p.handler.(Updater); ok && in.up.Load() {
		u.Update(h)
	}
	return nil
}

// An outbound is a connection that we made: we write.
type outbound struct {
	m     *Mesh
	hello Hello
	addr  string
	conn  net.Conn
	queue *queue
	said  uint64 // number of the self-description that the peer has

	once sync.Once
	done chan struct{}
}

func newOutbound(m *Mesh, hello Hello, addr string, c net.Conn, said uint64) *outbound {
	return &outbound{m: m, hello: hello, addr: addr, conn: c, said: said, queue: newQueue(m.cfg.QueueBytes), done: make(chan struct{})}
}

func (o *outbound) close() {
	o.once.Do(func() {
		_ = o.conn.Close()
		close(o.done)
	})
}

// chunk is how much is written at once: what an urgent frame may wait for.
const chunk = 128 << 10

// write sends a sign of life, then what is queued, and when there is nothing
// another sign within the period.
func (o *outbound) write() error {
	life := time.NewTicker(o.m.cfg.KeepAlive / 2)
	defer life.Stop()
	buf := appendFrame(make([]byte, 0, 4<<10), signOfLife, 0, nil)
	idle := false
	for {
		if n := o.m.self.Load(); n != o.said {
			o.said = n
			buf = appendFrame(buf, renewal, 0, appendHello(appendText(nil, ""), o.m.cfg.Self()))
		}
		if buf = o.queue.fill(buf, chunk); len(buf) == 0 {
			select {
			case <-o.queue.wake:
				continue
			case <-life.C:
				if !idle {
					idle = true // something was written within half a period
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
		buf = buf[:0]
	}
}
