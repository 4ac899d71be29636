package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"time"
)

// A dialer keeps trying one address.
type dialer struct {
	addr   string
	cancel context.CancelFunc
	again  chan struct{} // do not wait any longer
}

// SetPeers says where other nodes may be found. Addresses that are new are
// dialed, for ever; those that are gone are given up with their links.
func (m *Mesh) SetPeers(addrs []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.addrs = slices.Clone(addrs)
	m.dialLocked()
}

// dialLocked starts and ends dialers as the list wants it, once Run has begun.
func (m *Mesh) dialLocked() {
	if m.mu.ctx == nil || m.mu.ctx.Err() != nil {
		return
	}
	for addr, d := range m.mu.dialers {
		if !slices.Contains(m.mu.addrs, addr) {
			d.cancel()
			delete(m.mu.dialers, addr)
		}
	}
	for _, addr := range m.mu.addrs {
		if m.mu.dialers[addr] != nil {
			continue
		}
		ctx, cancel := context.WithCancel(m.mu.ctx)
		d := &dialer{addr: addr, cancel: cancel, again: make(chan struct{}, 1)}
		m.mu.dialers[addr] = d
		m.wg.Go(func() { m.dial(ctx, d) })
	}
}

// poke makes all dialers try at once: somebody has come up.
func (m *Mesh) poke() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.mu.dialers {
		select {
		case d.again <- struct{}{}:
		default:
		}
	}
}

// dial makes a connection, serves it until it breaks, and begins again.
func (m *Mesh) dial(ctx context.Context, d *dialer) {
	wait, last := m.cfg.Retry[0], ""
	for ctx.Err() == nil {
		began := m.cfg.Clock()
		err := m.transmit(ctx, d)
		if ctx.Err() != nil {
			return
		}
		if text := reason(err); text != last {
			m.cfg.Log.Log(ctx, severity(err), "No link", "to", d.addr, "reason", text)
			last = text
		}
		if m.cfg.Clock()-began > m.cfg.Retry[1] {
			wait = m.cfg.Retry[0]
		}
		if errors.Is(err, errSelf) || errors.Is(err, errTwice) {
			wait = m.cfg.Retry[1]
		}
		d.rest(ctx, wait/2+rand.N(wait))
		wait = min(2*wait, m.cfg.Retry[1])
	}
}

// reason gives the text of an error without the ports of our own end, which
// differ each time.
func reason(err error) string {
	if op := new(net.OpError); errors.As(err, &op) {
		return op.Op + ": " + op.Err.Error()
	}
	return err.Error()
}

// severity is a warning for what a person has to set right.
func severity(err error) slog.Level {
	if errors.Is(err, ErrToken) || errors.Is(err, ErrProtocol) || errors.As(err, new(refusal)) {
		return slog.LevelWarn
	}
	return slog.LevelDebug
}

// rest waits for d, for a poke or for ctx.
func (d *dialer) rest(ctx context.Context, wait time.Duration) {
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
	case <-d.again:
	case <-ctx.Done():
	}
}

var errTwice = errors.New("this node is linked already by another address")

// transmit dials once and writes until the connection breaks.
func (m *Mesh) transmit(ctx context.Context, d *dialer) error {
	said := m.self.Load()
	hello, c, err := m.connect(ctx, d.addr, "")
	if err != nil {
		return err
	}
	out := newOutbound(m, hello, d.addr, c, said)
	p := m.peer(hello.ID)
	if !p.attachOut(out) {
		_ = c.Close()
		return errTwice
	}
	stop := context.AfterFunc(ctx, func() { p.drop(out, errors.New("the address is not wanted any more")) })
	defer stop()
	// The other side never writes on this connection: a read ends when it broke.
	m.wg.Go(func() {
		var b [1]byte
		_, err := c.Read(b[:])
		if err == nil {
			err = ErrFrame
		}
		p.drop(out, err)
	})
	err = out.write()
	p.drop(out, err)
	return err
}

// connect dials and shakes hands.
func (m *Mesh) connect(ctx context.Context, addr, kind string) (Hello, net.Conn, error) {
	if len(kind) > maxKind {
		return Hello{}, nil, fmt.Errorf("kind of a stream has %d bytes, %d are allowed", len(kind), maxKind)
	}
	ctx, cancel := context.WithTimeout(ctx, m.cfg.HandshakeTime)
	defer cancel()
	c, err := m.cfg.Network.Dial(ctx, addr)
	if err != nil {
		return Hello{}, nil, err
	}
	if m.cfg.TLS != nil {
		conf := m.cfg.TLS.Clone()
		if conf.ServerName == "" {
			conf.ServerName, _, _ = net.SplitHostPort(addr)
		}
		c = tls.Client(c, conf)
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	hello, err := m.dialHandshake(c, kind)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = c.Close()
		return hello, nil, err
	}
	return hello, c, nil
}
