package broker

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/quorate/quorate/message"
	"github.com/quorate/quorate/store"
)

// policed gives a broker with one policy for everything, and a spill.
func policed(t *testing.T, change func(*Policy)) *rig {
	t.Helper()
	p := DefaultPolicy()
	change(&p)
	spill, err := store.OpenSpill("spill", store.SpillOptions{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { spill.Close() })
	return newRig(t, func(c *Config) {
		c.Policies = Policies{Default: &Entry{Policy: p}}
		c.Spill = spill
	})
}

func withProperty(m *message.Message, name string, value any) *message.Message {
	return m.With(name, value)
}

// What a selector selects is found behind a window full of other messages, in
// the store and in the spill, in the order of sending; the rest stays.
func TestSelectorsOverTheWholeQueue(t *testing.T) {
	for _, kind := range []string{"persistent", "non-persistent"} {
		t.Run(kind, func(t *testing.T) {
			r := policed(t, func(p *Policy) { p.WindowMessages, p.PendingBytes = 10, 4000 })
			d := queueNamed("q")
			a, b := r.connect("a"), r.connect("b")
			var want []string
			for i := range 3000 {
				m := persistent(d, fmt.Sprint(i))
				m.Persistent = kind == "persistent"
				if i%500 == 499 {
					m = withProperty(m, "hot", true)
					want = append(want, fmt.Sprint(i))
				}
				if err := a.c.Send(m, nil, nil); err != nil {
					t.Fatal(err)
				}
			}
			r.quiet()
			b.subscribe(Spec{Destination: d, Selector: "hot = TRUE", Prefetch: 2})
			for _, w := range want {
				ack(t, b.expect(w)[0], false)
			}
			a.send(withProperty(persistent(d, "late"), "hot", true), nil)
			b.expect("late")
			if n := r.depth(d); n != 3000-uint64(len(want))+1 {
				t.Fatalf("%d messages are left", n)
			}
			c := r.connect("c")
			c.subscribe(Spec{Destination: d, Prefetch: 3})
			c.expect("0", "1", "2")
		})
	}
}

// Many consumers wait for the answer to their own question on one queue.
func TestAnswersByCorrelation(t *testing.T) {
	r := policed(t, func(p *Policy) { p.WindowMessages = 10 })
	d := queueNamed("answers")
	server, client := r.connect("server"), r.connect("client")
	const n = 300
	for i := range n {
		client.subscribe(Spec{Destination: d, Selector: fmt.Sprintf("JMSCorrelationID = '%d'", i), Prefetch: 1})
	}
	for i := n - 1; i >= 0; i-- {
		m := persistent(d, fmt.Sprint(i))
		m.CorrelationID = fmt.Sprint(i)
		server.send(m, nil)
		got := client.expect(fmt.Sprint(i))[0]
		if s := got.Sub.Spec().Selector; s != fmt.Sprintf("JMSCorrelationID = '%d'", i) {
			t.Fatalf("answer %d went to %s", i, s)
		}
		ack(t, got, false)
	}
}

// The messages of a group go to one consumer, in order, and to another one when
// it has gone; after a failover, too.
func TestGroups(t *testing.T) {
	r := newRig(t, nil)
	d := queueNamed("q")
	a := r.connect("a")
	for i := range 20 {
		m := persistent(d, fmt.Sprint(i))
		m.GroupID = "g" + fmt.Sprint(i%2)
		a.send(m, nil)
	}
	check := func(o *client, want int) *Delivery {
		t.Helper()
		x := await(t, o.got)
		if n, _ := strconv.Atoi(bodyOf(x)); n != want {
			t.Fatalf("got %s, want %d", bodyOf(x), want)
		}
		return x
	}
	b, c := r.connect("b"), r.connect("c")
	b.subscribe(Spec{Destination: d, Prefetch: 1})
	first := check(b, 0)
	c.subscribe(Spec{Destination: d, Prefetch: 1})
	second := check(c, 1)
	if !first.First || !second.First {
		t.Fatal("the first of a group does not say so")
	}
	ack(t, second, false)
	third := check(c, 3)
	groups, err := r.b.Groups(context.Background(), "q")
	if err != nil || len(groups) != 2 || groups[0].Owner != first.Sub || groups[1].Owner != third.Sub {
		t.Fatalf("groups %+v, %v", groups, err)
	}
	if third.First {
		t.Fatal("the second of a group says that it is the first")
	}
	// b never acknowledges: c gets all of its own group, and then that of b.
	for n := 3; n < 20; n += 2 {
		ack(t, third, false)
		if n < 19 {
			third = check(c, n+2)
		}
	}
	c.nothing(r)
	b.c.Close()
	back := check(c, 0)
	if !back.Redelivered || !back.First {
		t.Fatal("what another consumer had comes without its marks")
	}
	ack(t, back, false)
	check(c, 2)
	r.failover()
	e := r.connect("e")
	e.subscribe(Spec{Destination: d, Prefetch: 9})
	for n := 2; n < 20; n += 2 {
		check(e, n)
	}
}

// What failed waits for its time, and holds up nobody.
func TestRedeliveryDelay(t *testing.T) {
	r := policed(t, func(p *Policy) { p.RedeliveryDelay, p.RedeliveryBackOff, p.MaxRedeliveries = 30*time.Millisecond, 2, 2 })
	d := queueNamed("q")
	a := r.connect("a")
	a.sends(d, 1, 2)
	s := a.subscribe(Spec{Destination: d, Prefetch: 1})
	one := a.expect("1")[0]
	for _, delay := range []time.Duration{30, 60} {
		began := time.Now()
		if err := wait(t, func(done func(error)) { s.Nack(one, false, nil, done) }); err != nil {
			t.Fatal(err)
		}
		if delay == 30 {
			ack(t, a.expect("2")[0], false)
		}
		one = a.expect("1")[0]
		if took := time.Since(began); took < delay*time.Millisecond-2*time.Millisecond {
			t.Fatalf("came back after %v, not after %v", took, delay*time.Millisecond)
		}
	}
	s.Nack(one, false, nil, nil)
	if m := r.take(queueNamed("ActiveMQ.DLQ")); string(m.Body) != "1" {
		t.Fatalf("got %q", m.Body)
	}
}

// A paused queue stays paused across a failover.
func TestPause(t *testing.T) {
	r := newRig(t, nil)
	d := queueNamed("q")
	ctx := context.Background()
	a := r.connect("a")
	a.sends(d, 1, 1)
	if err := r.b.Pause(ctx, "q"); err != nil {
		t.Fatal(err)
	}
	a.subscribe(Spec{Destination: d})
	a.nothing(r)
	r.failover()
	b := r.connect("b")
	b.subscribe(Spec{Destination: d})
	b.sends(d, 2, 2)
	b.nothing(r)
	if s := r.b.Destinations()[0]; !s.Paused {
		t.Fatalf("%+v", s)
	}
	if err := r.b.Resume(ctx, "q"); err != nil {
		t.Fatal(err)
	}
	b.expect("1", "2")
}

// A queue that drops its oldest is never longer than its limit for long.
func TestDropOldest(t *testing.T) {
	r := policed(t, func(p *Policy) { p.QueueMessages, p.Overflow, p.WindowMessages = 5, OverflowDropOldest, 10 })
	d := queueNamed("q")
	a := r.connect("a")
	a.sends(d, 1, 200)
	r.untilDepth("q", func(n uint64) bool { return n <= 5 })
	a.subscribe(Spec{Destination: d})
	a.expect("196", "197", "198", "199", "200")
	r.untilDepth("ActiveMQ.DLQ", func(n uint64) bool { return n <= 5 }) // it has the same policy
}

// A slow subscription to a topic keeps the newest messages.
func TestPendingLimit(t *testing.T) {
	r := policed(t, func(p *Policy) { p.PendingLimit, p.TopicPrefetch, p.Advise.Discarding = 3, 1, true })
	d := topicNamed("t")
	a := r.connect("a")
	a.subscribe(Spec{Destination: d})
	for i := range 10 {
		a.send(volatileMessage(d, fmt.Sprint(i)), nil)
		r.quiet()
	}
	for _, want := range []string{"0", "7", "8", "9"} {
		ack(t, a.expect(want)[0], false)
	}
	a.nothing(r)
}

// What expires behind the window is found though nobody consumes, in a new reign
// as well.
func TestExpiryBehindTheWindow(t *testing.T) {
	r := policed(t, func(p *Policy) { p.WindowMessages, p.ExpirePeriod = 5, 20*time.Millisecond })
	d := queueNamed("q")
	a := r.connect("a")
	for i := range 100 {
		m := persistent(d, fmt.Sprint(i))
		if i%2 == 1 {
			m.Expiration = time.Now().UnixMilli() + 50
		}
		a.send(m, nil)
	}
	r.untilDepth(d.Name, func(n uint64) bool { return n <= 50 })
	r.untilDepth("ActiveMQ.DLQ", func(n uint64) bool { return n >= 50 })
}

// Strict priorities, in the store, in memory and in the spill.
func TestPriorities(t *testing.T) {
	for _, kind := range []string{"persistent", "non-persistent"} {
		t.Run(kind, func(t *testing.T) {
			r := policed(t, func(p *Policy) { p.Prioritized, p.WindowMessages, p.PendingBytes = true, 10, 4000 })
			d := queueNamed("q")
			a := r.connect("a")
			for i := range 200 {
				m := persistent(d, fmt.Sprint(i))
				m.Priority, m.Persistent = uint8(i%10), kind == "persistent"
				if err := a.c.Send(m, nil, nil); err != nil {
					t.Fatal(err)
				}
			}
			r.quiet()
			b := r.connect("b")
			b.subscribe(Spec{Destination: d, Browser: true, Prefetch: 300})
			var want []string
			for p := 9; p >= 0; p-- {
				for i := p; i < 200; i += 10 {
					want = append(want, fmt.Sprint(i))
				}
			}
			b.expect(append(want, "end")...)
			c := r.connect("c")
			c.subscribe(Spec{Destination: d, Prefetch: 1})
			for _, w := range want {
				ack(t, c.expect(w)[0], false)
			}
		})
	}
}
