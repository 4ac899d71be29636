package transport

import (
	"container/list"
	"net"
	"runtime/debug"
	"time"
)

// A Conn is an accepted connection. The handler gets it as its net.Conn and
// calls Established, through an interface of its own, once it knows its peer.
type Conn struct {
	net.Conn
	server *Server
	half   *list.Element // its place among the half-open; guarded by server.mu
	login  *time.Timer   // closes it when it does not become established
}

// Established says that the peer has logged in: the deadline for it is off,
// and the connection is not counted as half-open any more.
func (c *Conn) Established() {
	s := c.server
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle(c)
}

// CloseWrite ends what is sent, so that the peer sees the last frame and then
// the end, and can still be listened to. Layers without it are closed whole.
func (c *Conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Conn.Close()
}

// settle takes c from the half-open ones. The server's mutex is held.
func (s *Server) settle(c *Conn) {
	if c.half != nil {
		s.mu.halfOpen.Remove(c.half)
		c.half = nil
		c.login.Stop()
	}
}

// start runs the handler on an accepted connection, if there is room for it.
func (s *Server) start(nc net.Conn) {
	s.tune(nc)
	c := &Conn{Conn: nc, server: s}
	if !s.admit(c) {
		nc.Close()
		return
	}
	go func() {
		defer s.handlers.Done()
		defer s.forget(c)
		defer func() {
			if p := recover(); p != nil {
				s.log.Error("Connection closed: its handler panicked", "connector", s.cfg.Name,
					"remote", nc.RemoteAddr(), "panic", p, "stack", string(debug.Stack()))
			}
		}()
		s.cfg.Handler(s.ctx, c)
	}()
}

// admit counts c in, making room by closing the oldest half-open connection.
func (s *Server) admit(c *Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.draining || s.mu.closed {
		return false
	}
	full := s.cfg.MaxConnections > 0 && len(s.mu.conns) >= s.cfg.MaxConnections
	if full && s.mu.halfOpen.Len() == 0 {
		s.refuse(c)
		return false
	}
	if full || s.mu.halfOpen.Len() >= s.cfg.MaxHalfOpen {
		oldest := s.mu.halfOpen.Front().Value.(*Conn)
		s.settle(oldest)
		delete(s.mu.conns, oldest)
		oldest.Conn.Close()
	}
	s.mu.conns[c] = struct{}{}
	c.half = s.mu.halfOpen.PushBack(c)
	c.login = time.AfterFunc(s.cfg.LoginTimeout, func() { s.tooSlow(c) })
	s.handlers.Add(1)
	return true
}

// refuse says, at most once a second, that the limit turns clients away. The
// mutex is held; the logger must not call back.
func (s *Server) refuse(c *Conn) {
	s.mu.refused++
	if now := time.Now(); now.Sub(s.mu.lastLine) >= time.Second {
		s.log.Warn("Could not accept connection: the connector is at its maximumConnections", "connector", s.cfg.Name,
			"limit", s.cfg.MaxConnections, "remote", c.RemoteAddr(), "refused", s.mu.refused)
		s.mu.lastLine, s.mu.refused = now, 0
	}
}

// tooSlow closes a connection that is still half-open at its deadline.
func (s *Server) tooSlow(c *Conn) {
	s.mu.Lock()
	late := c.half != nil
	s.settle(c)
	s.mu.Unlock()
	if late {
		s.log.Debug("Connection closed: no login", "connector", s.cfg.Name, "remote", c.RemoteAddr(), "after", s.cfg.LoginTimeout)
		c.Conn.Close()
	}
}

// forget closes c and counts it out.
func (s *Server) forget(c *Conn) {
	c.Conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle(c)
	delete(s.mu.conns, c)
}

// tune sets the socket options. One that the system refuses is not worth the
// connection.
func (s *Server) tune(nc net.Conn) {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return
	}
	if s.cfg.Delay {
		_ = tcp.SetNoDelay(false)
	}
	if s.cfg.ReceiveBuffer > 0 {
		_ = tcp.SetReadBuffer(s.cfg.ReceiveBuffer)
	}
	if s.cfg.SendBuffer > 0 {
		_ = tcp.SetWriteBuffer(s.cfg.SendBuffer)
	}
}
