package history

import (
	"strings"
	"testing"
	"time"
)

// Each violation must be seen: a judge that never convicts proves nothing.
func TestCheckConvicts(t *testing.T) {
	k := func(n int) Key { return Key{"p", n} }
	for name, c := range map[string]struct {
		run  func(h *History)
		want string
	}{
		"lost":     {func(h *History) { h.Sent(k(1)); h.Confirmed(k(1)) }, "lost"},
		"invented": {func(h *History) { h.Received(Delivery{Key: k(1)}) }, "invented"},
		"doubled": {func(h *History) {
			h.Sent(k(1))
			h.Received(Delivery{Key: k(1)})
			h.Received(Delivery{Key: k(1)})
		}, "doubled"},
		"resurrected": {func(h *History) {
			h.Sent(k(1))
			h.Acked(h.Received(Delivery{Key: k(1)}))
			h.Received(Delivery{Key: k(1), Redelivered: true})
		}, "resurrected"},
		"order": {func(h *History) {
			h.Sent(k(1))
			h.Sent(k(2))
			h.Received(Delivery{Key: k(2)})
			h.Received(Delivery{Key: k(1)})
		}, "order"},
	} {
		h := New()
		c.run(h)
		if bad := h.Check(true); len(bad) != 1 || !strings.HasPrefix(bad[0], c.want) {
			t.Errorf("%s: %q", name, bad)
		}
	}
}

func TestCheckAcquits(t *testing.T) {
	h := New()
	for n := 1; n <= 3; n++ {
		h.Sent(Key{"p", n})
	}
	h.Confirmed(Key{"p", 1})
	h.Received(Delivery{Key: Key{"p", 1}})
	h.Received(Delivery{Key: Key{"p", 3}}) // unconfirmed, may appear; 2 may not
	h.Acked(h.Received(Delivery{Key: Key{"p", 1}, Redelivered: true}))
	if bad := h.Check(true); len(bad) != 0 {
		t.Errorf("%q", bad)
	}
}

func TestGap(t *testing.T) {
	h := New()
	start := time.Now()
	h.Sent(Key{"p", 1})
	h.Confirmed(Key{"p", 1})
	if g := h.Gap(start, start.Add(time.Hour)); g < 59*time.Minute {
		t.Errorf("gap to the end: %v", g)
	}
}
