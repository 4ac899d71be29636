package broker

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/quorate/quorate/message"
	"github.com/quorate/quorate/store"
)

func TestSendReceiveAck(t *testing.T) {
	r := newRig(t, nil)
	a, b := r.connect(""), r.connect("")
	a.sends(queueNamed("q"), 1, 3)
	b.subscribe(Spec{Destination: queueNamed("q")})
	list := b.expect("1", "2", "3")
	for _, d := range list {
		if d.Redelivered || d.Count != 0 {
			t.Fatalf("%q is marked as redelivered", d.Message.Body)
		}
	}
	ack(t, list[1], false)
	if n := r.depth(queueNamed("q")); n != 2 {
		t.Fatalf("%d pending, want 2", n)
	}
	ack(t, list[2], true)
	if n := r.depth(queueNamed("q")); n != 0 {
		t.Fatalf("%d pending, want 0", n)
	}
	wantKind(t, wait(t, func(done func(error)) { list[0].Sub.Ack(list[0], false, nil, done) }), KindNotFound)
}

func TestCompetingConsumersArePrefetchBound(t *testing.T) {
	r := newRig(t, nil)
	a, b, c := r.connect(""), r.connect(""), r.connect("")
	b.subscribe(Spec{Destination: queueNamed("q"), Prefetch: 2})
	c.subscribe(Spec{Destination: queueNamed("q"), Prefetch: 1})
	r.quiet()
	a.sends(queueNamed("q"), 1, 5)
	first := b.expect("1", "3")
	c.expect("2")
	b.nothing(r)
	ack(t, first[0], false)
	b.expect("4")
	c.nothing(r)
}

// A producer that mixes both kinds sees its order kept [S2].
func TestOrderAcrossKinds(t *testing.T) {
	r := newRig(t, nil)
	a, b := r.connect(""), r.connect("")
	a.send(persistent(queueNamed("q"), "0"), nil)
	resume := r.log.pause()
	ch := make(chan string, 10)
	for i := 1; i <= 6; i++ {
		m := persistent(queueNamed("q"), fmt.Sprint(i))
		m.Persistent = i%2 == 1
		if err := a.c.Send(m, nil, func(err error) { ch <- fmt.Sprint(i, err) }); err != nil {
			t.Fatal(err)
		}
	}
	b.subscribe(Spec{Destination: queueNamed("q")})
	b.expect("0")
	b.nothing2(t)
	resume()
	b.expect("1", "2", "3", "4", "5", "6")
	for i := 1; i <= 6; i++ {
		if got, want := await(t, ch), fmt.Sprint(i, nil); got != want {
			t.Fatalf("done %q, want %q", got, want)
		}
	}
}

// nothing2 is nothing for a log that stands still.
func (o *client) nothing2(t *testing.T) {
	t.Helper()
	if len(o.got) > 0 {
		t.Fatalf("got %q, want nothing", bodyOf(<-o.got))
	}
}

func TestRedeliveryKeepsOrderAndCounts(t *testing.T) {
	r := newRig(t, nil)
	a, b := r.connect(""), r.connect("")
	a.sends(queueNamed("q"), 1, 3)
	s := b.subscribe(Spec{Destination: queueNamed("q")})
	list := b.expect("1", "2", "3")
	s.Nack(list[1], false, nil, nil)
	again := b.expect("2")[0]
	if !again.Redelivered || again.Count != 1 {
		t.Fatalf("redelivered %v, count %d", again.Redelivered, again.Count)
	}
	b.c.Close() // a consumer that goes counts
	c := r.connect("")
	c.subscribe(Spec{Destination: queueNamed("q"), Prefetch: 1})
	for i, want := range []uint32{1, 2, 1} {
		d := c.expect(fmt.Sprint(i + 1))[0]
		if !d.Redelivered || d.Count != want {
			t.Fatalf("%d: redelivered %v, count %d, want %d", i+1, d.Redelivered, d.Count, want)
		}
		ack(t, d, false)
	}
}

func TestUnsubscribeCountsNothing(t *testing.T) {
	r := newRig(t, nil)
	a := r.connect("")
	a.sends(queueNamed("q"), 1, 1)
	s := a.subscribe(Spec{Destination: queueNamed("q")})
	a.expect("1")
	if err := wait(t, s.Close); err != nil {
		t.Fatal(err)
	}
	a.subscribe(Spec{Destination: queueNamed("q")})
	if d := a.expect("1")[0]; !d.Redelivered || d.Count != 0 {
		t.Fatalf("redelivered %v, count %d", d.Redelivered, d.Count)
	}
}

func TestDeadLetter(t *testing.T) {
	r := newRig(t, func(c *Config) {
		p := DefaultPolicy()
		p.MaxRedeliveries = 2
		c.Policies.Entries = []Entry{{Pattern: "orders.>", Policy: p}}
	})
	a := r.connect("")
	d := queueNamed("orders.eu")
	a.sends(d, 1, 2)
	s := a.subscribe(Spec{Destination: d, Prefetch: 1})
	for range 3 {
		s.Nack(a.expect("1")[0], false, nil, nil)
	}
	a.expect("2")
	b := r.connect("")
	b.subscribe(Spec{Destination: queueNamed("ActiveMQ.DLQ")})
	dead := b.expect("1")[0]
	if cause, _ := dead.Message.Property("dlqDeliveryFailureCause"); cause != "Delivery[3] exceeds redelivery policy limit: 2" {
		t.Fatalf("cause %q", cause)
	}
	if dead.Message.Original != d || dead.Message.Destination != queueNamed("ActiveMQ.DLQ") {
		t.Fatalf("original %v, destination %v", dead.Message.Original, dead.Message.Destination)
	}
	for range 9 { // a dead letter has nowhere to go
		dead.Sub.Nack(dead, false, nil, nil)
		dead = b.expect("1")[0]
	}
	s.Reject(a.subOutstanding(s), nil)
	b.expect("2")
	if n := r.depth(d); n != 0 {
		t.Fatalf("%d left", n)
	}
}

func (o *client) subOutstanding(s *Subscription) *Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.pending[s.head:] {
		if !d.taken {
			return d
		}
	}
	return nil
}

func TestExpiry(t *testing.T) {
	now := time.UnixMilli(1_000_000)
	r := newRig(t, func(c *Config) { c.Now = func() time.Time { return now } })
	a := r.connect("")
	for i, kind := range []bool{true, false, true} {
		m := persistent(queueNamed("q"), fmt.Sprint(i))
		m.Persistent = kind
		if i < 2 {
			m.Expiration = 999_999
		}
		a.send(m, nil)
	}
	a.subscribe(Spec{Destination: queueNamed("q")})
	a.expect("2")
	b := r.connect("")
	b.subscribe(Spec{Destination: queueNamed("ActiveMQ.DLQ")})
	dead := b.expect("0")[0]
	if dead.Message.Expiration != 0 {
		t.Fatal("a dead letter expires")
	}
	if v, _ := dead.Message.Property("originalExpiration"); v != int64(999_999) {
		t.Fatalf("originalExpiration %v", v)
	}
	b.nothing(r)
	if n := r.depth(queueNamed("q")); n != 1 {
		t.Fatalf("%d pending, want 1", n)
	}
}

func TestTransaction(t *testing.T) {
	r := newRig(t, nil)
	a, b := r.connect(""), r.connect("")
	a.sends(queueNamed("in"), 1, 2)
	a.subscribe(Spec{Destination: queueNamed("in"), Prefetch: 1})
	b.subscribe(Spec{Destination: queueNamed("out")})
	tx, err := a.c.Begin()
	if err != nil {
		t.Fatal(err)
	}
	take := func(body string) {
		d := a.expect(body)[0]
		if err := wait(t, func(done func(error)) { d.Sub.Ack(d, false, tx, done) }); err != nil {
			t.Fatal(err)
		}
	}
	take("1") // the prefetch is 1: the transaction's acknowledgement makes room
	take("2")
	a.send(persistent(queueNamed("out"), "p"), tx)
	a.send(volatileMessage(queueNamed("out"), "v"), tx)
	b.nothing(r)
	if err := wait(t, tx.Rollback); err != nil {
		t.Fatal(err)
	}
	b.nothing(r)
	wantKind(t, wait(t, tx.Commit), KindNotFound)

	tx, _ = a.c.Begin()
	d := a.expect("1")[0]
	if !d.Redelivered || d.Count != 1 {
		t.Fatalf("redelivered %v, count %d", d.Redelivered, d.Count)
	}
	d.Sub.Ack(d, false, tx, nil)
	a.send(volatileMessage(queueNamed("out"), "v"), tx)
	a.send(persistent(queueNamed("out"), "p"), tx)
	if err := wait(t, tx.Commit); err != nil {
		t.Fatal(err)
	}
	b.expect("v", "p")
	if n := r.depth(queueNamed("in")); n != 1 {
		t.Fatalf("%d pending, want 1", n)
	}
}

func TestTransactionOfADeadConnection(t *testing.T) {
	r := newRig(t, nil)
	a, b := r.connect(""), r.connect("")
	a.sends(queueNamed("q"), 1, 1)
	a.subscribe(Spec{Destination: queueNamed("q")})
	tx, _ := a.c.Begin()
	d := a.expect("1")[0]
	d.Sub.Ack(d, false, tx, nil)
	a.send(persistent(queueNamed("q"), "never"), tx)
	a.c.Close()
	b.subscribe(Spec{Destination: queueNamed("q")})
	if d := b.expect("1")[0]; !d.Redelivered {
		t.Fatal("not marked")
	}
	b.nothing(r)
}

func TestTopic(t *testing.T) {
	r := newRig(t, nil)
	a, b, c := r.connect("A"), r.connect("B"), r.connect("C")
	d := topicNamed("t")
	b.subscribe(Spec{Destination: d})
	c.subscribe(Spec{Destination: d, NoLocal: true})
	r.quiet()
	a.send(persistent(d, "1"), nil)
	a.send(volatileMessage(d, "2"), nil)
	c.send(persistent(d, "3"), nil)
	b.expect("1", "2", "3")
	list := c.expect("1", "2")
	c.nothing(r)
	ack(t, list[1], true)
	if n := len(r.st.Queues()); n != 0 {
		t.Fatalf("a topic made %d queues", n)
	}
}

func TestDurableSubscription(t *testing.T) {
	r := newRig(t, nil)
	a, b := r.connect(""), r.connect("B")
	d := topicNamed("t")
	spec := Spec{Destination: d, DurableName: "sub"}
	s := b.subscribe(spec)
	live := a.subscribe(Spec{Destination: d})
	_ = live
	r.quiet()
	a.send(persistent(d, "1"), nil)
	ack(t, b.expect("1")[0], false)
	a.expect("1")
	if _, err := b.c.Subscribe(spec); KindOf(err) != KindInUse {
		t.Fatalf("a second consumer: %v", err)
	}
	wantKind(t, wait(t, func(done func(error)) { b.c.RemoveDurable("B", "sub", done) }), KindInUse)
	if err := wait(t, s.Close); err != nil {
		t.Fatal(err)
	}
	a.send(persistent(d, "2"), nil)
	a.send(volatileMessage(d, "3"), nil)
	if _, err := r.b.Connect(ConnInfo{ClientID: "B"}, b); KindOf(err) != KindInvalidClientID {
		t.Fatalf("the client id twice: %v", err)
	}
	r.quiet()
	b.subscribe(spec)
	b.expect("2", "3")
	b.c.Close()
	r.failover()
	c := r.connect("B")
	c.subscribe(spec)
	if d := c.expect("2")[0]; !d.Redelivered {
		t.Fatal("not marked after a failover")
	}
	c.c.Close()
	r.quiet()
	c = r.connect("B")
	if err := wait(t, func(done func(error)) { c.c.RemoveDurable("B", "sub", done) }); err != nil {
		t.Fatal(err)
	}
	if n := len(r.st.Queues()); n != 0 {
		t.Fatalf("%d queues left", n)
	}
	_, err := r.connect("").c.Subscribe(spec)
	wantKind(t, err, KindInvalidClientID)
}

func TestRequestReply(t *testing.T) {
	r := newRig(t, nil)
	a, b := r.connect(""), r.connect("")
	reply, err := a.c.TempDestination(message.TempQueue, "")
	if err != nil {
		t.Fatal(err)
	}
	a.subscribe(Spec{Destination: reply})
	_, err = b.c.Subscribe(Spec{Destination: reply})
	wantKind(t, err, KindInvalidDestination)
	b.send(persistent(reply, "answer"), nil)
	ack(t, a.expect("answer")[0], false)
	a.c.Close()
	wantKind(t, b.trySend(persistent(reply, "late"), nil), KindInvalidDestination)
	if n := len(r.st.Queues()); n != 0 {
		t.Fatalf("a temporary queue made %d queues", n)
	}
}

func TestBrowser(t *testing.T) {
	r := newRig(t, nil)
	a, b := r.connect(""), r.connect("")
	d := queueNamed("q")
	a.sends(d, 1, 4)
	a.send(volatileMessage(d, "5"), nil)
	a.subscribe(Spec{Destination: d, Prefetch: 1})
	a.expect("1")
	s := b.subscribe(Spec{Destination: d, Browser: true, Prefetch: 2})
	list := b.expect("1", "2")
	b.nothing(r)
	a.sends(d, 6, 6)
	s.Ack(list[1], true, nil, nil)
	list = b.expect("3", "4")
	s.Ack(list[1], true, nil, nil)
	b.expect("5", "end")
	b.nothing(r)
	if n := r.depth(d); n != 6 {
		t.Fatalf("%d pending, want 6", n)
	}
}

func TestFailover(t *testing.T) {
	r := newRig(t, nil)
	a, b := r.connect(""), r.connect("")
	d := queueNamed("q")
	a.sends(d, 1, 4)
	a.send(volatileMessage(d, "gone"), nil)
	s := b.subscribe(Spec{Destination: d, Prefetch: 2})
	list := b.expect("1", "2")
	ack(t, list[0], false)
	s.Nack(b.expect("3")[0], false, nil, nil)
	b.expect("3")
	r.quiet()
	resume := r.log.pause()
	res := make(chan error, 2)
	if err := a.c.Send(persistent(d, "unknown"), nil, func(err error) { res <- err }); err != nil {
		t.Fatal(err)
	}
	a.c.Send(volatileMessage(d, "behind"), nil, func(err error) { res <- err })
	r.log.failWith(store.ErrUnknown)
	resume()
	for range 2 {
		if err := await(t, res); !errors.Is(err, ErrUnknown) {
			t.Fatalf("got %v, want an unknown outcome", err)
		}
	}
	if err := await(t, a.gone); !errors.Is(err, ErrUnknown) {
		t.Fatalf("closed with %v", err)
	}
	if err := a.c.Send(persistent(d, "x"), nil, nil); KindOf(err) != KindNotMaster {
		t.Fatalf("a send after the end: %v", err)
	}
	r.failover()
	if err := await(t, b.gone); !errors.Is(err, ErrUnknown) {
		t.Fatalf("closed with %v", err)
	}
	a.c.Close()
	b.c.Close()
	c := r.connect("")
	c.subscribe(Spec{Destination: d})
	for i, d := range c.expect("2", "3", "4") {
		if want := map[int]uint32{1: 1}[i]; !d.Redelivered || d.Count != want {
			t.Fatalf("%q: redelivered %v, count %d, want %d", d.Message.Body, d.Redelivered, d.Count, want)
		}
	}
	c.send(persistent(d, "new"), nil)
	if d := c.expect("new")[0]; d.Redelivered {
		t.Fatal("a message of this reign is marked")
	}
}

func TestNothingWithoutTheLease(t *testing.T) {
	var leased atomic.Bool
	r := newRig(t, func(c *Config) { c.Leased = leased.Load })
	a := r.connect("")
	a.subscribe(Spec{Destination: queueNamed("q")})
	a.sends(queueNamed("q"), 1, 2)
	a.nothing(r)
	leased.Store(true)
	a.expect("1", "2")
}

func TestNonPersistentBacklogSpills(t *testing.T) {
	var spill *store.Spill
	r := newRig(t, func(c *Config) {
		var err error
		if spill, err = store.OpenSpill("spill", store.SpillOptions{FS: vfs.NewMem()}); err != nil {
			t.Fatal(err)
		}
		c.Spill = spill
		c.Policies.Default = &Entry{Policy: policyWith(func(p *Policy) { p.PendingBytes = 4 << 10 })}
	})
	t.Cleanup(func() { spill.Close() })
	a, b := r.connect(""), r.connect("")
	q, topic := queueNamed("q"), topicNamed("t")
	c := r.connect("")
	c.subscribe(Spec{Destination: topic, Prefetch: 1})
	r.quiet()
	const n = 200
	var want []string
	for i := range n {
		want = append(want, fmt.Sprint(i))
		m := volatileMessage(q, fmt.Sprint(i))
		m.Persistent = i%50 == 0
		a.send(m, nil)
		a.send(volatileMessage(topic, fmt.Sprint(i)), nil)
	}
	r.quiet()
	if spill.Usage() == 0 {
		t.Fatal("nothing was spilled")
	}
	if m := r.b.Usage().Memory; m > 64<<10 {
		t.Fatalf("%d bytes in memory", m)
	}
	b.subscribe(Spec{Destination: q, Prefetch: 10})
	for i := range n {
		ack(t, b.expect(want[i])[0], false)
		ack(t, c.expect(want[i])[0], false)
	}
	r.quiet()
	if u := spill.Usage(); u != 0 {
		t.Fatalf("%d bytes are left in the spill", u)
	}
	if d := r.depth(q); d != 0 {
		t.Fatalf("%d pending", d)
	}
}

func TestBacklogIsOnDiskOnly(t *testing.T) {
	r := newRig(t, func(c *Config) {
		c.Policies.Default = &Entry{Policy: policyWith(func(p *Policy) { p.WindowMessages = 50 })}
		c.Limits.Memory = 1 << 20
	})
	a := r.connect("")
	const n = 3000
	a.sends(queueNamed("q"), 1, n)
	r.quiet()
	if m := r.b.Usage().Memory; m > 64<<10 {
		t.Fatalf("%d bytes in memory", m)
	}
	a.subscribe(Spec{Destination: queueNamed("q"), Prefetch: 20})
	for i := 1; i <= n; i++ {
		d := a.expect(fmt.Sprint(i))[0]
		d.Sub.Ack(d, false, nil, nil)
		if i%500 == 0 {
			a.sends(queueNamed("q"), n+i/500, n+i/500)
		}
	}
	for i := 1; i <= n/500; i++ {
		ack(t, a.expect(fmt.Sprint(n + i))[0], false)
	}
	if d := r.depth(queueNamed("q")); d != 0 {
		t.Fatalf("%d pending", d)
	}
}

func TestLimitsExplainThemselves(t *testing.T) {
	r := newRig(t, func(c *Config) {
		c.Limits = Limits{Temp: 1, Store: 1, Transaction: 1000, MessageSize: 1000, SendTimeout: -1}
		c.Store = fullStore{c.Store}
	})
	a := r.connect("")
	err := a.trySend(persistent(queueNamed("q"), "x"), nil)
	wantKind(t, err, KindResourceLimit)
	if want := "send: Persistent store is Full, 1000% of 1. Stopping producer (test r) to prevent flooding queue://q: 10 bytes are used"; err.Error() != want {
		t.Fatalf("got  %v\nwant %v", err, want)
	}
	if a.c.Ready(1, true) == nil {
		t.Fatal("ready for a persistent message")
	}
	if a.c.Ready(1, false) != nil {
		t.Fatal("not ready for another")
	}
	m := volatileMessage(queueNamed("q"), "x")
	m.Body = make([]byte, 900)
	tx, _ := a.c.Begin()
	wantKind(t, func() error { a.send(volatileMessage(queueNamed("q"), "y"), tx); return a.trySend(m, tx) }(), KindResourceLimit)
	m.Body = make([]byte, 1001)
	wantKind(t, a.trySend(m, nil), KindResourceLimit)
}

type fullStore struct{ Store }

func (s fullStore) Usage() store.Usage { return store.Usage{Disk: 10} }

func TestAdmissionBlocksTheSenderAlone(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Limits.InFlight = 1000 })
	a, b := r.connect(""), r.connect("")
	a.sends(queueNamed("q"), 1, 1)
	a.sends(queueNamed("other"), 1, 1)
	s := b.subscribe(Spec{Destination: queueNamed("q")})
	d := b.expect("1")[0]
	resume := r.log.pause()
	res := make(chan error, 100)
	go func() {
		for i := range 50 {
			if err := b.c.Send(persistent(queueNamed("other"), fmt.Sprint(i)), nil, func(err error) { res <- err }); err != nil {
				res <- err
			}
		}
	}()
	r.until("the sender is blocked", func() bool { return r.b.Usage().InFlight != 0 || b.c.Ready(1000, true) != nil })
	s.Ack(d, false, nil, func(err error) { res <- err }) // while the sender is blocked
	resume()
	for range 51 {
		if err := await(t, res); err != nil {
			t.Fatal(err)
		}
	}
	r.quiet()
	if n := r.b.Usage().InFlight; n != 0 {
		t.Fatalf("%d bytes are still in flight", n)
	}
}

func TestDuplicates(t *testing.T) {
	r := newRig(t, nil)
	a := r.connect("")
	for range 2 {
		if err := wait(t, func(done func(error)) {
			if err := a.c.SendFrom(Producer{Name: "p", Sequence: 1}, persistent(queueNamed("q"), "1"), nil, done); err != nil {
				done(err)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	if n := r.depth(queueNamed("q")); n != 1 {
		t.Fatalf("%d pending, want 1", n)
	}
}

func TestBadRequests(t *testing.T) {
	r := newRig(t, nil)
	a := r.connect("")
	for _, d := range []message.Destination{{}, queueNamed(""), queueNamed("a,"), {Kind: message.TempQueue, Name: "none"}} {
		wantKind(t, a.trySend(persistent(d, "x"), nil), KindInvalidDestination)
		_, err := a.c.Subscribe(Spec{Destination: d})
		wantKind(t, err, KindInvalidDestination)
	}
	_, err := a.c.Subscribe(Spec{Destination: queueNamed("q"), Selector: "a = = 1"})
	wantKind(t, err, KindInvalidSelector)
	_, err = a.c.Subscribe(Spec{Destination: topicNamed("t"), Browser: true})
	wantKind(t, err, KindInvalidDestination)
	r.b.Stop(ErrNotMaster)
	_, err = r.b.Connect(ConnInfo{}, a)
	wantKind(t, err, KindNotMaster)
}

func TestPurgeAndDelete(t *testing.T) {
	r := newRig(t, nil)
	a := r.connect("")
	d := queueNamed("q")
	a.sends(d, 1, 5)
	a.send(volatileMessage(d, "6"), nil)
	s := a.subscribe(Spec{Destination: d, Prefetch: 1})
	first := a.expect("1")[0]
	if err := r.b.Purge(t.Context(), "q"); err != nil {
		t.Fatal(err)
	}
	r.quiet()
	if n := r.depth(d); n != 0 {
		t.Fatalf("%d pending after a purge", n)
	}
	ack(t, first, false)
	a.sends(d, 7, 7)
	ack(t, a.expect("7")[0], false)
	wantKind(t, r.b.Delete(t.Context(), "q"), KindInUse)
	if err := wait(t, s.Close); err != nil {
		t.Fatal(err)
	}
	if err := r.b.Delete(t.Context(), "q"); err != nil {
		t.Fatal(err)
	}
	wantKind(t, r.b.Delete(t.Context(), "q"), KindInvalidDestination)
	a.sends(d, 8, 8)
	a.subscribe(Spec{Destination: d})
	a.expect("8")
}

// A store that cannot read for a moment delays, and loses nothing.
func TestPagesThatCannotBeRead(t *testing.T) {
	broken := &brokenStore{}
	r := newRig(t, func(c *Config) {
		broken.Store = c.Store
		c.Store = broken
		c.Policies.Default = &Entry{Policy: policyWith(func(p *Policy) { p.WindowMessages = 2 })}
	})
	a := r.connect("")
	a.sends(queueNamed("q"), 1, 5)
	broken.failures.Store(2)
	a.subscribe(Spec{Destination: queueNamed("q")})
	a.expect("1", "2", "3", "4", "5")
}

type brokenStore struct {
	Store
	failures atomic.Int32
}

func (s *brokenStore) Load(q store.QueueID, after store.Pos, n, maxBytes int) ([]store.Stored, error) {
	if s.failures.Add(-1) >= 0 {
		return nil, errors.New("bad sector")
	}
	return s.Store.Load(q, after, n, maxBytes)
}

// Where the broker redelivers, a rejected message has failed once and comes
// again until that was once too often.
func TestRejectIsRedeliveredByPolicy(t *testing.T) {
	r := newRig(t, func(c *Config) {
		c.Policies.Default = &Entry{Policy: policyWith(func(p *Policy) {
			p.MaxRedeliveries, p.RedeliveryDelay = 1, time.Millisecond
		})}
	})
	a := r.connect("")
	a.sends(queueNamed("q"), 1, 1)
	s := a.subscribe(Spec{Destination: queueNamed("q")})
	s.Reject(a.expect("1")[0], nil)
	d := a.expect("1")[0]
	if !d.Redelivered || d.Count != 1 {
		t.Fatalf("redelivered %v, count %d", d.Redelivered, d.Count)
	}
	s.Reject(d, nil)
	b := r.connect("")
	b.subscribe(Spec{Destination: queueNamed("ActiveMQ.DLQ")})
	b.expect("1")
}
