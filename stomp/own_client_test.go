package stomp

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/quorate/quorate/broker"
	"github.com/quorate/quorate/client"
)

// TestOurClientLosesAndDoublesNothing cuts the connections again and again
// while our client sends and another receives: every message is confirmed, and
// is in the queue once, because what was sent twice is recognised [M16].
func TestOurClientLosesAndDoublesNothing(t *testing.T) {
	const n = 2000
	h := newHouse(t, broker.Limits{}, nil)
	ctx := context.Background()
	url := "failover:(stomp://" + h.port.Addr().String() + ")?maxReconnectDelay=20"
	c, err := client.Dial(ctx, url, client.Options{Window: 100})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var confirmed sync.WaitGroup
	for i := range n {
		confirmed.Add(1)
		m := &client.Message{Destination: "/queue/q", Persistent: true, Body: fmt.Append(nil, i)}
		err := c.SendAsync(ctx, m, func(err error) {
			if err != nil {
				t.Errorf("%d: %v", i, err)
			}
			confirmed.Done()
		})
		if err != nil {
			t.Fatal(err)
		}
		if i%500 == 250 {
			h.cut()
		}
	}
	confirmed.Wait()
	if s := c.Stats(); s.Confirmed != n || s.Connects < 2 {
		t.Errorf("%+v", s)
	}
	sub, err := c.Subscribe(ctx, client.Spec{Destination: "/queue/q"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		d, err := sub.Receive(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(d.Body); got != fmt.Sprint(i) {
			t.Fatalf("message %s at place %d", got, i)
		}
		if err := d.AckAsync(nil); err != nil {
			t.Fatal(err)
		}
	}
	tx, err := c.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Send(&client.Message{Destination: "/queue/q", Persistent: true, Body: []byte("last")}); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	d, err := sub.Receive(ctx)
	if err != nil || string(d.Body) != "last" {
		t.Fatalf("%v, %v: more than was sent", d, err)
	}
	if err := d.Ack(ctx); err != nil {
		t.Error(err)
	}
}
