// Package transport listens: it accepts connections, keeps them within limits,
// hands each to a handler, and drains them when the service ends. It does not
// know what is spoken on a connection.
//
// A connection is half-open until its handler has seen who it is and says so
// (Conn.Established). Half-open connections are cheap for a stranger to make,
// so they have a deadline and a limit of their own, and the oldest of them
// makes room for the next one: whoever logs in at once gets in, even while
// somebody else fills the port.
package transport

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"
)

// A Handler holds the conversation of one connection and returns when it is
// over. It runs on the connection's own goroutine, which closes the connection
// afterwards. ctx ends when the server is closed.
type Handler func(ctx context.Context, conn net.Conn)

// Config says where to listen and what to allow. Zero values choose the
// defaults named.
type Config struct {
	Name           string        // the connector's name, for logs and errors
	Bind           string        // host:port; port 0 is any free one
	Handler        Handler       //
	MaxConnections int           // at the same time; 0 is unlimited
	MaxHalfOpen    int           // not established at the same time; 1,000
	LoginTimeout   time.Duration // until a connection must be established; 30 s
	KeepAlive      time.Duration // probes of an idle TCP connection; 30 s, negative is none
	ReceiveBuffer  int           // SO_RCVBUF in bytes; the system's
	SendBuffer     int           // SO_SNDBUF in bytes; the system's
	Delay          bool          // leave Nagle's algorithm on
	Logger         *slog.Logger
	// Wrap, if set, puts a layer such as TLS around the listener.
	Wrap func(net.Listener) net.Listener
}

// A Server is one listener with its connections.
type Server struct {
	cfg Config
	log *slog.Logger

	mu struct {
		sync.Mutex
		listener net.Listener
		conns    map[*Conn]struct{}
		halfOpen *list.List // of *Conn, the oldest first
		draining bool
		closed   bool
		refused  int // since the last line in the log
		lastLine time.Time
	}
	handlers sync.WaitGroup
	ctx      context.Context
	cancel   context.CancelFunc
}

// New returns a server that does nothing yet.
func New(cfg Config) *Server {
	if cfg.MaxHalfOpen <= 0 {
		cfg.MaxHalfOpen = 1000
	}
	if cfg.LoginTimeout <= 0 {
		cfg.LoginTimeout = 30 * time.Second
	}
	if cfg.KeepAlive == 0 {
		cfg.KeepAlive = 30 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{cfg: cfg, log: cfg.Logger}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.mu.conns = make(map[*Conn]struct{})
	s.mu.halfOpen = list.New()
	return s
}

// Listen takes the port. Connections queue in the kernel until Serve. The
// error says which port it was and what can be done.
func (s *Server) Listen() (net.Addr, error) {
	lc := net.ListenConfig{KeepAlive: s.cfg.KeepAlive}
	l, err := lc.Listen(s.ctx, "tcp", s.cfg.Bind)
	if err != nil {
		return nil, explain(s.cfg.Name, s.cfg.Bind, err)
	}
	if s.cfg.Wrap != nil {
		l = s.cfg.Wrap(l)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.closed || s.mu.listener != nil {
		l.Close()
		return nil, fmt.Errorf("connector %s: listen after it was opened or closed", s.cfg.Name)
	}
	s.mu.listener = l
	return l.Addr(), nil
}

// Addr is where the server listens, nil before Listen.
func (s *Server) Addr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.listener == nil {
		return nil
	}
	return s.mu.listener.Addr()
}

// Connections is how many connections are open, and how many of them are
// half-open.
func (s *Server) Connections() (open, halfOpen int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.mu.conns), s.mu.halfOpen.Len()
}

// Serve accepts connections until the server is drained or closed, or ctx
// ends, which closes it. It returns nil then, and an error if the listener
// broke. It returns after every handler did, but for a drain, which waits
// itself.
func (s *Server) Serve(ctx context.Context) error {
	s.mu.Lock()
	l := s.mu.listener
	s.mu.Unlock()
	if l == nil {
		return fmt.Errorf("connector %s: serve before listen", s.cfg.Name)
	}
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	err := s.accept(l)
	if s.ending() {
		return nil
	}
	s.Close()
	return fmt.Errorf("connector %s: accept on %s: %w", s.cfg.Name, l.Addr(), err)
}

// accept takes connections until the listener is closed. What fails for one
// connection or for want of file descriptors is tried again a little later.
func (s *Server) accept(l net.Listener) error {
	pause := time.Duration(0)
	for {
		c, err := l.Accept()
		if err == nil {
			pause = 0
			s.start(c)
			continue
		}
		if errors.Is(err, net.ErrClosed) || s.ending() {
			return err
		}
		if pause = min(max(2*pause, 5*time.Millisecond), time.Second); !s.wait(pause) {
			return err
		}
		s.log.Warn("Could not accept connection", "connector", s.cfg.Name, "error", err, "again", pause)
	}
}

// wait waits for d and reports whether the server is still open.
func (s *Server) wait(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.ctx.Done():
		return false
	}
}

func (s *Server) ending() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.draining || s.mu.closed
}

// Drain stops accepting and waits until every connection has ended by itself.
// When ctx ends first, the rest is closed and ctx's error returned.
func (s *Server) Drain(ctx context.Context) error {
	s.mu.Lock()
	s.mu.draining = true
	l := s.mu.listener
	s.mu.Unlock()
	if l != nil {
		l.Close()
	}
	done := make(chan struct{})
	go func() {
		s.handlers.Wait()
		close(done)
	}()
	select {
	case <-done:
		s.Close()
		return nil
	case <-ctx.Done():
		s.Close()
		<-done
		return ctx.Err()
	}
}

// Close stops accepting, closes every connection and waits for their handlers.
func (s *Server) Close() error {
	s.mu.Lock()
	s.mu.closed = true
	l := s.mu.listener
	for c := range s.mu.conns {
		c.Conn.Close()
	}
	s.mu.Unlock()
	if l != nil {
		l.Close()
	}
	s.cancel()
	s.handlers.Wait()
	return nil
}
