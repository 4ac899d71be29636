package link

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quorate/quorate/internal/testkit/memnet"
)

// event is something that a handler was told, with the time in the bubble.
type event struct {
	what  string // up, down, update, stream, payload
	hello Hello
	class Class
	bytes int
	at    time.Time
}

// member is a mesh on a network in memory. It must run in a bubble.
type member struct {
	*Mesh
	network Network
	cancel  context.CancelFunc
	done    chan error
	lines   lines

	mu     sync.Mutex
	hello  Hello
	events []event
}

func join(t *testing.T, n *memnet.Net, host string, id ID, incarnation uint64, peers ...string) *member {
	t.Helper()
	return joinBy(t, n.Host(host), host, id, incarnation, peers...)
}

func joinBy(t *testing.T, network Network, host string, id ID, incarnation uint64, peers ...string) *member {
	t.Helper()
	return joinWith(t, network, host, id, incarnation, func(*Config) {}, peers...)
}

func joinWith(t *testing.T, network Network, host string, id ID, incarnation uint64, change func(*Config), peers ...string) *member {
	t.Helper()
	m := &member{network: network, hello: Hello{ID: id, Seat: host, Incarnation: incarnation, Replicas: 3, Address: host + ":1"}}
	conf := Config{
		Self: m.self, Token: "secret", Network: network, Bind: host + ":1", Handler: m,
		Clock: func() time.Duration { return time.Duration(time.Now().UnixNano()) },
		Log:   slog.New(slog.NewTextHandler(&m.lines, nil)),
	}
	change(&conf)
	m.Mesh = New(conf)
	if _, err := m.Listen(); err != nil {
		t.Fatal(err)
	}
	m.SetPeers(peers)
	ctx, cancel := context.WithCancel(context.Background())
	m.cancel, m.done = cancel, make(chan error, 1)
	go func() { m.done <- m.Run(ctx) }()
	return m
}

// leave ends the mesh and returns when all of it has ended.
func (m *member) leave(t *testing.T) {
	t.Helper()
	m.cancel()
	select {
	case err := <-m.done:
		if err != nil {
			t.Errorf("Run: %v", err)
		}
	case <-time.After(time.Second):
		t.Error("Run does not return")
	}
}

func (m *member) self() Hello {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.hello
}

func (m *member) note(e event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e.at = time.Now()
	m.events = append(m.events, e)
}

func (m *member) Admit(Hello) error { return nil }
func (m *member) Up(h Hello)        { m.note(event{what: "up", hello: h}) }
func (m *member) Update(h Hello)    { m.note(event{what: "update", hello: h}) }
func (m *member) Down(id ID, _ error) {
	m.note(event{what: "down", hello: Hello{ID: id}})
}
func (m *member) Receive(id ID, c Class, p []byte) {
	m.note(event{what: "payload", hello: Hello{ID: id}, class: c, bytes: len(p)})
}
func (m *member) Stream(h Hello, _ string, c net.Conn) {
	m.note(event{what: "stream", hello: h})
	_, _ = io.Copy(io.Discard, c)
	_ = c.Close()
}

// seen gives the events of a kind.
func (m *member) seen(what string) []event {
	m.mu.Lock()
	defer m.mu.Unlock()
	var es []event
	for _, e := range m.events {
		if e.what == what {
			es = append(es, e)
		}
	}
	return es
}

// lines counts what is logged.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) count(part string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), part)
}

// alias is a network on which hosts have second names.
type alias struct {
	Network
	names map[string]string
}

func (a alias) Dial(ctx context.Context, addr string) (net.Conn, error) {
	if other := a.names[addr]; other != "" {
		addr = other
	}
	return a.Network.Dial(ctx, addr)
}

func TestTwoAddressesAndItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(1)
		names := map[string]string{"also-b:1": "b:1", "also-a:1": "a:1"}
		a := joinBy(t, alias{n.Host("a"), names}, "a", 1, 1, "b:1", "also-b:1", "a:1", "also-a:1")
		b := joinBy(t, alias{n.Host("b"), names}, "b", 2, 1, "also-a:1", "a:1")
		time.Sleep(time.Minute)
		for _, m := range []*member{a, b} {
			if up, down := len(m.seen("up")), len(m.seen("down")); up != 1 || down != 0 {
				t.Errorf("%s: %d times up, %d times down", m.hello.Seat, up, down)
			}
		}
		a.leave(t)
		b.leave(t)
	})
}

func TestSignsOfLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(1)
		n.Delay("a", "b", time.Millisecond, time.Millisecond)
		a, b := join(t, n, "a", 1, 1, "b:1"), join(t, n, "b", 2, 1, "a:1")
		time.Sleep(time.Second)
		for range 5000 {
			time.Sleep(time.Millisecond)
			if h := a.Heard(2); h > 105*time.Millisecond {
				t.Fatalf("silent for %v", h)
			}
		}
		a.leave(t)
		b.leave(t)
	})
}

// Whichever direction is lost, both sides give the link up, and come back.
func TestSilence(t *testing.T) {
	for name, hold := range map[string]func(*memnet.Net, bool){
		"both":       func(n *memnet.Net, on bool) { n.Cut("a", "b", on) },
		"there only": func(n *memnet.Net, on bool) { n.Hold("a", "b", on) },
		"back only":  func(n *memnet.Net, on bool) { n.Hold("b", "a", on) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := memnet.New(1)
				a, b := join(t, n, "a", 1, 1, "b:1"), join(t, n, "b", 2, 1, "a:1")
				time.Sleep(time.Second)
				hold(n, true)
				time.Sleep(time.Second)
				if h := max(a.Heard(2), b.Heard(1)); h < 850*time.Millisecond || h > 1100*time.Millisecond {
					t.Errorf("after a second of silence %v", h)
				}
				time.Sleep(6 * time.Second)
				for _, m := range []*member{a, b} {
					if len(m.seen("down")) == 0 || len(m.Peers()) != 0 {
						t.Errorf("%s keeps a silent link", m.hello.Seat)
					}
				}
				hold(n, false)
				time.Sleep(3 * time.Second)
				if len(a.Peers()) != 1 || len(b.Peers()) != 1 {
					t.Error("the link does not come back")
				}
				a.leave(t)
				b.leave(t)
			})
		})
	}
}

func TestBrokenLinkIsNoticedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(1)
		a, b := join(t, n, "a", 1, 1, "b:1"), join(t, n, "b", 2, 1, "a:1")
		time.Sleep(time.Second)
		broken := time.Now()
		n.Kill("b")
		time.Sleep(10 * time.Millisecond)
		if down := a.seen("down"); len(down) != 1 || down[0].at != broken {
			t.Errorf("down: %+v, broken at %v", down, broken)
		}
		a.leave(t)
		b.cancel()
		<-b.done // its port broke
	})
}

// A network of 10 MB/s with 40 MB waiting for it carries urgent payloads past
// them: what a link hands over at once, and a socket's buffer, is all they meet.
func TestUrgentIsNotDelayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(1)
		n.Rate("a", "b", 10_000_000)
		a, b := join(t, n, "a", 1, 1, "b:1"), join(t, n, "b", 2, 1, "a:1")
		time.Sleep(time.Second)
		for range 30 {
			if !a.Send(2, Append, make([]byte, 1<<20)) {
				t.Fatal("queue full")
			}
		}
		if !a.Send(2, Bulk, make([]byte, 10<<20)) {
			t.Fatal("queue full")
		}
		var worst time.Duration
		for i := range 20 {
			time.Sleep(100 * time.Millisecond)
			began := time.Now()
			a.Send(2, Urgent, []byte("x"))
			for len(urgent(b)) <= i {
				time.Sleep(time.Millisecond)
			}
			worst = max(worst, time.Since(began))
		}
		t.Logf("worst delay of an urgent payload: %v", worst)
		if worst > 60*time.Millisecond {
			t.Errorf("an urgent payload took %v", worst)
		}
		if len(b.seen("payload")) >= 51 {
			t.Error("nothing was waiting")
		}
		time.Sleep(5 * time.Second)
		if got := len(b.seen("payload")); got != 51 {
			t.Errorf("%d payloads came, of 51", got)
		}
		a.leave(t)
		b.leave(t)
	})
}

func urgent(m *member) []event {
	var es []event
	for _, e := range m.seen("payload") {
		if e.class == Urgent {
			es = append(es, e)
		}
	}
	return es
}

func TestUpdateSelf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(1)
		a, b := join(t, n, "a", 1, 1, "b:1"), join(t, n, "b", 2, 1, "a:1")
		time.Sleep(time.Second)
		a.mu.Lock()
		a.hello.Cluster = [16]byte{7}
		a.mu.Unlock()
		a.UpdateSelf()
		time.Sleep(10 * time.Millisecond)
		if u := b.seen("update"); len(u) != 1 || u[0].hello != a.self() {
			t.Errorf("updates: %+v", u)
		}
		if p := b.Peers(); len(p) != 1 || p[0] != a.self() || len(b.seen("down")) != 0 {
			t.Errorf("peers: %+v", p)
		}
		a.leave(t)
		b.leave(t)
	})
}

// A restarted node whose former life is still linked, as far as its peer can
// tell, takes its own place.
func TestRestartBehindAHalfOpenLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(1)
		a, b := join(t, n, "a", 1, 1, "b:1"), join(t, n, "b", 2, 1, "a:1")
		time.Sleep(time.Second)
		n.Cut("a", "b", true)
		b.leave(t)
		b = join(t, n, "b", 2, 2, "a:1")
		time.Sleep(100 * time.Millisecond)
		n.Cut("a", "b", false)
		time.Sleep(2 * time.Second)
		if p := a.Peers(); len(p) != 1 || p[0].Incarnation != 2 || len(b.Peers()) != 1 {
			t.Errorf("peers: %+v", p)
		}
		a.leave(t)
		b.leave(t)
	})
}

// Up and Down alternate, and payloads come between them, however links break.
func TestOrderOfEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(2)
		a, b := join(t, n, "a", 1, 1, "b:1"), join(t, n, "b", 2, 1, "a:1")
		for i := range 200 {
			a.Send(2, Append, make([]byte, 1000))
			b.Send(1, Urgent, make([]byte, 100))
			time.Sleep(17 * time.Millisecond)
			if i%10 == 9 {
				n.Reset("a", "b")
			}
		}
		time.Sleep(time.Second)
		a.leave(t)
		b.leave(t)
		for _, m := range []*member{a, b} {
			up := false
			for i, e := range m.events {
				if (e.what == "up") == up && e.what != "payload" || e.what == "payload" && !up {
					t.Fatalf("%s, event %d: %s while up is %v", m.hello.Seat, i, e.what, up)
				}
				up = up && e.what == "payload" || e.what == "up"
			}
		}
		if len(a.seen("up")) < 10 {
			t.Error("the link did not come back each time")
		}
	})
}

// Strangers who say nothing cost a bounded number of connections for a bounded
// time, and keep nobody out.
func TestSilentStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(1)
		a := join(t, n, "a", 1, 1, "b:1")
		for range 300 {
			if _, err := n.Host("x").Dial(t.Context(), "a:1"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
		a.Mesh.mu.Lock()
		half := a.Mesh.mu.halfOpen.Len()
		a.Mesh.mu.Unlock()
		if half > 65 {
			t.Errorf("%d handshakes under way", half)
		}
		b := join(t, n, "b", 2, 1, "a:1")
		time.Sleep(time.Second)
		if len(a.Peers()) != 1 {
			t.Error("a peer is kept out")
		}
		time.Sleep(5 * time.Second)
		a.Mesh.mu.Lock()
		half = a.Mesh.mu.halfOpen.Len()
		a.Mesh.mu.Unlock()
		if said := a.lines.count("A link is refused"); half != 0 || said == 0 || said > 10 {
			t.Errorf("%d handshakes under way, %d lines", half, said)
		}
		a.leave(t)
		b.leave(t)
	})
}

// What was recorded from a peer does not open a link again.
func TestReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(1)
		a := join(t, n, "a", 1, 1)
		rec := &recorder{Network: n.Host("b")}
		b := joinBy(t, rec, "b", 2, 1, "a:1")
		time.Sleep(time.Second)
		b.leave(t)
		c, err := n.Host("x").Dial(t.Context(), "a:1")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write(rec.bytes()); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(c)
		if len(got) != len(magic)+nonceSize {
			t.Errorf("a replayed handshake was told %d bytes, %v", len(got), err)
		}
		if a.lines.count("does not prove") != 1 {
			t.Errorf("lines: %s", a.lines.text.String())
		}
		a.leave(t)
	})
}

// recorder keeps what is written on connections that were dialed.
type recorder struct {
	Network
	mu   sync.Mutex
	kept []byte
}

func (r *recorder) bytes() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]byte(nil), r.kept...)
}

func (r *recorder) Dial(ctx context.Context, addr string) (net.Conn, error) {
	c, err := r.Network.Dial(ctx, addr)
	return recorded{c, r}, err
}

type recorded struct {
	net.Conn
	r *recorder
}

func (c recorded) Write(b []byte) (int, error) {
	c.r.mu.Lock()
	c.r.kept = append(c.r.kept, b...)
	c.r.mu.Unlock()
	return c.Conn.Write(b)
}

// Run ends with everything that it began, a stream and a handshake included:
// the bubble would not end otherwise.
func TestRunLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(1)
		a, b := join(t, n, "a", 1, 1, "b:1", "nobody:1"), join(t, n, "b", 2, 1, "a:1")
		time.Sleep(time.Second)
		c, err := a.Open(t.Context(), 2, "snapshot")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Open(t.Context(), 2, strings.Repeat("x", maxKind+1)); err == nil {
			t.Error("a kind that is too long")
		}
		if _, err := n.Host("x").Dial(t.Context(), "b:1"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if len(b.seen("stream")) != 1 {
			t.Error("no stream")
		}
		b.leave(t)
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("stream to a mesh that has ended: %v", err)
		}
		_ = c.Close()
		a.leave(t)
		if n.Conns("a", "b") != 0 {
			t.Error("connections are left")
		}
	})
}
