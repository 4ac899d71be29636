package main

import (
	"fmt"
	"time"
)

// A load says how much is done in a workload.
type load struct {
	size   int           // bytes of a body
	time   time.Duration // how long messages are sent
	depth  int           // messages that are drained
	limit  time.Duration // how long filling and draining may take, each
	queues int           // of workload f
	topics int           // durable subscribers of workload e
	hasty  bool          // only rates are wanted: nobody waits for a broker to be quiet
}

// workloads in the order of the tables. Each runs against a system that is up
// and gives its results.
var workloads = []struct {
	name, title string
	run         func(s system, l load) ([]result, error)
}{
	{"a", "16 producers, 100 outstanding each", manyProducers},
	{"b", "one synchronous producer", oneProducer},
	{"c", "4 producers and 4 consumers, end to end", together},
	{"d", "drain of one queue", drains},
	{"e", "topic with durable subscribers, deliveries", fanOut},
	{"f", "many queues, 16 producers and 16 consumers", manyQueues},
}

func manyProducers(s system, l load) ([]result, error) {
	queues := named("a", 4)
	if err := prepare(s, queues, l.size); err != nil {
		return nil, err
	}
	m := begin(s, "a", l)
	q := newQuota(l.time, 0)
	err := produce(s, 16, 100, l.size, q, &m.lat, func(i int) []destination { return []destination{queue(queues[i%4])} })
	return m.end(q.sent.Load(), q.sent.Load(), err)
}

func oneProducer(s system, l load) ([]result, error) {
	queues := named("b", 1)
	if err := prepare(s, queues, l.size); err != nil {
		return nil, err
	}
	m := begin(s, "b", l)
	q := newQuota(l.time, 0)
	err := produce(s, 1, 1, l.size, q, &m.lat, func(int) []destination { return []destination{queue(queues[0])} })
	return m.end(q.sent.Load(), q.sent.Load(), err)
}

func together(s system, l load) ([]result, error) {
	queues := named("c", 4)
	if err := prepare(s, queues, l.size); err != nil {
		return nil, err
	}
	return pass(s, "c", l, 4, 4, queues, 200)
}

// pass sends through queues with consumers on them; latencies are end to end.
// Producers and consumers share the queues out evenly.
func pass(s system, work string, l load, producers, consumers int, queues []string, prefetch int) ([]result, error) {
	share := func(i, of int) (part []string) {
		for k := i; k < max(len(queues), of); k += of {
			part = append(part, queues[k%len(queues)])
		}
		return part
	}
	m := begin(s, work, l)
	t := newTally()
	received := make(chan error, 1)
	go func() {
		received <- consume(s, consumers, prefetch, t, &m.lat, func(i int) []string { return share(i, consumers) })
	}()
	q := newQuota(l.time, 0)
	err := produce(s, producers, window(l.size), l.size, q, nil, func(i int) (to []destination) {
		for _, name := range share(i, producers) {
			to = append(to, queue(name))
		}
		return to
	})
	n := q.sent.Load()
	t.expect(n + int64(len(queues))) // and what prepare sent
	if err != nil {
		t.end()
	}
	if e := within(l.limit, received, t); err == nil {
		err = e
	}
	return m.end(n, n, err)
}

// window is how many messages of a size are unconfirmed: 100, or 4 MiB of big ones.
func window(size int) int { return min(100, max(4, 4<<20/size)) }

func drains(s system, l load) ([]result, error) {
	var rs []result
	for _, consumers := range []int{1, 4} {
		name := fmt.Sprintf("d.%d", consumers)
		if err := prepare(s, []string{name}, l.size); err != nil {
			return rs, err
		}
		q := newQuota(l.limit, l.depth-1)
		err := produce(s, 8, 200, l.size, q, nil, func(int) []destination { return []destination{queue(name)} })
		if err != nil {
			return rs, err
		}
		r, err := drain(s, name, consumers, q.sent.Load()+1, l)
		rs = append(rs, r...)
		if err != nil {
			return rs, err
		}
	}
	return rs, nil
}

// drain consumes what a queue holds; where that takes too long, the rate is
// that of the part that was consumed.
func drain(s system, name string, consumers int, n int64, l load) ([]result, error) {
	m := begin(s, fmt.Sprintf("d, %d consumer(s)", consumers), l)
	t := newTally()
	t.expect(n)
	received := make(chan error, 1)
	go func() {
		received <- consume(s, consumers, 1000, t, nil, func(int) []string { return []string{name} })
	}()
	err := within(l.limit, received, t)
	return m.end(t.got.Load(), t.got.Load(), err)
}

func fanOut(s system, l load) ([]result, error) {
	t := newTally()
	var subs []consumer
	defer func() {
		for _, c := range subs {
			c.Close()
		}
	}()
	for i := range l.topics {
		c, err := s.Subscriber("e", fmt.Sprintf("sub%d", i), 100)
		if err != nil {
			return nil, fmt.Errorf("durable subscriber %d: %w", i, err)
		}
		subs = append(subs, c)
	}
	m := begin(s, "e", l)
	received := make(chan error, 1)
	go func() {
		received <- parallel(len(subs), func(i int) error { return subs[i].Receive(t, &m.lat) })
	}()
	q := newQuota(l.time, 0)
	err := produce(s, 1, 20, l.size, q, nil, func(int) []destination { return []destination{{"e", true}} })
	n := q.sent.Load()
	t.expect(n * int64(len(subs)))
	if err != nil {
		t.end()
	}
	if e := within(l.limit, received, t); err == nil {
		err = e
	}
	return m.end(n*int64(len(subs)), n, err)
}

func manyQueues(s system, l load) ([]result, error) {
	queues := named("many", l.queues)
	err := parallel(8, func(i int) error {
		var part []string
		for k := i; k < len(queues); k += 8 {
			part = append(part, queues[k])
		}
		return prepare(s, part, l.size)
	})
	if err != nil {
		return nil, err
	}
	return pass(s, "f", l, 16, 16, queues, 20)
}

func named(work string, n int) []string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("%s.%d", work, i))
	}
	return names
}

// prepare makes queues one after the other, each with one message, so that
// their creation is not measured.
func prepare(s system, queues []string, size int) error {
	var to []destination
	for _, name := range queues {
		to = append(to, queue(name))
	}
	if len(to) == 0 {
		return nil
	}
	p, err := s.Producer(to, 1, size)
	if err != nil {
		return err
	}
	defer p.Close()
	if err := p.Send(newQuota(2*time.Minute, len(queues)), nil); err != nil {
		return fmt.Errorf("make the queues: %w", err)
	}
	return nil
}

func produce(s system, producers, window, size int, q *quota, lat *latencies, to func(i int) []destination) error {
	return parallel(producers, func(i int) error {
		p, err := s.Producer(to(i), window, size)
		if err != nil {
			return fmt.Errorf("producer %d: %w", i, err)
		}
		defer p.Close()
		if err := p.Send(q, lat); err != nil {
			return fmt.Errorf("producer %d: %w", i, err)
		}
		return nil
	})
}

func consume(s system, consumers, prefetch int, t *tally, lat *latencies, queues func(i int) []string) error {
	return parallel(consumers, func(i int) error {
		c, err := s.Consumer(queues(i), prefetch)
		if err != nil {
			t.end()
			return fmt.Errorf("consumer %d: %w", i, err)
		}
		defer c.Close()
		if err := c.Receive(t, lat); err != nil {
			return fmt.Errorf("consumer %d: %w", i, err)
		}
		return nil
	})
}

// within waits for consumers, and ends them when they take too long.
func within(d time.Duration, received chan error, t *tally) error {
	select {
	case err := <-received:
		return err
	case <-time.After(d):
		t.end()
		return <-received
	}
}

func parallel(n int, f func(i int) error) error {
	errs := make(chan error, n)
	for i := range n {
		go func() { errs <- f(i) }()
	}
	var first error
	for range n {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return first
}
