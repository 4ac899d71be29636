package broker

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

func (r *rig) retry(queue string, want int) {
	r.t.Helper()
	n, err := r.b.Retry(r.t.Context(), queue)
	if err != nil || n != want {
		r.t.Fatalf("%d moved, want %d: %v", n, want, err)
	}
	r.quiet()
}

const dlq = "ActiveMQ.DLQ"

// die makes n dead letters.
func (r *rig) die(spec Spec, client string, n int) {
	r.t.Helper()
	before := r.depth(queueNamed(dlq))
	for range n {
		spec.Prefetch = 1
		r.reject(spec, client)
	}
	r.untilDepth(dlq, func(there uint64) bool { return there >= before+uint64(n) })
}

func TestRetry(t *testing.T) {
	r := newRig(t, nil)
	a := r.connect("a")
	a.sends(queueNamed("q"), 1, 2)
	a.sends(queueNamed("other"), 3, 3)
	r.die(Spec{Destination: queueNamed("q")}, "", 2)
	r.die(Spec{Destination: queueNamed("other")}, "", 1)
	a.send(persistent(queueNamed(dlq), "no dead letter"), nil)
	r.failover() // it is all in the log
	r.retry(dlq, 3)
	b := r.connect("b")
	b.subscribe(Spec{Destination: queueNamed("q")})
	for _, d := range b.expect("1", "2") {
		m := d.Message
		if d.Count != 0 || m.Destination != queueNamed("q") || !m.Original.IsZero() || len(m.Properties) > 0 {
			t.Fatalf("%q: count %d, %v from %v, %v", m.Body, d.Count, m.Destination, m.Original, m.Properties)
		}
		ack(t, d, false)
	}
	if m := r.take(queueNamed("other")); string(m.Body) != "3" {
		t.Fatalf("got %q", m.Body)
	}
	if n := r.depth(queueNamed(dlq)); n != 1 {
		t.Fatalf("%d are left, want 1", n)
	}
	r.retry(dlq, 0)
	_, err := r.b.Retry(t.Context(), "nowhere")
	wantKind(t, err, KindInvalidDestination)
}

// A dead letter of a durable subscription goes back to it alone, as long as it is
// there.
func TestRetryOfADurableSubscription(t *testing.T) {
	r := newRig(t, nil)
	spec := Spec{Destination: topicNamed("t"), DurableName: "s"}
	a, b, c := r.connect("a"), r.connect("b"), r.connect("c")
	b.subscribe(spec)
	a.subscribe(spec)
	c.send(persistent(topicNamed("t"), "1"), nil)
	a.expect("1")
	ack(t, b.expect("1")[0], false)
	a.c.Close()
	r.die(spec, "a", 1)
	r.retry(dlq, 1)
	b.nothing(r)
	r.die(spec, "a", 1)
	a = r.connect("a")
	if err := wait(t, func(done func(error)) { a.c.RemoveDurable("a", "s", done) }); err != nil {
		t.Fatal(err)
	}
	r.retry(dlq, 1)
	b.expect("1") // to the topic
}

// What a consumer holds stays with it, and the messages of many are moved while
// others die again.
func TestRetryBesideConsumers(t *testing.T) {
	r := newRig(t, nil)
	a := r.connect("a")
	const n = 300
	a.sends(queueNamed("q"), 1, n)
	killer := r.connect("killer")
	s := killer.subscribe(Spec{Destination: queueNamed("q")})
	for range n {
		s.Reject(await(t, killer.got), nil)
	}
	r.untilDepth(dlq, func(there uint64) bool { return there >= n })
	holder := r.connect("holder")
	holder.subscribe(Spec{Destination: queueNamed(dlq), Prefetch: 10})
	var held []*Delivery
	for range 10 {
		held = append(held, await(t, holder.got))
	}
	stop := make(chan struct{})
	ended := make(chan struct{})
	go func() { // they die again
		defer close(ended)
		for {
			select {
			case d := <-killer.got:
				s.Reject(d, nil)
			case <-stop:
				return
			}
		}
	}()
	moved, err := r.b.Retry(t.Context(), dlq)
	if err != nil || moved < n-10 || moved > n {
		t.Fatalf("%d moved: %v", moved, err)
	}
	close(stop)
	await(t, ended)
	ack(t, held[0], false)
	r.until("what was acknowledged has gone", func() bool {
		r.quiet()
		return r.depth(queueNamed(dlq))+r.depth(queueNamed("q")) <= n-1
	})
	if all := r.depth(queueNamed(dlq)) + r.depth(queueNamed("q")); all != n-1 {
		t.Fatalf("%d are left, want %d", all, n-1)
	}
}

func TestRetryThatIsInterrupted(t *testing.T) {
	r := newRig(t, nil)
	a := r.connect("a")
	a.sends(queueNamed("q"), 1, 3)
	r.die(Spec{Destination: queueNamed("q")}, "", 3)
	resume := r.log.pause()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	n, err := r.b.Retry(ctx, dlq)
	if n != 0 || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%d moved: %v", n, err)
	}
	resume()
	r.quiet()
	b := r.connect("")
	b.subscribe(Spec{Destination: queueNamed("q")})
	b.subscribe(Spec{Destination: queueNamed(dlq)})
	seen := map[string]bool{}
	for range 3 {
		seen[string(await(t, b.got).Message.Body)] = true
	}
	b.nothing(r)
	if len(seen) != 3 {
		t.Fatalf("got %v", fmt.Sprint(seen))
	}
}
