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
