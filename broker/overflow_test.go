package broker

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/quorate/quorate/store"
)

// A logged is what was logged.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

// count says how many lines have all the words.
func (l *logged) count(words ...string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
lines:
	for line := range strings.Lines(l.buf.String()) {
		for _, w := range words {
			if !strings.Contains(line, w) {
				continue lines
			}
		}
		n++
	}
	return n
}

func (l *logged) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func TestAFullQueueRejects(t *testing.T) {
	seen := make(chan Event, 100)
	r := newRig(t, func(c *Config) {
		c.Observe = func(e Event) { seen <- e }
		c.Policies.Entries = []Entry{
			{Pattern: "few", Policy: policyWith(func(p *Policy) {
				p.QueueMessages, p.ProducerFlowControl, p.Advise.WhenFull = 2, false, true
			})},
			{Pattern: "small", Policy: policyWith(func(p *Policy) { p.QueueBytes, p.ProducerFlowControl = 1000, false })},
			{Pattern: "drops", Policy: policyWith(func(p *Policy) { p.QueueMessages, p.Overflow = 1, OverflowDropOldest })},
		}
	})
	a := r.connect("me")
	a.sends(queueNamed("few"), 1, 1)
	a.send(volatileMessage(queueNamed("few"), "2"), nil)
	r.quiet()
	err := a.trySend(persistent(queueNamed("few"), "3"), nil)
	wantKind(t, err, KindResourceLimit)
	if want := "send: queue://few is Full, 100% of 2 messages. Stopping producer (me) to prevent flooding queue://few: 2 messages of "; !strings.HasPrefix(err.Error(), want) {
		t.Fatalf("got  %v\nwant %v", err, want)
	}
	for e := await(t, seen); e.Kind != LimitReached; e = await(t, seen) {
		continue
	}
	tx, _ := a.c.Begin()
	a.send(persistent(queueNamed("few"), "3"), tx)
	wantKind(t, wait(t, tx.Commit), KindResourceLimit)
	big := persistent(queueNamed("small"), "1")
	big.Body = make([]byte, 700)
	a.send(big, nil)
	wantKind(t, a.trySend(big, nil), KindResourceLimit)
	a.sends(queueNamed("drops"), 1, 1)
	a.send(persistent(queueNamed("drops"), "2"), nil)
}

// A sender that waits for room in a queue goes on when something leaves it, and
// the log tells of both.
func TestAFullQueueHoldsItsSenderUp(t *testing.T) {
	var log logged
	r := newRig(t, func(c *Config) {
		c.Logger = log.logger()
		c.Policies.Default = &Entry{Policy: policyWith(func(p *Policy) { p.QueueMessages = 1 })}
	})
	a, b := r.connect("a"), r.connect("b")
	a.sends(queueNamed("q"), 1, 1)
	b.subscribe(Spec{Destination: queueNamed("q")})
	d := b.expect("1")[0]
	res := make(chan error, 1)
	go func() { res <- a.trySend(persistent(queueNamed("q"), "2"), nil) }()
	r.until("the sender is blocked", func() bool { return r.b.Usage().Blocked != 0 })
	ack(t, d, false)
	if err := await(t, res); err != nil {
		t.Fatal(err)
	}
	b.expect("2")
	if n := log.count("level=WARN", "queue://q is Full, 100% of 1 messages. Stopping producer (a) to prevent flooding queue://q"); n != 1 {
		t.Fatalf("%d warnings, want 1", n)
	}
	if n := log.count("level=INFO", "Producer (a) to queue://q goes on"); n != 1 {
		t.Fatalf("%d lines that it goes on, want 1", n)
	}
}

// A full disk's error names who fills it, and the log is not flooded.
func TestAFullDiskNamesItsHolders(t *testing.T) {
	var log logged
	var used atomic.Int64
	r := newRig(t, func(c *Config) {
		c.Logger = log.logger()
		c.Limits = Limits{Store: 100, SendTimeout: time.Nanosecond}
		c.Store = usedStore{c.Store, &used}
	})
	a := r.connect("a")
	a.sends(queueNamed("little"), 1, 1)
	a.sends(queueNamed("much"), 1, 30)
	a.sends(queueNamed("more"), 1, 20)
	b := r.connect("b")
	b.subscribe(Spec{Destination: topicNamed("t"), DurableName: "s"})
	a.sends(topicNamed("t"), 1, 10)
	used.Store(120)
	r.b.current().usage.look()
	for range 3 {
		err := a.trySend(persistent(queueNamed("little"), "2"), nil)
		wantKind(t, err, KindResourceLimit)
		text := err.Error()
		if !strings.Contains(text, "Persistent store is Full, 120% of 100.") || !strings.Contains(text, "120 bytes are used, most by queue://much (") ||
			!strings.Contains(text, `queue://more (`) || !strings.Contains(text, `the durable subscription "s" of client "b" (`) ||
			strings.Contains(text, "little (") || !strings.HasSuffix(text, "; no room came within 1ns") {
			t.Fatal(err)
		}
	}
	if n := log.count("Persistent store is Full"); n != 1 {
		t.Fatalf("%d warnings, want 1", n)
	}
}

type usedStore struct {
	Store
	used *atomic.Int64
}

func (s usedStore) Usage() store.Usage { return store.Usage{Disk: s.used.Load()} }

// The log warns before a limit stops anybody, once at each step.
func TestDisksThatFillUp(t *testing.T) {
	var log logged
	var used atomic.Int64
	r := newRig(t, func(c *Config) {
		c.Logger = log.logger()
		c.Limits.Store = 100
		c.Store = usedStore{c.Store, &used}
	})
	a := r.connect("a")
	a.sends(queueNamed("q"), 1, 1)
	for _, n := range []int64{50, 70, 75, 69, 71, 86, 99, 80, 86, 50, 70} {
		used.Store(n)
		r.b.current().usage.look()
	}
	for text, want := range map[string]int{"is at 70%": 2, "is at 71%": 0, "is at 86%": 2, "is at 99%": 1, "level=WARN": 5} {
		if n := log.count(text); n != want {
			t.Errorf("%d lines with %q, want %d", n, text, want)
		}
	}
	if log.count("Persistent store is at 70% of 100: 70 bytes are used, most by queue://q (") != 2 {
		t.Error("nobody holds it")
	}
}

func TestAFullSpillNamesItsHolders(t *testing.T) {
	spill, err := store.OpenSpill("spill", store.SpillOptions{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(c *Config) {
		c.Spill, c.Limits = spill, Limits{Temp: 1 << 40, SendTimeout: -1}
		c.Policies.Default = &Entry{Policy: policyWith(func(p *Policy) { p.PendingBytes = 600 })}
	})
	t.Cleanup(func() { spill.Close() })
	a := r.connect("a")
	for i := range 10 {
		a.send(volatileMessage(queueNamed(fmt.Sprint("q", i%2)), "x"), nil)
		a.send(volatileMessage(queueNamed("q1"), "x"), nil)
	}
	r.quiet()
	text := (&limit{name: "temp", holders: spillHolders}).kept(r.b.current())
	if !strings.Contains(text, "most by queue://q1 (") || !strings.Contains(text, ", queue://q0 (") {
		t.Fatal(text)
	}
	for _, q := range []string{"q0", "q1"} {
		for n := r.depth(queueNamed(q)); n > 0; n-- {
			r.take(queueNamed(q))
		}
		for _, d := range r.b.Destinations() {
			if d.Destination == queueNamed(q) && d.Spilled != 0 {
				t.Fatalf("%d bytes are left in the spill", d.Spilled)
			}
		}
	}
}

func TestFullMemoryNamesItsHolders(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Limits = Limits{Memory: 2000, SendTimeout: -1} })
	a, b := r.connect("a"), r.connect("b")
	b.subscribe(Spec{Destination: topicNamed("t"), Prefetch: 1})
	r.quiet()
	for range 9 {
		a.send(volatileMessage(topicNamed("t"), "x"), nil)
		r.quiet()
		if r.b.Usage().Memory >= 2000 {
			break
		}
	}
	err := a.trySend(volatileMessage(queueNamed("q"), "y"), nil)
	wantKind(t, err, KindResourceLimit)
	if !strings.Contains(err.Error(), "Usage Manager Memory Limit reached, ") || !strings.Contains(err.Error(), "most by a subscription of b to topic://t (") {
		t.Fatal(err)
	}
}
