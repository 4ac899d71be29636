package test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

var limitRules = []rule{
	{name: "a full queue refuses, and says why", before: full,
		policy: `<policyEntry queue="limit.reject" maxQueueMessages="5" producerFlowControl="false"/>`},
	{name: "a non-persistent backlog spills and keeps its order", before: spills,
		policy: `<policyEntry queue="limit.spill" memoryLimit="64kb"/>`},
	{name: "what was sent twice is there once", before: twice},
	{name: "a queue that is deleted for want of use loses nothing", before: inactive,
		policy: `<policyEntry queue="inactive.>" gcInactiveDestinations="true" inactiveTimeoutBeforeGC="50"/>`},
}

// full sends to a queue until it refuses.
func full(s *stage) func(*stage) {
	const queue = "/queue/limit.reject"
	c := s.connect()
	c.fill(queue, numbered("m", 0, 5), nil)
	c.refused([]string{"limit.reject", "5", "100%"}, "SEND", "too much", "destination", queue, "persistent", "true")
	return func(s *stage) {
		s.connect().refused([]string{"limit.reject"}, "SEND", "too much", "destination", queue, "persistent", "true")
		c := s.connect()
		sub := c.subscribe(queue, "activemq.prefetchSize", "1")
		s.same("taken", sub.take(1), []string{"m0"})
		c.send(queue, "m5")
		s.same("the rest", sub.take(5), numbered("m", 1, 6))
	}
}

// spills has persistent and non-persistent messages of one producer.
func spills(s *stage) func(*stage) {
	const queue, n = "/queue/limit.spill", 2000
	list := numbered("m", 0, n)
	for i := range list {
		list[i] += strings.Repeat(".", 500)
	}
	persistent := func(i int) bool { return i%100 == 0 }
	c := s.connect()
	c.fillMixed(queue, list, persistent)
	sub := c.subscribe(queue)
	s.same("the first half", sub.take(n/2), list[:n/2])
	return func(s *stage) {
		rest := list[n/2:]
		if s.reborn {
			rest = slices.DeleteFunc(slices.Clone(rest), func(b string) bool { return !persistent(slices.Index(list, b)) })
		}
		s.same("the second half", s.connect().subscribe(queue).take(len(rest)), rest)
	}
}

// fillMixed sends persistent messages and others.
func (c *client) fillMixed(queue string, list []string, persistent func(i int) bool) {
	c.s.Helper()
	for i, b := range list {
		c.s.ledger.sent(b)
		c.s.must(c.Post("SEND", []byte(b), "destination", queue, "persistent", fmt.Sprint(persistent(i))))
	}
	c.do("SEND", "end", "destination", "/queue/limit.end")
}

// twice sends again what a client was not sure of.
func twice(s *stage) func(*stage) {
	const queue = "/queue/twice"
	send := func(c *client, n int) {
		c.send(queue, fmt.Sprintf("m%d", n), "quorate-producer", "p", "quorate-sequence", fmt.Sprint(n))
	}
	c := s.connect()
	for _, n := range []int{1, 2, 2, 3, 1} {
		send(c, n)
	}
	s.same("once", c.browse(queue), numbered("m", 1, 4))
	return func(s *stage) {
		c := s.connect()
		for _, n := range []int{3, 2, 4, 4} {
			send(c, n)
		}
		s.same("once", c.subscribe(queue).take(4), numbered("m", 1, 5))
		s.same("left", c.browse(queue), nil)
	}
}

// inactive uses queues just when they are about to be deleted.
func inactive(s *stage) func(*stage) {
	const queues, rounds = 8, 6
	play := func(s *stage) {
		var wg sync.WaitGroup
		for q := range queues {
			c := s.connect()
			wg.Go(func() {
				queue := fmt.Sprintf("/queue/inactive.%d", q)
				for r := range rounds {
					body := fmt.Sprintf("%d/%d", q, r)
					c.send(queue, body)
					sub := c.subscribe(queue)
					if got := sub.take(1); got[0] != body {
						s.Errorf("%s: %s came, want %s", queue, got[0], body)
					}
					sub.unsubscribe()
					time.Sleep(time.Duration(60+17*q) * time.Millisecond) // about as long as a queue may be idle
				}
			})
		}
		wg.Wait()
	}
	play(s)
	s.connect().send("/queue/inactive.0", "stays")
	return func(s *stage) {
		c := s.connect()
		s.same("stays", c.subscribe("/queue/inactive.0").take(1), []string{"stays"})
		c.do("DISCONNECT", "")
		play(s)
	}
}
