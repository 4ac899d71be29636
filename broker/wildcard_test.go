package broker

import (
	"fmt"
	"sync"
	"testing"
)

// ordered is an Outlet that holds deliveries to the order of their numbers: an
// acknowledgement of all up to one covers what was handed over before it, and
// nothing else.
type ordered struct {
	mu   sync.Mutex
	last uint64
	bad  string
}

func (o *ordered) Deliver(d *Delivery) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if d.ID < o.last && o.bad == "" {
		o.bad = fmt.Sprintf("delivery %d was handed over after %d", d.ID, o.last)
	}
	o.last = d.ID
}

func (o *ordered) Close(error) {}

// What a subscription to several queues gets from several shards at once is
// handed over in the order of its numbers.
func TestSeveralShardsDeliverInOrderOfNumbers(t *testing.T) {
	r := newRig(t, nil)
	o := &ordered{}
	c, err := r.b.Connect(ConnInfo{}, o)
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Subscribe(Spec{Destination: queueNamed("q.>")})
	if err != nil {
		t.Fatal(err)
	}
	m := volatileMessage(queueNamed("q.1"), "x")
	var shards sync.WaitGroup
	for range 4 {
		shards.Go(func() {
			for range 5000 {
				s.push(&Delivery{Sub: s, Message: m})
			}
		})
	}
	shards.Wait()
	if o.bad != "" {
		t.Fatal(o.bad)
	}
}
