package broker

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/quorate/quorate/message"
	"github.com/quorate/quorate/store"
)

// reject makes the next message of d a dead letter.
func (r *rig) reject(spec Spec, client string) {
	r.t.Helper()
	a := r.connect(client)
	s := a.subscribe(spec)
	d := await(r.t, a.got)
	if err := wait(r.t, func(done func(error)) { s.Reject(d, done) }); err != nil {
		r.t.Fatal(err)
	}
	a.c.Close()
	r.quiet()
}

// take gets one message of d.
func (r *rig) take(d message.Destination) *message.Message {
	r.t.Helper()
	a := r.connect("")
	a.subscribe(Spec{Destination: d, Prefetch: 1})
	got := await(r.t, a.got)
	m := got.Message
	ack(r.t, got, false)
	a.c.Close()
	r.quiet()
	return m
}

func deadLetters(change func(*DeadLetter)) func(*Config) {
	return func(c *Config) {
		c.Policies.Default = &Entry{Policy: policyWith(func(p *Policy) { change(&p.DeadLetter) })}
	}
}

func TestIndividualDeadLetters(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*DeadLetter)
		spec   Spec
		want   string
	}{
		{"queue", func(*DeadLetter) {}, Spec{Destination: queueNamed("orders")}, "ActiveMQ.DLQ.Queue.orders"},
		{"affixes", func(d *DeadLetter) { d.QueuePrefix, d.QueueSuffix = "DLQ.", ".dead" }, Spec{Destination: queueNamed("orders")}, "DLQ.orders.dead"},
		{"durable", func(*DeadLetter) {}, Spec{Destination: topicNamed("news"), DurableName: "s"}, "ActiveMQ.DLQ.Topic.news"},
		{"per durable", func(d *DeadLetter) { d.PerDurable, d.TopicSuffix = true, "!" }, Spec{Destination: topicNamed("news"), DurableName: "s"}, "ActiveMQ.DLQ.Topic.news.C:s!"},
		{"too long", func(*DeadLetter) {}, Spec{Destination: queueNamed(strings.Repeat("x", maxGraveName))}, "ActiveMQ.DLQ"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, deadLetters(func(d *DeadLetter) { d.Kind = DeadLetterIndividual; c.change(d) }))
			a := r.connect("C")
			a.subscribe(c.spec)
			a.send(persistent(c.spec.Destination, "1"), nil)
			a.expect("1")
			a.c.Close()
			r.reject(c.spec, "C")
			m := r.take(queueNamed(c.want))
			if m.Original != c.spec.Destination || m.Destination.Name != c.want {
				t.Fatalf("original %v, destination %v", m.Original, m.Destination)
			}
			if cause, _ := m.Property(propCause); cause != "Rejected by the consumer" {
				t.Fatalf("cause %v", cause)
			}
		})
	}
}

// Dead letters may go to a topic: durable subscriptions hold them, live ones
// see them.
func TestDeadLettersToATopic(t *testing.T) {
	r := newRig(t, deadLetters(func(d *DeadLetter) { d.Kind, d.TopicForQueues = DeadLetterIndividual, true }))
	grave := topicNamed("ActiveMQ.DLQ.Queue.q")
	live, durable, other := r.connect(""), r.connect("D"), r.connect("E")
	live.subscribe(Spec{Destination: grave})
	durable.subscribe(Spec{Destination: grave, DurableName: "s"})
	other.subscribe(Spec{Destination: grave, DurableName: "s"})
	r.quiet()
	a := r.connect("")
	a.sends(queueNamed("q"), 1, 1)
	r.reject(Spec{Destination: queueNamed("q")}, "")
	live.expect("1")
	other.expect("1")
	if d := durable.expect("1")[0]; d.Message.Original != queueNamed("q") {
		t.Fatalf("original %v", d.Message.Original)
	}
	if n := r.depth(queueNamed("q")); n != 0 {
		t.Fatalf("%d left", n)
	}
}

func TestDiscardedDeadLetters(t *testing.T) {
	seen := make(chan Event, 100)
	r := newRig(t, func(c *Config) {
		deadLetters(func(d *DeadLetter) { d.Kind = DeadLetterDiscard })(c)
		c.Observe = func(e Event) { seen <- e }
	})
	a := r.connect("")
	a.sends(queueNamed("q"), 1, 1)
	r.reject(Spec{Destination: queueNamed("q")}, "")
	if n := r.depth(queueNamed("q")); n != 0 || len(r.st.Queues()) != 1 {
		t.Fatalf("%d left in %d queues", n, len(r.st.Queues()))
	}
	for e := await(t, seen); e.Kind != MessageDiscarded; e = await(t, seen) {
		if e.Kind == MessageDead {
			t.Fatal("a dropped message is a dead letter")
		}
	}
}

// What failed is dropped where the policy says so, what expired is kept.
func TestFailedDeadLetters(t *testing.T) {
	seen := make(chan Event, 100)
	r := newRig(t, func(c *Config) {
		deadLetters(func(d *DeadLetter) { d.ProcessFailed = false })(c)
		c.Observe = func(e Event) { seen <- e }
	})
	a := r.connect("")
	a.sends(queueNamed("q"), 1, 1)
	r.reject(Spec{Destination: queueNamed("q")}, "")
	for e := await(t, seen); e.Kind != MessageDiscarded; e = await(t, seen) {
		if e.Kind == MessageDead {
			t.Fatal("a dropped message is a dead letter")
		}
	}
	if n := r.depth(queueNamed("q")); n != 0 || len(r.st.Queues()) != 1 {
		t.Fatalf("%d left in %d queues", n, len(r.st.Queues()))
	}
}

// A non-persistent message that dies is persistent from then on, as in ActiveMQ.
func TestNonPersistentDeadLetters(t *testing.T) {
	r := newRig(t, deadLetters(func(d *DeadLetter) { d.ProcessNonPersistent = true }))
	a := r.connect("")
	a.send(volatileMessage(queueNamed("q"), "1"), nil)
	r.reject(Spec{Destination: queueNamed("q")}, "")
	r.untilDepth("ActiveMQ.DLQ", func(n uint64) bool { return n > 0 }) // the queue is made first
	r.failover()
	m := r.take(queueNamed("ActiveMQ.DLQ"))
	if mode, _ := m.Property(propMode); mode != "NON_PERSISTENT" || !m.Persistent || string(m.Body) != "1" {
		t.Fatalf("mode %v, persistent %v, body %q", mode, m.Persistent, m.Body)
	}
}

// What dies in a dead letter queue is dropped, whosever dead letters it is for.
func TestDeadLettersDieOnce(t *testing.T) {
	now := time.UnixMilli(1_000_000)
	r := newRig(t, func(c *Config) {
		c.Now = func() time.Time { return now }
		c.Policies.Entries = []Entry{{Pattern: "q", Policy: policyWith(func(p *Policy) {
			p.DeadLetter.Queue, p.DeadLetter.Expiration = "mine", time.Second
		})}}
	})
	a := r.connect("")
	a.sends(queueNamed("q"), 1, 2)
	r.reject(Spec{Destination: queueNamed("q"), Prefetch: 1}, "")
	r.reject(Spec{Destination: queueNamed("q"), Prefetch: 1}, "")
	r.reject(Spec{Destination: queueNamed("mine"), Prefetch: 1}, "")
	if n := r.depth(queueNamed("mine")); n != 1 {
		t.Fatalf("%d dead letters, want 1", n)
	}
	if m := r.take(queueNamed("mine")); m.Expiration != 1_001_000 {
		t.Fatalf("expires at %d", m.Expiration)
	}
	// One that was never a dead letter becomes one, though its queue takes them.
	a.send(persistent(queueNamed("mine"), "3"), nil)
	r.reject(Spec{Destination: queueNamed("mine")}, "")
	r.take(queueNamed("ActiveMQ.DLQ"))
}

// A backlog that dies at once goes in batches, and its mailbox reads on.
func TestABurstOfDeadLetters(t *testing.T) {
	now := time.UnixMilli(1_000_000)
	r := newRig(t, func(c *Config) { c.Now = func() time.Time { return now } })
	a := r.connect("")
	const n = 3*maxDying + 10
	ch := make(chan error, n)
	for i := range n {
		m := persistent(queueNamed("q"), fmt.Sprint(i))
		m.Expiration = 999_999
		if err := a.c.Send(m, nil, func(err error) { ch <- err }); err != nil {
			t.Fatal(err)
		}
	}
	for range n {
		if err := await(t, ch); err != nil {
			t.Fatal(err)
		}
	}
	a.sends(queueNamed("q"), n, n)
	r.log.mu.Lock()
	before := len(r.log.entries)
	r.log.mu.Unlock()
	a.subscribe(Spec{Destination: queueNamed("q")})
	a.expect(fmt.Sprint(n))
	r.untilDepth("q", func(n uint64) bool { return n <= 1 })
	if d := r.depth(queueNamed("ActiveMQ.DLQ")); d != n {
		t.Fatalf("%d dead letters, want %d", d, n)
	}
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	if e := len(r.log.entries) - before; e > n/10 {
		t.Fatalf("%d entries of the log for %d dead letters", e, n)
	}
}

// A dead letter queue that is deleted is made again.
func TestDeletedDeadLetterQueue(t *testing.T) {
	r := newRig(t, nil)
	a := r.connect("")
	a.sends(queueNamed("q"), 1, 2)
	r.reject(Spec{Destination: queueNamed("q"), Prefetch: 1}, "")
	s := a.subscribe(Spec{Destination: queueNamed("q"), Prefetch: 1})
	d := a.expect("2")[0]
	// The deletion enters the log first, and is told after the move was proposed.
	box := r.queueBox("ActiveMQ.DLQ")
	r.untilDepth("ActiveMQ.DLQ", func(n uint64) bool { return n >= 1 })
	resume := r.log.pause()
	var b store.Batch
	b.DeleteQueue(box.id)
	deleted := make(chan error, 1)
	r.st.Propose(&b, func(_ store.Result, err error) {
		r.b.current().deleted("ActiveMQ.DLQ", box)
		deleted <- err
	})
	s.Reject(d, nil)
	r.settled()
	resume()
	if err := await(t, deleted); err != nil {
		t.Fatal(err)
	}
	r.quiet()
	if m := r.take(queueNamed("ActiveMQ.DLQ")); string(m.Body) != "2" {
		t.Fatalf("got %q", m.Body)
	}
}

// queueBox gives the mailbox of a queue, once it is there.
func (r *rig) queueBox(name string) (b *mailbox) {
	r.t.Helper()
	dir := &r.b.current().directory
	r.until(name+" is there", func() bool {
		dir.mu.RLock()
		defer dir.mu.RUnlock()
		b = dir.queues[name]
		return b != nil
	})
	return b
}

// settled waits until the shards have handled what they were told so far,
// though the log stands still.
func (r *rig) settled() {
	r.t.Helper()
	for _, s := range r.b.current().shards {
		seen := make(chan struct{}, 1)
		s.inbox.post(event{kind: evFunc, call: func() {
			s.inbox.post(event{kind: evFunc, call: func() { seen <- struct{}{} }})
		}})
		await(r.t, seen)
	}
}

// Dead letters that the log refused for a while, and those that follow, are
// moved when it takes them again.
func TestDeadLettersThatTheLogRefused(t *testing.T) {
	r := newRig(t, nil)
	a, dlq := r.connect(""), r.connect("")
	a.sends(queueNamed("q"), 1, 8)
	a.sends(queueNamed("ActiveMQ.DLQ"), 0, 0)
	dlq.subscribe(Spec{Destination: queueNamed("ActiveMQ.DLQ")})
	dlq.expect("0")
	s := a.subscribe(Spec{Destination: queueNamed("q")})
	got := a.expect("1", "2", "3", "4", "5", "6", "7", "8")
	r.log.failWith(store.ErrRefused)
	for _, d := range got[:6] {
		s.Reject(d, nil)
		r.quiet()
	}
	r.log.failWith(nil)
	s.Reject(got[6], nil)
	s.Reject(got[7], nil)
	seen := map[string]bool{}
	for range got {
		seen[bodyOf(await(t, dlq.got))] = true
	}
	if len(seen) != len(got) {
		t.Fatalf("got %v", seen)
	}
	r.quiet()
	if n := r.depth(queueNamed("q")); n != 0 {
		t.Errorf("%d messages are left", n)
	}
}
