package broker

import (
	"strings"
	"testing"
	"time"
)

// An aborter is an Outlet that can end one subscription.
type aborter struct {
	*client
	aborted chan error
}

func (a *aborter) Abort(_ *Subscription, reason error) { a.aborted <- reason }

func slowPolicy(c *clock, change func(*Policy)) func(*Config) {
	return func(cfg *Config) {
		cfg.Now = c.now
		cfg.Policies.Default = &Entry{Policy: policyWith(func(p *Policy) {
			p.Slow.Abort = true
			change(p)
		})}
	}
}

func TestSlowConsumersAreAborted(t *testing.T) {
	var c clock
	var log logged
	r := newRig(t, func(cfg *Config) { slowPolicy(&c, func(*Policy) {})(cfg); cfg.Logger = log.logger() })
	w := newSlowWatch(r.b.current())
	if p := w.period(); p != 30*time.Second {
		t.Fatalf("a look each %v", p)
	}
	a, full, idle, live := r.connect("a"), r.connect("full"), r.connect("idle"), r.connect("live")
	full.subscribe(Spec{Destination: queueNamed("q"), Prefetch: 2})
	idle.subscribe(Spec{Destination: queueNamed("q2"), Prefetch: 2})
	live.subscribe(Spec{Destination: topicNamed("t"), Prefetch: 1})
	r.quiet()
	a.sends(queueNamed("q"), 1, 3)
	a.sends(queueNamed("q2"), 1, 2) // its prefetch is full, but nothing waits
	a.send(volatileMessage(topicNamed("t"), "1"), nil)
	a.send(volatileMessage(topicNamed("t"), "2"), nil)
	list := full.expect("1", "2")
	r.quiet()
	w.look()
	ack(t, live.expect("1")[0], false)
	live.expect("2")
	c.pass(29 * time.Second)
	w.look() // too early
	c.pass(time.Second)
	w.look()
	err := await(t, full.gone)
	wantKind(t, err, KindResourceLimit)
	if want := "consume: the consumer of queue://q is slow: its prefetch of 2 has been full while messages wait for 30s, seen 2 times (maxSlowDuration is 30s, maxSlowCount 0)"; err.Error() != want {
		t.Fatalf("got  %v\nwant %v", err, want)
	}
	if len(idle.gone) > 0 || len(live.gone) > 0 {
		t.Fatal("another one was aborted")
	}
	if n := log.count("aborting connection:" + full.c.ID() + " with 1 slow consumers"); n != 1 {
		t.Fatalf("%d lines, want 1", n)
	}
	if n := log.count("is no longer slow"); n != 1 {
		t.Fatalf("%d are no longer slow, want 1", n)
	}
	_ = list
}

func TestSlowConsumersByCount(t *testing.T) {
	var c clock
	r := newRig(t, slowPolicy(&c, func(p *Policy) { p.Slow.MaxDuration, p.Slow.MaxCount = 0, 3 }))
	w := newSlowWatch(r.b.current())
	a := &aborter{client: &client{t: t, got: make(chan *Delivery, 100), gone: make(chan error, 1)}, aborted: make(chan error, 1)}
	conn, err := r.b.Connect(ConnInfo{ClientID: "a"}, a)
	if err != nil {
		t.Fatal(err)
	}
	a.c = conn
	a.sends(queueNamed("q"), 1, 3)
	a.subscribe(Spec{Destination: queueNamed("q"), Prefetch: 2})
	a.expect("1", "2")
	r.quiet()
	for range 2 {
		w.look()
		c.pass(30 * time.Second)
	}
	if len(a.aborted) > 0 {
		t.Fatal("too early")
	}
	w.look()
	wantKind(t, await(t, a.aborted), KindResourceLimit)
	// The subscription alone has ended: its messages go to the next one.
	a.subscribe(Spec{Destination: queueNamed("q")})
	if d := a.expect("1", "2", "3")[0]; d.Count != 1 {
		t.Fatalf("count %d, want 1", d.Count)
	}
}

func TestSlowAcknowledgements(t *testing.T) {
	for _, ignore := range []bool{true, false} {
		var c clock
		r := newRig(t, slowPolicy(&c, func(p *Policy) {
			p.Slow.MaxDuration, p.Slow.MaxCount, p.Slow.MaxSinceAck, p.Slow.CheckPeriod = 0, 1, 40*time.Second, 10*time.Second
			p.Slow.IgnoreIdle = ignore
		}))
		w := newSlowWatch(r.b.current())
		a, slow, quick, idle := r.connect("a"), r.connect("s"), r.connect("q"), r.connect("i")
		a.sends(queueNamed("q"), 1, 1)
		a.sends(queueNamed("r"), 1, 9)
		slow.subscribe(Spec{Destination: queueNamed("q")})
		quick.subscribe(Spec{Destination: queueNamed("r")})
		idle.subscribe(Spec{Destination: queueNamed("empty")})
		slow.expect("1")
		list := quick.expect("1", "2", "3", "4", "5", "6", "7", "8", "9")
		for i := range 5 {
			w.look()
			if len(slow.gone) > 0 {
				t.Fatalf("aborted at look %d", i)
			}
			ack(t, list[i], false)
			c.pass(10 * time.Second)
		}
		w.look()
		err := await(t, slow.gone)
		if !strings.Contains(err.Error(), "it has acknowledged nothing for 50s (maxTimeSinceLastAck is 40s)") {
			t.Fatal(err)
		}
		if len(quick.gone) > 0 {
			t.Fatal("the quick one was aborted")
		}
		if (len(idle.gone) > 0) == ignore {
			t.Fatalf("idle consumers ignored %v, aborted %v", ignore, len(idle.gone) > 0)
		}
	}
}

func TestSlowConsumerAdvisory(t *testing.T) {
	var c clock
	r := newRig(t, func(cfg *Config) {
		cfg.Now = c.now
		cfg.Policies.Default = &Entry{Policy: policyWith(func(p *Policy) { p.Advise.SlowConsumers = true })}
	})
	watch := r.watch("SlowConsumer.Queue.q")
	w := newSlowWatch(r.b.current())
	a := r.connect("a")
	a.sends(queueNamed("q"), 1, 2)
	s := a.subscribe(Spec{Destination: queueNamed("q"), Prefetch: 1})
	a.expect("1")
	r.quiet()
	for range 3 {
		w.look()
		c.pass(time.Minute)
	}
	watch.advised("SlowConsumer.Queue.q event=SlowConsumer consumerId=" + s.ID())
	watch.silent(r)
	if len(a.gone) > 0 {
		t.Fatal("it was aborted, which nobody asked for")
	}
}
