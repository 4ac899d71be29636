package broker

import (
	"fmt"
	"slices"
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

// deleteMeanwhile deletes a queue that has no consumers, and calls fn when that
// is decided and the log has not applied it.
func (r *rig) deleteMeanwhile(name string, fn func()) {
	r.t.Helper()
	resume := r.log.pause()
	proposed := make(chan struct{})
	r.log.proposed(func() { close(proposed) })
	deleted := make(chan error, 1)
	go func() { deleted <- r.b.Delete(r.t.Context(), name) }()
	await(r.t, proposed)
	fn()
	resume()
	if err := await(r.t, deleted); err != nil {
		r.t.Fatal(err)
	}
}

// A consumer that comes at the moment when its queue is deleted takes from the
// queue that is made anew.
func TestConsumerOfAQueueThatIsBeingDeleted(t *testing.T) {
	r := newRig(t, nil)
	a, b := r.connect(""), r.connect("")
	q := queueNamed("q")
	a.sends(q, 1, 1)
	r.deleteMeanwhile("q", func() {
		b.subscribe(Spec{Destination: q})
		b.expect("1")
	})
	a.sends(q, 2, 2)
	b.expect("2")
	if n := r.b.current().directory.queues["q"].stats.consumers.Load(); n != 1 {
		t.Errorf("%d consumers, want 1", n)
	}
}

// A subscription with wildcards lets go of a queue that is deleted, and gets the
// credit back that it had lent to it.
func TestWildcardLetsGoOfADeletedQueue(t *testing.T) {
	r := newRig(t, nil)
	a, b := r.connect(""), r.connect("")
	a.sends(queueNamed("q.1"), 1, 2)
	var s *Subscription
	r.deleteMeanwhile("q.1", func() {
		s = b.subscribe(Spec{Destination: queueNamed("q.>"), Prefetch: 2})
		b.expect("1", "2")
	})
	a.sends(queueNamed("q.2"), 3, 4)
	b.expect("3", "4")
	r.quiet()
	if n := len(s.takesFrom()); n != 1 {
		t.Errorf("it takes from %d queues, want 1", n)
	}
}

// Taking from very many queues costs a look at each of them once.
func TestWildcardOverManyQueues(t *testing.T) {
	const queues = 20000
	r := newRig(t, nil)
	c := r.connect("")
	s := c.subscribe(Spec{Destination: queueNamed("q.>")})
	reign := r.b.current()
	for range queues {
		box := reign.mailbox(queueNamed("q.x"), 0, nil)
		if !s.attach(s.link(box)) {
			t.Fatal("not attached")
		}
	}
	if n := len(s.takesFrom()); n != queues {
		t.Fatalf("%d links", n)
	}
}

// Each queue that a subscription takes from has its turn, however much waits in
// the others.
func TestWildcardTakesFromEachQueueInTurn(t *testing.T) {
	r := newRig(t, nil)
	a, b := r.connect(""), r.connect("")
	a.sends(queueNamed("q.a"), 1, 20)
	s := b.subscribe(Spec{Destination: queueNamed("q.>"), Prefetch: 1})
	d := b.expect("1")[0]
	a.sends(queueNamed("q.b"), 101, 102)
	r.quiet()
	var got []string
	for range 6 {
		if err := wait(t, func(done func(error)) { s.Ack(d, false, nil, done) }); err != nil {
			t.Fatal(err)
		}
		d = await(t, b.got)
		got = append(got, bodyOf(d))
		r.quiet()
	}
	if !slices.Contains(got, "101") || !slices.Contains(got, "102") {
		t.Fatalf("got %v, of 101 and 102 nothing", got)
	}
}

// BenchmarkWildcardAck acknowledges one by one what waits in very many queues.
func BenchmarkWildcardAck(b *testing.B) {
	for _, queues := range []int{10, 10000} {
		b.Run(fmt.Sprint(queues), func(b *testing.B) {
			r := newRig(b, nil)
			a, o := r.connect(""), r.connect("")
			for i := range queues {
				a.send(volatileMessage(queueNamed(fmt.Sprintf("q.%d", i)), "x"), nil)
			}
			o.subscribe(Spec{Destination: queueNamed("q.>"), Prefetch: 1})
			for b.Loop() {
				d := await(b, o.got)
				ack(b, d, false)
				a.send(volatileMessage(d.Destination, "x"), nil)
			}
		})
	}
}
