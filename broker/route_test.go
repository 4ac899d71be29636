package broker

import (
	"fmt"
	"strings"
	"testing"
)

// The routes that are remembered are bounded, however many names a client
// gives to a few queues.
func TestRoutesAreBounded(t *testing.T) {
	r := newRig(t, nil)
	a := r.connect("")
	for i := range 1 << 15 {
		name := strings.NewReplacer("0", "a,", "1", "b,").Replace(fmt.Sprintf("%015b", i)) + "a"
		if err := a.c.Send(volatileMessage(queueNamed(name), ""), nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	dir := &r.b.current().directory
	dir.mu.RLock()
	defer dir.mu.RUnlock()
	if n := len(dir.routes); n == 0 || n > maxRoutes/3 {
		t.Fatalf("%d routes are remembered", n)
	}
	sum := 0
	for to, rt := range dir.routes {
		sum += rt.weight(to)
	}
	if sum != dir.routesWeight {
		t.Fatalf("they weigh %d, counted are %d", sum, dir.routesWeight)
	}
}

// clique gives composites that all forward to each other.
func clique(n int, selector string) (all []Composite) {
	for i := range n {
		c := Composite{Destination: queueNamed(fmt.Sprint(i))}
		for k := range n {
			if k != i {
				c.Forward = append(c.Forward, Forward{Destination: queueNamed(fmt.Sprint(k)), Selector: selector})
			}
		}
		all = append(all, c)
	}
	return all
}

// Composites that forward to each other have very many ways through them: each is
// followed once.
func TestCompositesThatForwardToEachOther(t *testing.T) {
	const n = 12
	r := newRig(t, func(c *Config) { c.Virtual.Composites = clique(n, "") })
	a := r.connect("")
	a.sends(queueNamed("0"), 1, 1)
	for i := range n {
		if d := r.depth(queueNamed(fmt.Sprint(i))); d != 1 {
			t.Errorf("queue %d has %d messages, want 1", i, d)
		}
	}
}

// With filters each way counts, and there is a bound.
func TestFiltersThatForwardToEachOther(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Virtual.Composites = clique(12, "x = 1") })
	a := r.connect("")
	wantKind(t, a.trySend(persistent(queueNamed("0"), "1"), nil), KindInvalidDestination)
}
