package zookeeper

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/quorate/quorate/replica/link"
)

var (
	errExpired = errors.New("session has expired")
	errAway    = errors.New("ZooKeeper does not answer")
	errAuth    = errors.New("ZooKeeper refuses the password")
)

// life is when ZooKeeper was last heard. Pings go out each third of a session's
// timeout, so it is never older than that while a server answers.
type life struct{ at atomic.Int64 }

func (l *life) touch()             { l.at.Store(int64(link.Now())) }
func (l *life) age() time.Duration { return link.Now() - time.Duration(l.at.Load()) }

// A session is one session of ZooKeeper over as many connections as it takes.
// The library would begin another one by itself when it expires; here that is
// the end of this object, and everything is read and joined anew.
type session struct {
	conn  *zk.Conn
	ended <-chan zk.Event // closed when the library's goroutines have ended
	wake  chan struct{}   // something happened

	mu struct {
		sync.Mutex
		ready   bool
		expired bool
		refused bool
		dirty   map[string]bool // paths whose watch fired
		all     bool            // everything has to be read again
		tcp     net.Conn
		closed  bool
	}
}

// dial begins a session; it returns when the session stands.
func dial(ctx context.Context, servers []string, timeout time.Duration, auth string, alive *life, log *slog.Logger, patience time.Duration) (*session, error) {
	s := &session{wake: make(chan struct{}, 1)}
	s.mu.dirty, s.mu.all = make(map[string]bool), true
	conn, events, err := zk.Connect(servers, timeout,
		zk.WithHostProvider(&inTurn{}), zk.WithLogger(quiet{log}), zk.WithLogInfo(false), zk.WithEventCallback(s.event),
		zk.WithDialer(func(network, address string, patience time.Duration) (net.Conn, error) {
			return s.open(network, address, patience, timeout, alive)
		}))
	if err != nil {
		return nil, err
	}
	s.conn, s.ended = conn, events
	if err := s.await(ctx, patience); err != nil {
		s.close()
		return nil, err
	}
	if auth != "" {
		if err := conn.AddAuth("digest", []byte(auth)); err != nil {
			s.close()
			return nil, fmt.Errorf("%w: %w", errAuth, err)
		}
	}
	return s, nil
}

// await waits until the session stands.
func (s *session) await(ctx context.Context, patience time.Duration) error {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for !s.ready() {
		select {
		case <-s.wake:
		case <-limit.C:
			return errAway
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (s *session) ready() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.ready
}

// event is called by the library for each change of the session's state and for
// each watch that fires. The library's channel is not used: it drops what does
// not fit.
func (s *session) event(e zk.Event) {
	s.mu.Lock()
	switch {
	case e.Type != zk.EventSession:
		s.mu.dirty[e.Path] = true
	case e.State == zk.StateHasSession:
		s.mu.ready, s.mu.all = true, true
	case e.State == zk.StateExpired:
		s.mu.expired = true
	case e.State == zk.StateAuthFailed:
		s.mu.refused = true
	case e.State == zk.StateDisconnected:
		s.mu.ready = false
	}
	s.mu.Unlock()
	s.poke()
}

func (s *session) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// state tells why the session is over, if it is.
func (s *session) state() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.mu.expired:
		return errExpired
	case s.mu.refused:
		return errAuth
	}
	return nil
}

// taken returns what has to be read again, and forgets it.
func (s *session) taken() (all bool, paths map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all, paths = s.mu.all, s.mu.dirty
	s.mu.all, s.mu.dirty = false, make(map[string]bool)
	return all, paths
}

// spoil makes everything be read again.
func (s *session) spoil() {
	s.mu.Lock()
	s.mu.all = true
	s.mu.Unlock()
}

// close ends the session, which removes its member at once where a server can be
// reached, and its connection in any case. It waits for the library's
// goroutines, and may be called twice.
func (s *session) close() {
	s.conn.Close()
	s.mu.Lock()
	s.mu.closed = true
	if s.mu.tcp != nil {
		s.mu.tcp.Close()
	}
	s.mu.Unlock()
	for range s.ended { // nothing that it tells is used
	}
}

// open dials a server for the library.
func (s *session) open(network, address string, patience, timeout time.Duration, alive *life) (net.Conn, error) {
	c, err := net.DialTimeout(network, address, patience)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.closed {
		c.Close()
		return nil, net.ErrClosed
	}
	s.mu.tcp = c
	return &watched{Conn: c, alive: alive, limit: max(timeout, time.Second)}, nil
}

// watched is a connection that notes when the server was heard. The library
// lets a server that hangs hold a handshake for ten times the session's
// timeout; the first answer has one of them here.
type watched struct {
	net.Conn
	alive *life
	limit time.Duration
	heard bool
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if n > 0 {
		w.heard = true
		w.alive.touch()
	}
	return n, err
}

func (w *watched) SetReadDeadline(t time.Time) error {
	if most := time.Now().Add(w.limit); !w.heard && !t.IsZero() && t.After(most) {
		t = most
	}
	return w.Conn.SetReadDeadline(t)
}

// quiet shows the library's own lines to those who look for them only.
type quiet struct{ log *slog.Logger }

func (q quiet) Printf(format string, args ...any) {
	q.log.Debug("zookeeper client: " + strings.TrimSpace(fmt.Sprintf(format, args...)))
}
