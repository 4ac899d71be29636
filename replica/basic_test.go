package replica

import (
	"errors"
	"testing"
)

func TestElectReplicateFailOver(t *testing.T) {
	seed := seedOf(t)
	bubble(t, func(t *testing.T) {
		c := newCluster(t, seed, 3)
		defer c.closeAll()
		c.found()
		first := c.leader()
		for range 50 {
			if v, err := first.put(c.batch()); err != nil || v != 1 {
				t.Fatalf("put: %v, %v", v, err)
			}
		}
		first.kill(0)
		second := c.leader()
		if second == first {
			t.Fatal("a dead node leads")
		}
		if _, err := second.put(c.batch(), c.batch(), c.batch()); err != nil {
			t.Fatal(err)
		}
		first.start()
		c.even()
	})
}

func TestRefusedWithoutLeadership(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCluster(t, seedOf(t), 3)
		defer c.closeAll()
		c.found()
		l := c.leader()
		for _, h := range others(c, l) {
			if _, err := h.put(c.batch()); !errors.Is(err, ErrRefused) {
				t.Errorf("a follower's proposal ends with %v", err)
			}
		}
	})
}
