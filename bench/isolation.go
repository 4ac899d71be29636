package main

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// faults are what one misbehaving client does while others work. Each starts
// the client, or one in its place that behaves, and gives what ends it.
var faults = []struct {
	name  string
	start func(s system, o options, name string, bad bool) (stop func(), err error)
}{
	{"a consumer that reads nothing", stopped},
	{"a consumer that takes 100 ms for a message", slow},
	{"a consumer that refuses every message", refusing},
	{"a producer at its limit", limited},
}

// isolation measures what other clients achieve beside each fault, relative
// to the rounds before and after it in which the same client behaves.
func isolation(dir string, o options, w io.Writer) error {
	o.load.hasty = true
	rows := [][]string{{"beside", "broker", "messages/s without", "with", "ratio", "p99 without", "p99 with"}}
	p := newProgress(len(o.systems) * len(faults) * (2*o.rounds + 1))
	for _, name := range o.systems {
		err := running(name, filepath.Join(dir, name), func(s system) error {
			for i, f := range faults {
				row, err := beside(s, o, i, p)
				if err != nil {
					p.step("%s beside %s: %v", s.Name(), f.name, err)
					continue
				}
				rows = append(rows, row)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	markdown(w, rows)
	return nil
}

// beside alternates rounds without and with the fault, and begins and ends without.
func beside(s system, o options, fault int, p *progress) ([]string, error) {
	f := faults[fault]
	var without, with []result
	for round := range 2*o.rounds + 1 {
		queues := named(fmt.Sprintf("good%d-%d", fault, round), 4)
		if err := prepare(s, queues, o.load.size); err != nil {
			return nil, err
		}
		stop, err := f.start(s, o, fmt.Sprintf("other%d-%d", fault, round), round%2 == 1)
		if err != nil {
			return nil, err
		}
		rs, err := pass(s, f.name, o.load, 4, 4, queues, 200)
		stop()
		if err != nil {
			return nil, err
		}
		if round%2 == 1 {
			with = append(with, rs...)
		} else {
			without = append(without, rs...)
		}
		p.step("%s %s", s.Name(), rs[0])
	}
	a, b := median(without), median(with)
	return []string{f.name, s.Name(), number(a.rate), number(b.rate), fmt.Sprintf("%.2f", b.rate/a.rate), short(a.p99), short(b.p99)}, nil
}

// faultRate is how many messages a second come for the client with the fault.
const faultRate = 500

// consuming has a queue filled at faultRate and gives it a consumer that
// follows the tally.
func consuming(s system, o options, name string, prefetch int, t *tally) (stop func(), err error) {
	if err := prepare(s, []string{name}, o.load.size); err != nil {
		return nil, err
	}
	c, err := s.Consumer([]string{name}, prefetch)
	if err != nil {
		return nil, err
	}
	p, err := s.Producer([]destination{queue(name)}, 100, o.load.size)
	if err != nil {
		c.Close()
		return nil, err
	}
	q := newQuota(time.Hour, 0).paced(faultRate)
	var wg sync.WaitGroup
	wg.Go(func() { _ = p.Send(q, nil) }) // both end with their connections
	if t != nil {
		wg.Go(func() { _ = c.Receive(t, nil) })
	}
	return func() { p.Close(); c.Close(); wg.Wait() }, nil
}

func slow(s system, o options, name string, bad bool) (func(), error) {
	t := newTally()
	if bad {
		t.every = 100 * time.Millisecond
	}
	return consuming(s, o, name, 100, t)
}

func refusing(s system, o options, name string, bad bool) (func(), error) {
	t := newTally()
	t.refuse = bad
	return consuming(s, o, name, 100, t)
}

// stopped subscribes and never reads, so what is sent to it fills its connection.
func stopped(s system, o options, name string, bad bool) (func(), error) {
	if bad {
		return consuming(s, o, name, 10_000, nil)
	}
	return consuming(s, o, name, 10_000, newTally())
}

// limited fills what there is for non-persistent messages and is then held up.
func limited(s system, o options, _ string, bad bool) (func(), error) {
	if !bad {
		return func() {}, nil
	}
	l, ok := s.(interface {
		Limited(name string, size int) (producer, error)
	})
	if !ok {
		return nil, fmt.Errorf("no limit is set up for this broker")
	}
	var mu sync.Mutex
	var open []producer
	ended := false
	next := func() producer { // nil after the end
		mu.Lock()
		defer mu.Unlock()
		if ended {
			return nil
		}
		p, err := l.Limited("limited", o.load.size)
		if err != nil {
			return nil
		}
		open = append(open, p)
		return p
	}
	full := newQuota(time.Hour, 0)
	var wg sync.WaitGroup
	wg.Go(func() {
		for p := next(); p != nil; p = next() { // an error answers it in the end, and it tries again
			_ = p.Send(full, nil)
		}
	})
	if err := reached(full); err != nil {
		return nil, err
	}
	settle(s.Pids()) // what was taken in is on disk; from now on the producer is only held up
	return func() {
		mu.Lock()
		ended = true
		for _, p := range slices.Backward(open) {
			p.Close()
		}
		mu.Unlock()
		wg.Wait()
	}, nil
}

// reached waits until the producers of a quota stand still.
func reached(q *quota) error {
	before := int64(-1)
	for range 120 {
		<-time.After(250 * time.Millisecond)
		now := q.sent.Load()
		if now == before {
			return nil
		}
		before = now
	}
	return fmt.Errorf("no limit was reached after %d messages", before)
}
