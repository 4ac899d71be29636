package memnet

import (
	"context"
	"fmt"
	"net"
	"sync"
)

// A Host is the network as one host sees it: what link.Network asks for.
type Host struct {
	net  *Net
	name string
}

// Host gives a host's view.
func (n *Net) Host(name string) Host { return Host{n, name} }

// Listen opens a port of this host; port 0 is one that is free.
func (h Host) Listen(address string) (net.Listener, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	n := h.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if port == "0" {
		n.mu.port++
		port = fmt.Sprint(n.mu.port)
	}
	at := net.JoinHostPort(h.name, port)
	if n.mu.listeners[at] != nil {
		return nil, fmt.Errorf("listen %s: address already in use", at)
	}
	l := &listener{net: n, host: h.name, at: at, backlog: make(chan net.Conn, 64), done: make(chan struct{})}
	n.mu.listeners[at] = l
	return l, nil
}

// Dial connects to another host. While the way there or back is held it waits.
func (h Host) Dial(ctx context.Context, address string) (net.Conn, error) {
	there, back := route{h.name, hostOf(address)}, route{hostOf(address), h.name}
	for {
		held, changed := h.net.look(there)
		if !held {
			held, changed = h.net.look(back)
		}
		if !held {
			return h.connect(ctx, address, there, back)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (h Host) connect(ctx context.Context, address string, there, back route) (net.Conn, error) {
	n := h.net
	n.mu.Lock()
	l := n.mu.listeners[address]
	n.mu.Unlock()
	if l == nil {
		return nil, fmt.Errorf("dial %s: %w", address, errRefused)
	}
	to, from := newPipe(n, there), newPipe(n, back)
	ours := &conn{net: n, route: there, remote: addr(address), in: from, out: to}
	theirs := &conn{net: n, route: back, remote: addr(h.name + ":0"), in: to, out: from}
	n.mu.Lock()
	n.mu.conns[ours], n.mu.conns[theirs] = struct{}{}, struct{}{}
	n.mu.Unlock()
	var err error
	select {
	case l.backlog <- theirs:
		return ours, nil
	case <-l.done:
		err = fmt.Errorf("dial %s: %w", address, errRefused)
	case <-ctx.Done():
		err = ctx.Err()
	}
	ours.abort()
	theirs.abort()
	return nil, err
}

type listener struct {
	net     *Net
	host    string
	at      string
	backlog chan net.Conn
	once    sync.Once
	done    chan struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case <-l.done:
		return nil, net.ErrClosed
	default:
	}
	select {
	case c := <-l.backlog:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// shut ends Accept, and the connections that nobody accepted.
func (l *listener) shut() {
	l.once.Do(func() { close(l.done) })
}

func (l *listener) Close() error {
	l.net.mu.Lock()
	if l.net.mu.listeners[l.at] == l {
		delete(l.net.mu.listeners, l.at)
	}
	l.net.mu.Unlock()
	l.shut()
	for {
		select {
		case c := <-l.backlog:
			c.(*conn).abort()
		default:
			return nil
		}
	}
}

func (l *listener) Addr() net.Addr { return addr(l.at) }
