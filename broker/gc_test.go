package broker

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quorate/quorate/message"
	"github.com/quorate/quorate/store"
)

// A clock is moved by hand.
type clock struct{ ms atomic.Int64 }

func (c *clock) now() time.Time        { return time.UnixMilli(1_000_000 + c.ms.Load()) }
func (c *clock) pass(by time.Duration) { c.ms.Add(by.Milliseconds()) }

// collecting is a configuration whose destinations go after ten seconds.
func collecting(c *clock, more func(*Config)) func(*Config) {
	return func(cfg *Config) {
		cfg.Now, cfg.GCPeriod = c.now, time.Hour
		cfg.Policies.Default = &Entry{Policy: policyWith(func(p *Policy) { p.GCInactive, p.InactiveTimeout = true, 10*time.Second })}
		if more != nil {
			more(cfg)
		}
	}
}

func (r *rig) sweep() { r.b.current().sweep() }

// names gives the names of all destinations that are no advisories.
func (r *rig) names() string {
	var all []string
	for _, d := range r.b.Destinations() {
		if !isAdvisory(d.Destination) {
			all = append(all, d.Destination.String())
		}
	}
	return fmt.Sprint(all)
}

func TestInactiveDestinationsAreDeleted(t *testing.T) {
	var c clock
	var log logged
	r := newRig(t, collecting(&c, func(cfg *Config) { cfg.Logger = log.logger() }))
	a, b := r.connect("a"), r.connect("b")
	a.sends(queueNamed("empty"), 1, 1)
	r.take(queueNamed("empty"))
	a.sends(queueNamed("full"), 1, 1)
	a.send(volatileMessage(queueNamed("volatile"), "1"), nil)
	b.subscribe(Spec{Destination: queueNamed("consumed")})
	a.sends(topicNamed("quiet"), 1, 1)
	b.subscribe(Spec{Destination: topicNamed("live")})
	s := b.subscribe(Spec{Destination: topicNamed("durable"), DurableName: "s"})
	if err := wait(t, s.Close); err != nil {
		t.Fatal(err)
	}
	r.quiet()
	all := r.names()
	c.pass(9 * time.Second)
	r.sweep()
	if got := r.names(); got != all {
		t.Fatalf("%s are left of %s", got, all)
	}
	c.pass(2 * time.Second)
	r.sweep()
	if got, want := r.names(), "[queue://consumed queue://full queue://volatile topic://durable topic://durable topic://live]"; got != want {
		t.Fatalf("left  %s\nwant  %s", got, want)
	}
	if n := log.count("empty Inactive for longer than 10000 ms - removing ..."); n != 1 {
		t.Fatalf("%d lines, want 1", n)
	}
	a.sends(queueNamed("empty"), 2, 2) // it is made anew
	r.take(queueNamed("empty"))
	a.sends(topicNamed("quiet"), 1, 1)
}

func TestASweepIsBounded(t *testing.T) {
	var c clock
	r := newRig(t, collecting(&c, func(cfg *Config) { cfg.GCSweep = 2 }))
	a := r.connect("")
	for i := range 5 {
		d := topicNamed(fmt.Sprint(i))
		a.send(persistent(d, "1"), nil)
	}
	c.pass(time.Minute)
	for _, left := range []int{3, 1, 0} {
		r.sweep()
		if n := len(r.b.Destinations()); n != left {
			t.Fatalf("%d left, want %d", n, left)
		}
	}
}

// A message that is in the log's hands when its queue is deleted keeps it.
func TestAMessageOnItsWayKeepsItsQueue(t *testing.T) {
	var c clock
	r := newRig(t, collecting(&c, nil))
	a := r.connect("")
	a.sends(queueNamed("q"), 1, 1)
	r.take(queueNamed("q"))
	c.pass(time.Minute)
	resume := r.log.pause()
	box := r.queueBox("q")
	// As one that noted its use so long ago that it is forgotten.
	var b store.Batch
	m := persistent(queueNamed("q"), "2")
	b.Enqueue(store.Enqueue{Targets: []store.Target{{Queue: box.id}}, Header: m.AppendHeader(nil), Body: m.Body})
	r.st.Propose(&b, func(store.Result, error) {})
	swept := make(chan struct{})
	go func() { r.sweep(); close(swept) }()
	r.until("the shard has shut the queue", box.deleted.Load)
	res := make(chan error, 1)
	go func() { res <- a.trySend(persistent(queueNamed("q"), "3"), nil) }() // waits for the outcome
	resume()
	await(t, swept)
	if err := await(t, res); err != nil {
		t.Fatal(err)
	}
	if n := r.depth(queueNamed("q")); n != 2 {
		t.Fatalf("%d pending, want 2", n)
	}
}

// Whoever uses a queue while it is deleted gets it anew: senders, consumers, and
// a transaction that found it long before its commit.
func TestUseWhileAQueueIsDeleted(t *testing.T) {
	var c clock
	r := newRig(t, collecting(&c, nil))
	a, b, d := r.connect(""), r.connect(""), r.connect("")
	a.sends(queueNamed("q"), 1, 1)
	r.take(queueNamed("q"))
	a.sends(topicNamed("t"), 1, 1)
	tx, _ := d.c.Begin()
	d.send(persistent(queueNamed("q"), "tx"), tx)
	d.send(volatileMessage(topicNamed("t"), "tt"), tx)
	old := r.queueBox("q").id
	c.pass(time.Minute)
	resume := r.log.pause()
	swept := make(chan struct{})
	go func() { r.sweep(); close(swept) }()
	r.until("no queue is left", func() bool { return len(r.b.current().directory.boxes()) == 0 })
	res := make(chan error, 3)
	go func() { res <- a.trySend(persistent(queueNamed("q"), "2"), nil) }()
	go func() {
		_, err := b.c.Subscribe(Spec{Destination: queueNamed("q")})
		res <- err
	}()
	resume()
	await(t, swept)
	for range 2 {
		if err := await(t, res); err != nil {
			t.Fatal(err)
		}
	}
	b.expect("2")
	e := r.connect("")
	e.subscribe(Spec{Destination: topicNamed("t")})
	if err := wait(t, tx.Commit); err != nil {
		t.Fatal(err)
	}
	b.expect("tx")
	e.expect("tt")
	if id := r.queueBox("q").id; id == old {
		t.Fatal("the queue was not deleted")
	}
}

// Senders, consumers and the collector at once lose nothing.
func TestCollectionUnderLoad(t *testing.T) {
	var c clock
	r := newRig(t, collecting(&c, nil))
	stop, swept := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(swept)
		for {
			select {
			case <-stop:
				return
			default:
				c.pass(20 * time.Second)
				r.sweep()
			}
		}
	}()
	a := r.connect("")
	for i := range 300 {
		d := queueNamed(fmt.Sprint("q", i%2))
		m := persistent(d, fmt.Sprint(i))
		m.Persistent = i%3 > 0
		// Time flies here: a use may be forgotten before the message is logged.
		r.until("a message is sent", func() bool { return a.trySend(m, nil) == nil })
		if got := r.take1(d); got == nil || string(got.Body) != fmt.Sprint(i) {
			t.Errorf("message %d is lost", i)
			break
		}
	}
	close(stop)
	await(t, swept)
}

// take1 is take without waiting for what follows.
func (r *rig) take1(d message.Destination) *message.Message {
	a := r.connect("")
	defer a.c.Close()
	a.subscribe(Spec{Destination: d, Prefetch: 1})
	select {
	case got := <-a.got:
		m := got.Message
		ack(r.t, got, false)
		return m
	case <-time.After(patience):
		return nil
	}
}

func TestIdleDurableSubscriptionsAreDeleted(t *testing.T) {
	var c clock
	var log logged
	r := newRig(t, func(cfg *Config) { cfg.Now, cfg.IdleDurables, cfg.Logger = c.now, time.Hour, log.logger() })
	a, b := r.connect("A"), r.connect("B")
	spec := Spec{Destination: topicNamed("t"), DurableName: "s"}
	a.subscribe(spec)
	b.subscribe(spec)
	a.c.Close()
	r.quiet()
	c.pass(59 * time.Minute)
	r.failover() // the new master has not seen how long it was offline
	b = r.connect("B")
	b.subscribe(spec)
	c.pass(2 * time.Minute)
	r.sweep()
	if n := len(r.st.Queues()); n != 2 {
		t.Fatalf("%d subscriptions, want 2", n)
	}
	c.pass(time.Hour)
	r.sweep()
	if q := r.st.Queues(); len(q) != 1 || q[0].Subscription.Client != "B" {
		t.Fatalf("left %+v", q)
	}
	if n := log.count("Destroying durable subscriber due to inactivity: A, s"); n != 1 {
		t.Fatalf("%d lines, want 1", n)
	}
}
