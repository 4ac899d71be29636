package client

import (
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quorate/quorate/stomp/frame"
)

// A peer is the broker's end of the wire, driven by a test frame by frame: it
// says exactly when a connection breaks, which a real broker cannot.
type peer struct {
	t *testing.T
	l net.Listener
}

func listen(t *testing.T) *peer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return &peer{t, l}
}

func (p *peer) url() string {
	return "failover:(stomp://" + p.l.Addr().String() + ")?maxReconnectDelay=20"
}

// A wire is one accepted connection.
type wire struct {
	t *testing.T
	net.Conn
	r *frame.Reader
}

// accept takes a connection and logs it in.
func (p *peer) accept() *wire {
	p.t.Helper()
	c, err := p.l.Accept()
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { c.Close() })
	w := &wire{p.t, c, frame.NewReader(c)}
	w.expect(frame.Connect)
	w.reply("CONNECTED\nversion:1.2\nheart-beat:0,0\n\n\x00")
	w.r.SetVersion(frame.V12)
	return w
}

func (w *wire) expect(command string) *frame.Frame {
	w.t.Helper()
	w.SetReadDeadline(time.Now().Add(20 * time.Second))
	f, err := w.r.Read()
	if err != nil {
		w.t.Fatalf("waiting for %s: %v", command, err)
	}
	if f.Command != command {
		w.t.Fatalf("%s %v instead of %s", f.Command, f.Headers, command)
	}
	return f
}

func (w *wire) reply(s string) {
	w.t.Helper()
	if _, err := w.Write([]byte(s)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *wire) receipt(f *frame.Frame) {
	w.reply("RECEIPT\nreceipt-id:" + f.Value("receipt") + "\n\n\x00")
}

// A tally counts outcomes by name.
type tally struct {
	sync.Mutex
	seen []string
	more chan struct{}
}

func newTally() *tally { return &tally{more: make(chan struct{}, 1000)} }

func (o *tally) done(name string) func(error) {
	return func(err error) {
		o.Lock()
		if err != nil {
			name += "!" + err.Error()
		}
		o.seen = append(o.seen, name)
		o.Unlock()
		o.more <- struct{}{}
	}
}

func (o *tally) wait(n int) string {
	for range n {
		<-o.more
	}
	o.Lock()
	defer o.Unlock()
	return strings.Join(o.seen, " ")
}
