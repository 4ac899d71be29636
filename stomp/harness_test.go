package stomp

import (
	"context"
	"fmt"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/quorate/quorate/broker"
	"github.com/quorate/quorate/stomp/frame"
	"github.com/quorate/quorate/store"
	"github.com/quorate/quorate/wal"
)

// A soloLog is the log of one node: what is proposed is applied in order by a
// goroutine of its own, unless a test holds it back or loses it.
type soloLog struct {
	st *store.Store
	mu struct {
		sync.Mutex
		waiting []proposal
		entries map[wal.Index][]byte
		last    wal.Index
		held    bool
		lost    bool
		closed  bool
	}
	wake sync.Cond
	done chan struct{}
}

type proposal struct {
	batch []byte
	done  func(any, error)
}

func newSoloLog(st *store.Store) *soloLog {
	l := &soloLog{st: st, done: make(chan struct{})}
	l.wake.L = &l.mu
	l.mu.entries = make(map[wal.Index][]byte)
	go l.apply()
	return l
}

func (l *soloLog) Propose(batch []byte, done func(any, error)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.waiting = append(l.mu.waiting, proposal{batch, done})
	l.wake.Broadcast()
}

func (l *soloLog) Entry(i wal.Index) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.entries[i], nil
}

func (l *soloLog) apply() {
	defer close(l.done)
	for {
		l.mu.Lock()
		for !l.mu.closed && (len(l.mu.waiting) == 0 || l.mu.held) {
			l.wake.Wait()
		}
		if l.mu.closed {
			l.mu.Unlock()
			return
		}
		p, lost := l.mu.waiting[0], l.mu.lost
		l.mu.waiting = l.mu.waiting[1:]
		if lost {
			l.mu.Unlock()
			p.done(nil, store.ErrUnknown)
			continue
		}
		l.mu.last++
		i := l.mu.last
		l.mu.entries[i] = p.batch
		l.mu.Unlock()
		res := l.st.Apply(i, 1, 0, p.batch)
		p.done(res, nil)
		l.st.Settle(i, 1, nil)
	}
}

// set changes what becomes of proposals.
func (l *soloLog) set(held, lost bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.held, l.mu.lost = held, lost
	l.wake.Broadcast()
}

func (l *soloLog) close() {
	l.mu.Lock()
	l.mu.closed = true
	l.wake.Broadcast()
	l.mu.Unlock()
	<-l.done
}

// A house is a broker over a store in memory, and a port to it.
type house struct {
	t       testing.TB
	log     *soloLog
	broker  *broker.Broker
	opt     Options
	port    net.Listener
	serving sync.WaitGroup
	ended   chan error // of each conversation
	mu      sync.Mutex
	open    []net.Conn
	stop    context.CancelFunc
}

func newHouse(t testing.TB, limits broker.Limits, change func(*Options)) *house {
	t.Helper()
	st, err := store.Open("store", store.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, log: newSoloLog(st), opt: Options{Server: "Quorate/test", IDPrefix: "ID:test"}, ended: make(chan error, 100000)}
	st.SetLog(h.log)
	if change != nil {
		change(&h.opt)
	}
	reigns := make(chan error, 1)
	var b store.Batch
	b.Reign(1, 1, 1)
	st.Propose(&b, func(_ store.Result, err error) { reigns <- err })
	if err := <-reigns; err != nil {
		t.Fatal(err)
	}
	h.broker = broker.New(broker.Config{Name: "test", Store: st, Limits: limits})
	ctx, cancel := context.WithCancel(context.Background())
	h.stop = cancel
	if err := h.broker.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if h.port, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	h.serving.Go(func() {
		for {
			c, err := h.port.Accept()
			if err != nil {
				return
			}
			h.mu.Lock()
			h.open = append(h.open, c)
			h.mu.Unlock()
			h.serving.Go(func() { h.ended <- Serve(ctx, c, h.broker, h.opt) })
		}
	})
	t.Cleanup(func() {
		h.port.Close()
		h.log.set(false, true)
		cancel()
		h.broker.Stop(broker.ErrUnknown)
		h.serving.Wait()
		h.log.close()
		st.Close()
	})
	return h
}

// cut breaks every connection.
func (h *house) cut() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.open {
		c.Close()
	}
	h.open = nil
}

// A peer is a raw connection that remembers what identifiers it was told.
type peer struct {
	t testing.TB
	net.Conn
	r    *frame.Reader
	acks []string
	ids  []string
	tos  []string // reply-to
}

func (h *house) dial() *peer {
	h.t.Helper()
	c, err := net.Dial("tcp", h.port.Addr().String())
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { c.Close() })
	return &peer{t: h.t, Conn: c, r: frame.NewReader(c)}
}

// login connects with version 1.2.
func (h *house) login(headers ...string) *peer {
	h.t.Helper()
	c := h.dial()
	c.say("CONNECT\naccept-version:1.2\n" + strings.Join(append(headers, ""), "\n") + "\n^@")
	c.want("CONNECTED")
	return c
}

// say sends bytes; "^@" stands for NUL, "${ack1}", "${id1}" and "${to1}" for the
// ack, message-id and reply-to of the first MESSAGE.
func (c *peer) say(s string) {
	c.t.Helper()
	s = strings.ReplaceAll(s, "^@", "\x00")
	for i := range c.acks {
		s = strings.ReplaceAll(s, fmt.Sprintf("${ack%d}", i+1), c.acks[i])
		s = strings.ReplaceAll(s, fmt.Sprintf("${id%d}", i+1), c.ids[i])
		s = strings.ReplaceAll(s, fmt.Sprintf("${to%d}", i+1), c.tos[i])
	}
	c.SetWriteDeadline(time.Now().Add(20 * time.Second))
	if _, err := c.Write([]byte(s)); err != nil {
		c.t.Fatalf("say %.60q: %v", s, err)
	}
}

func (c *peer) read() (*frame.Frame, error) {
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	f, err := c.r.Read()
	if err != nil {
		return nil, err
	}
	switch f.Command {
	case frame.Connected:
		switch f.Value("version") {
		case "1.0":
			c.r.SetVersion(frame.V10)
		case "1.1":
			c.r.SetVersion(frame.V11)
		case "1.2":
			c.r.SetVersion(frame.V12)
		}
	case frame.Message:
		esc := strings.NewReplacer(`\`, `\\`, ":", `\c`) // for the next frame of 1.2
		c.acks = append(c.acks, esc.Replace(f.Value("ack")))
		c.ids = append(c.ids, f.Value("message-id"))
		c.tos = append(c.tos, esc.Replace(f.Value("reply-to")))
	}
	return f, nil
}

func (c *peer) want(command string) *frame.Frame {
	c.t.Helper()
	f, err := c.read()
	if err != nil {
		c.t.Fatalf("waiting for %s: %v", command, err)
	}
	if f.Command != command {
		c.t.Fatalf("%s instead of %s", print(f), command)
	}
	return f
}

var (
	changing = regexp.MustCompile(`ID:test-([0-9a-z]{11,}-)?\d+`)
	port     = regexp.MustCompile(`127.0.0.1:\d+`)
	clock    = regexp.MustCompile(`timestamp="\d+"`)
)

// print shows a frame on one line, without what differs from run to run.
func print(f *frame.Frame) string {
	var b strings.Builder
	b.WriteString(f.Command)
	for _, h := range f.Headers {
		fmt.Fprintf(&b, " %s=%q", h.Name, h.Value)
	}
	if len(f.Body) > 0 {
		fmt.Fprintf(&b, " body=%q", f.Body)
	}
	text := port.ReplaceAllString(b.String(), "HOST:PORT")
	return clock.ReplaceAllString(changing.ReplaceAllString(text, "ID:test-N"), `timestamp="T"`)
}
