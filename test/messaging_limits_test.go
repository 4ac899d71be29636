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
	{name: "a full queue lets its oldest messages go", before: dropOldest,
		policy: `<policyEntry queue="limit.drop" maxQueueMessages="5" overflow="dropOldest"><deadLetterStrategy><individualDeadLetterStrategy queuePrefix="DLQ."/></deadLetterStrategy></policyEntry>`},
	{name: "a non-persistent backlog spills and keeps its order", before: spills,
		policy: `<policyEntry queue="limit.spill" memoryLimit="64kb"/>`},
	{name: "what was sent twice is there once", before: twice},
	{name: "a queue that is deleted for want of use loses nothing", before: inactive,
		policy: `<policyEntry queue="inactive.>" gcInactiveDestinations="true" inactiveTimeoutBeforeGC="50"/>`},
	{name: "a destination of the configuration is there from the start", before: startup,
		elements: `<destinations><queue physicalName="Consumer.Early.VirtualTopic.Startup"/></destinations>`},
	{name: "messages of a megabyte in transactions", before: bigTransactions},
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

func dropOldest(s *stage) func(*stage) {
	const queue, dead = "/queue/limit.drop", "/queue/DLQ.limit.drop"
	c := s.connect()
	c.fill(queue, numbered("m", 0, 8), nil)
	c.settles(dead, numbered("m", 0, 3))
	return func(s *stage) {
		c := s.connect()
		c.send(queue, "m8")
		c.settles(dead, numbered("m", 0, 4))
		s.same("the newest", c.subscribe(queue).take(5), numbered("m", 4, 9))
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
	// A client that cannot count gives each message an id.
	for _, b := range []string{"x", "y", "x"} {
		c.send("/queue/twice.id", b, "duplicate-id", b)
	}
	return func(s *stage) {
		c := s.connect()
		for _, n := range []int{3, 2, 4, 4} {
			send(c, n)
		}
		s.same("once", c.subscribe(queue).take(4), numbered("m", 1, 5))
		s.same("left", c.browse(queue), nil)
		for _, b := range []string{"y", "z"} {
			c.send("/queue/twice.id", b, "duplicate-id", b)
		}
		s.same("once by id", c.browse("/queue/twice.id"), []string{"x", "y", "z"})
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

// startup has the queue of a virtual topic before anybody consumed from it.
func startup(s *stage) func(*stage) {
	c := s.connect()
	c.send("/topic/VirtualTopic.Startup", "early")
	return func(s *stage) {
		c := s.connect()
		c.send("/topic/VirtualTopic.Startup", "late")
		s.same("from the start", c.subscribe("/queue/Consumer.Early.VirtualTopic.Startup").take(2), []string{"early", "late"})
	}
}

// bigTransactions commits one, rolls one back and leaves one open.
func bigTransactions(s *stage) func(*stage) {
	const queue, size = "/queue/big", 1 << 20
	big := func(name string) string { return name + strings.Repeat("x", size) }
	c := s.connect()
	for _, tx := range []string{"commit", "abort", "open"} {
		c.begin(tx)
		for i := range 4 {
			c.send(queue, big(fmt.Sprint(tx, i)), "transaction", tx, "n", fmt.Sprint(i))
		}
	}
	c.abort("abort")
	c.commit("commit")
	return func(s *stage) {
		c := s.connect()
		odd := c.subscribe(queue, "selector", "n = 1 OR n = 3", "activemq.prefetchSize", "1")
		s.same("odd", odd.take(2), []string{big("commit1"), big("commit3")})
		s.same("even", c.subscribe(queue).take(2), []string{big("commit0"), big("commit2")})
		s.same("left", c.browse(queue), nil)
	}
}
