package broker

import (
	"testing"
	"time"
)

// A consumer that pulls gets one message for each Pull, and is told when there
// is none.
func TestPull(t *testing.T) {
	r := newRig(t, nil)
	a := r.connect("")
	q := queueNamed("q")
	s := a.subscribe(Spec{Destination: q, Pull: true})
	empty := make(chan struct{}, 1)
	pull := func(wait time.Duration) {
		t.Helper()
		if err := s.Pull(wait, func() { empty <- struct{}{} }); err != nil {
			t.Fatal(err)
		}
	}
	pull(0)
	await(t, empty)
	pull(time.Millisecond)
	await(t, empty)
	a.sends(q, 1, 3)
	a.nothing(r)
	pull(0)
	ack(t, a.expect("1")[0], false)
	a.nothing(r)
	pull(-1)
	d := a.expect("2")[0]
	pull(time.Hour)
	a.expect("3")
	pull(-1)
	wantKind(t, s.Pull(0, nil), KindInUse)
	s.Nack(d, false, nil, nil)
	if d := a.expect("2")[0]; !d.Redelivered {
		t.Fatal("not marked")
	}
}

// What it waits for may be behind what is in memory.
func TestPullWithSelector(t *testing.T) {
	r := newRig(t, func(c *Config) {
		c.Policies.Default = &Entry{Policy: policyWith(func(p *Policy) { p.WindowMessages = 10 })}
	})
	a := r.connect("")
	q := queueNamed("q")
	a.sends(q, 1, 100)
	m := persistent(q, "wanted").With("color", "red")
	a.send(m, nil)
	a.sends(q, 102, 200)
	s := a.subscribe(Spec{Destination: q, Pull: true, Selector: "color = 'red'"})
	empty := make(chan struct{}, 1)
	for range 2 {
		if err := s.Pull(0, func() { empty <- struct{}{} }); err != nil {
			t.Fatal(err)
		}
		select {
		case d := <-a.got:
			ack(t, d, false)
			if bodyOf(d) != "wanted" {
				t.Fatalf("got %q", bodyOf(d))
			}
		case <-empty:
			if n := r.depth(q); n != 199 {
				t.Fatalf("%d are left: it was told that there is nothing before it had its message", n)
			}
			return
		case <-time.After(patience):
			t.Fatal("nothing came")
		}
	}
	await(t, empty)
}
