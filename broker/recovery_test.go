package broker

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

func recovering(c *clock, change func(*Policy)) func(*Config) {
	return func(cfg *Config) {
		cfg.Now = c.now
		cfg.Policies.Default = &Entry{Policy: policyWith(change)}
	}
}

func TestRetroactiveSubscriptions(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Policy)
		want   []string
	}{
		{"none", func(*Policy) {}, nil},
		{"last", func(p *Policy) { p.Recovery = RecoverLast }, []string{"5"}},
		{"count", func(p *Policy) { p.Recovery, p.RecoverySize = RecoverCount, 3 }, []string{"3", "4", "5"}},
		{"count, not said", func(p *Policy) { p.Recovery = RecoverCount }, []string{"1", "2", "3", "4", "5"}},
		{"bytes", func(p *Policy) { p.Recovery, p.RecoverySize = RecoverBytes, 600 }, []string{"4", "5"}},
		{"bytes of memory", func(p *Policy) { p.Recovery, p.PendingBytes = RecoverCount, 300 }, []string{"5"}},
		{"nothing fits", func(p *Policy) { p.Recovery, p.RecoverySize = RecoverBytes, 10 }, nil},
		{"time", func(p *Policy) { p.Recovery, p.RecoveryTime = RecoverTimed, 2*time.Second }, []string{"4", "5"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var clock clock
			r := newRig(t, recovering(&clock, c.change))
			a, b, plain := r.connect("a"), r.connect("b"), r.connect("p")
			for i := 1; i <= 5; i++ {
				m := volatileMessage(topicNamed("t"), fmt.Sprint(i))
				m.Persistent = i%2 == 0
				a.send(m, nil)
				if i < 5 {
					clock.pass(time.Second)
				}
			}
			b.subscribe(Spec{Destination: topicNamed("t"), Retroactive: true})
			plain.subscribe(Spec{Destination: topicNamed("t")})
			r.quiet()
			a.send(volatileMessage(topicNamed("t"), "6"), nil)
			b.expect(append(slices.Clone(c.want), "6")...)
			plain.expect("6")
			clock.pass(time.Hour)
			if n := r.b.Usage().Memory; n < int64(len(c.want))*256 {
				t.Fatalf("%d bytes of memory are counted", n)
			}
		})
	}
}

func TestRetroactiveSelectorsAndNoLocal(t *testing.T) {
	var clock clock
	r := newRig(t, recovering(&clock, func(p *Policy) { p.Recovery, p.AlwaysRetroactive = RecoverCount, true }))
	a, b := r.connect("a"), r.connect("b")
	a.send(volatileMessage(topicNamed("t"), "1"), nil)
	b.send(volatileMessage(topicNamed("t"), "2").With("a", int32(1)), nil)
	a.send(volatileMessage(topicNamed("t"), "3").With("a", int32(1)), nil)
	b.subscribe(Spec{Destination: topicNamed("t"), Selector: "a = 1", NoLocal: true})
	b.expect("3")
	b.nothing(r)
}

// Who joins while messages are published gets each of them once and in order.
func TestJoiningRetroactivelyIsOneOrder(t *testing.T) {
	var clock clock
	r := newRig(t, recovering(&clock, func(p *Policy) { p.Recovery, p.RecoverySize = RecoverCount, 100000 }))
	const n = 500
	a := r.connect("")
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range n {
			if err := a.c.Send(volatileMessage(topicNamed("t"), fmt.Sprint(i)), nil, nil); err != nil {
				t.Error(err)
			}
		}
	})
	var all []*client
	for range 8 {
		b := r.connect("")
		b.subscribe(Spec{Destination: topicNamed("t"), Retroactive: true})
		all = append(all, b)
		for range 50 {
			runtime.Gosched()
		}
	}
	wg.Wait()
	for _, b := range all {
		for i := range n {
			b.expect(fmt.Sprint(i))
		}
		b.nothing(r)
	}
}

// A topic that keeps something is not collected.
func TestKeptMessagesKeepTheirTopic(t *testing.T) {
	var c clock
	r := newRig(t, collecting(&c, func(cfg *Config) {
		cfg.Policies.Default.Policy.Recovery, cfg.Policies.Default.Policy.RecoveryTime = RecoverTimed, time.Minute
	}))
	a := r.connect("")
	a.send(volatileMessage(topicNamed("t"), "1"), nil)
	c.pass(30 * time.Second)
	r.sweep()
	if got := r.names(); got != "[topic://t]" {
		t.Fatalf("left %s", got)
	}
	c.pass(31 * time.Second)
	r.sweep()
	if got := r.names(); got != "[]" {
		t.Fatalf("left %s", got)
	}
	if n := r.b.Usage().Memory; n != 0 {
		t.Fatalf("%d bytes of memory are counted", n)
	}
}
