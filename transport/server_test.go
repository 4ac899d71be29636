package transport

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// serve starts a server on a free port of loopback and ends it with the test.
func serve(t *testing.T, cfg Config) *Server {
	t.Helper()
	cfg.Name, cfg.Bind = "stomp", "127.0.0.1:0"
	s := New(cfg)
	if _, err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(context.Background()) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return s
}

func dial(t *testing.T, s *Server) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// echo logs the peer in at its first byte and gives everything back.
func echo(_ context.Context, c net.Conn) {
	var b [1]byte
	if _, err := c.Read(b[:]); err != nil {
		return
	}
	c.(interface{ Established() }).Established()
	c.Write(b[:])
	io.Copy(c, c)
}

func say(t *testing.T, c net.Conn) {
	t.Helper()
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	var b [1]byte
	if _, err := io.ReadFull(c, b[:]); err != nil {
		t.Fatal(err)
	}
}

// closed waits until the server has closed c.
func closed(t *testing.T, c net.Conn) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, syscall.ETIMEDOUT) || isTimeout(err) {
		t.Fatalf("the connection is open: %v", err)
	}
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

func TestTheOldestHalfOpenMakesRoom(t *testing.T) {
	s := serve(t, Config{Handler: echo, MaxHalfOpen: 2})
	in := dial(t, s)
	say(t, in)
	first, second, third := dial(t, s), dial(t, s), dial(t, s)
	closed(t, first)
	say(t, second)
	say(t, third)
	say(t, in)
	if open, half := s.Connections(); open != 3 || half != 0 {
		t.Errorf("%d open, %d of them half", open, half)
	}
}

func TestMaxConnections(t *testing.T) {
	s := serve(t, Config{Handler: echo, MaxConnections: 2})
	a, b := dial(t, s), dial(t, s)
	say(t, a)
	say(t, b)
	closed(t, dial(t, s))
	say(t, a)
}

func TestLoginDeadline(t *testing.T) {
	s := serve(t, Config{Handler: echo, LoginTimeout: 100 * time.Millisecond})
	in := dial(t, s)
	say(t, in)
	closed(t, dial(t, s))
	say(t, in)
}

func TestDrainWaitsThenCloses(t *testing.T) {
	s := serve(t, Config{Handler: echo})
	c := dial(t, s)
	say(t, c)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Drain(ctx) }()
	for { // new ones are refused as soon as the listener is closed
		n, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			break
		}
		n.Close()
	}
	say(t, c)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	closed(t, c)
}

func TestDrainEndsWithTheLastConnection(t *testing.T) {
	s := serve(t, Config{Handler: echo})
	c := dial(t, s)
	say(t, c)
	c.Close()
	if err := s.Drain(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// A locked buffer for a logger.
type buffer struct {
	sync.Mutex
	bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.Lock()
	defer b.Unlock()
	return b.Buffer.Write(p)
}

func TestPanicClosesOneConnection(t *testing.T) {
	var out buffer
	s := serve(t, Config{Logger: slog.New(slog.NewTextHandler(&out, nil)), Handler: func(ctx context.Context, c net.Conn) {
		var b [1]byte
		io.ReadFull(c, b[:])
		if b[0] == '!' {
			panic("on purpose")
		}
		c.Write(b[:])
		io.Copy(io.Discard, c)
	}})
	good, bad := dial(t, s), dial(t, s)
	bad.Write([]byte("!"))
	closed(t, bad)
	say(t, good)
	out.Lock()
	defer out.Unlock()
	if log := out.String(); !strings.Contains(log, "on purpose") || !strings.Contains(log, "server_test.go") {
		t.Errorf("the log does not tell: %s", log)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	s := serve(t, Config{Handler: echo})
	for bind, want := range map[string]string{
		s.Addr().String(): "is taken by another process: stop it or give the connector another port",
		"203.0.113.1:0":   "is no address of this machine",
		"nonsense":        "is not host:port",
	} {
		_, err := New(Config{Name: "stomp", Bind: bind}).Listen()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", bind, err, want)
		}
	}
	_, err := New(Config{Bind: s.Addr().String()}).Listen()
	if !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("the cause is lost: %v", err)
	}
}
