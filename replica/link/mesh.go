package link

import (
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A Mesh is one node's links to all the others. New makes it, Listen opens its
// port, Run runs it, once.
type Mesh struct {
	cfg Config

	mu struct {
		sync.Mutex
		listener net.Listener
		ctx      context.Context // of Run; nil before
		addrs    []string
		dialers  map[string]*dialer
		peers    map[ID]*peer
		halfOpen *list.List // of net.Conn, the oldest first
		refused  int        // handshakes that failed since the last line about it
		lastLine time.Duration
		said     bool // lastLine is a time
	}
	self atomic.Uint64 // how often UpdateSelf was called
	wg   sync.WaitGroup
}

// New returns a mesh that does nothing yet.
func New(cfg Config) *Mesh {
	m := &Mesh{cfg: cfg.withDefaults()}
	m.mu.dialers = make(map[string]*dialer)
	m.mu.peers = make(map[ID]*peer)
	m.mu.halfOpen = list.New()
	return m
}

// Listen opens the port that peers connect to and returns its address.
func (m *Mesh) Listen() (net.Addr, error) {
	l, err := m.cfg.Network.Listen(m.cfg.Bind)
	if err != nil {
		return nil, fmt.Errorf("links: listen on %s: %w", m.cfg.Bind, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.listener = l
	return l.Addr(), nil
}

// Run accepts and dials until ctx ends; every goroutine and connection of the
// mesh has ended when it returns. It returns an error only if the port broke.
func (m *Mesh) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer m.wg.Wait()
	defer cancel()
	m.mu.Lock()
	l := m.mu.listener
	if l == nil {
		m.mu.Unlock()
		return errors.New("links: run before listen")
	}
	m.mu.ctx = ctx
	m.dialLocked()
	m.mu.Unlock()
	defer context.AfterFunc(ctx, func() { m.shut(l) })()
	for {
		c, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			if temporary(err) && pause(ctx, m.cfg.Retry[0]) {
				continue
			}
			m.shut(l)
			return fmt.Errorf("links: accept on %s: %w", l.Addr(), err)
		}
		m.wg.Go(func() { m.accepted(ctx, c) })
	}
}

// temporary reports whether an accept is worth another try: one connection was
// bad, or descriptors are short.
func temporary(err error) bool { return !errors.Is(err, net.ErrClosed) }

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// shut closes the port and every connection.
func (m *Mesh) shut(l net.Listener) {
	_ = l.Close()
	m.mu.Lock()
	for e := m.mu.halfOpen.Front(); e != nil; e = e.Next() {
		_ = e.Value.(net.Conn).Close()
	}
	peers := slices.Collect(maps.Values(m.mu.peers))
	m.mu.Unlock()
	for _, p := range peers {
		p.drop(nil, errors.New("this node closes its links"))
	}
}

// accepted holds the conversation on a connection that somebody made to us.
func (m *Mesh) accepted(ctx context.Context, c net.Conn) {
	if m.cfg.TLS != nil {
		c = tls.Server(c, m.cfg.TLS)
	}
	e := m.begin(c)
	peer, kind, err := m.acceptHandshake(c)
	m.mu.Lock()
	m.mu.halfOpen.Remove(e)
	m.mu.Unlock()
	if err != nil || ctx.Err() != nil {
		_ = c.Close()
		if err != nil {
			m.complain(c, err)
		}
		return
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	if kind != "" {
		m.cfg.Handler.Stream(peer, kind, c)
		return
	}
	m.receive(ctx, peer, c)
}

// begin counts a handshake in. The oldest one makes room when there are too many.
func (m *Mesh) begin(c net.Conn) *list.Element {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.halfOpen.Len() >= m.cfg.HalfOpen {
		_ = m.mu.halfOpen.Front().Value.(net.Conn).Close()
	}
	if m.mu.ctx != nil && m.mu.ctx.Err() != nil {
		_ = c.Close()
	}
	return m.mu.halfOpen.PushBack(c)
}

// complain logs what failed, at most once a second.
func (m *Mesh) complain(c net.Conn, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.refused++
	now := m.cfg.Clock()
	if m.mu.said && now-m.mu.lastLine < time.Second {
		return
	}
	m.cfg.Log.Warn("A link is refused", "remote", c.RemoteAddr(), "reason", err, "count", m.mu.refused)
	m.mu.refused, m.mu.lastLine, m.mu.said = 0, now, true
}

// receive reads a link until it breaks. The connection counts once its first
// frame is here: a peer that has another one to this node already closes it
// without a word.
func (m *Mesh) receive(ctx context.Context, hello Hello, c net.Conn) {
	p := m.peer(hello.ID)
	in := newInbound(m, hello, c)
	if err := in.first(); err != nil {
		_ = c.Close()
		return
	}
	p.attachIn(in)
	m.poke()
	err := in.read(p)
	if ctx.Err() != nil {
		err = errors.New("this node closes its links")
	}
	p.drop(in, err)
}

// peer gives the peer of an identity, made on first use.
func (m *Mesh) peer(id ID) *peer {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.mu.peers[id]
	if p == nil {
		p = &peer{id: id, handler: m.cfg.Handler}
		m.mu.peers[id] = p
	}
	return p
}

func (m *Mesh) known(id ID) *peer {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mu.peers[id]
}

// Send queues a payload for a peer. It never blocks. It reports false, and the
// payload is lost, when no link is up or too much waits already. The payload is
// the mesh's from then on.
func (m *Mesh) Send(to ID, class Class, payload []byte) bool {
	p := m.known(to)
	return p != nil && len(payload) <= m.cfg.MaxPayload && p.send(class, payload)
}

// Heard gives the time since the last byte of a valid frame from a peer, a very
// long one when its link is down.
func (m *Mesh) Heard(id ID) time.Duration {
	if p := m.known(id); p != nil {
		return p.silence(m.cfg.Clock())
	}
	return forever
}

// UpdateSelf tells all peers that what Config.Self gives has changed. ID and
// incarnation must be the same.
func (m *Mesh) UpdateSelf() {
	m.self.Add(1)
	m.mu.Lock()
	peers := slices.Collect(maps.Values(m.mu.peers))
	m.mu.Unlock()
	for _, p := range peers {
		p.wake()
	}
}

// Peers gives those whose links are up.
func (m *Mesh) Peers() []Hello {
	m.mu.Lock()
	peers := slices.Collect(maps.Values(m.mu.peers))
	m.mu.Unlock()
	var up []Hello
	for _, p := range peers {
		if h, ok := p.live(); ok {
			up = append(up, h)
		}
	}
	return up
}

// Open makes a connection of its own to a peer whose link is up. The peer's
// Handler is given the other end with the same kind, which must not be empty.
// The caller closes it.
func (m *Mesh) Open(ctx context.Context, to ID, kind string) (net.Conn, error) {
	p := m.known(to)
	if p == nil {
		return nil, fmt.Errorf("open a stream to %d: no such peer", to)
	}
	addr, ok := p.dialed()
	if !ok {
		return nil, fmt.Errorf("open a stream to %d: its link is down", to)
	}
	hello, c, err := m.connect(ctx, addr, kind)
	if err != nil {
		return nil, fmt.Errorf("open a stream to %s: %w", addr, err)
	}
	if hello.ID != to {
		_ = c.Close()
		return nil, fmt.Errorf("open a stream to %s: another node answers there", addr)
	}
	return c, nil
}
