package test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

var consumerRules = []rule{
	{name: "an exclusive consumer gets everything, and another takes over", before: exclusive},
	{name: "every consumer is exclusive where the policy says so", before: allExclusive,
		policy: `<policyEntry queue="exclusive.all" allConsumersExclusiveByDefault="true"/>`},
	{name: "a consumer of a higher priority comes first", before: consumerPriority},
	{name: "prioritized messages come by priority", before: priorities,
		policy: `<policyEntry queue="priority.>" prioritizedMessages="true" windowMessages="100"/>`},
	{name: "a consumer that does not read costs itself", before: stuckConsumer},
}

// exclusive has one consumer that is served, and one that waits for its end.
func exclusive(s *stage) func(*stage) {
	const queue = "/queue/exclusive"
	round := func(s *stage, prefix string) {
		first, second := s.connect(), s.connect()
		a := first.subscribe(queue, "activemq.exclusive", "true")
		b := second.subscribe(queue, "activemq.exclusive", "true")
		plain := second.subscribe(queue)
		first.fill(queue, numbered(prefix, 0, 10), nil)
		s.same("the first", a.take(4), numbered(prefix, 0, 4))
		s.same("the first", bodies(a.peek(6)), numbered(prefix, 4, 10))
		b.quiet()
		plain.quiet()
		first.Close()
		again := b.peek(6)
		s.same("the second", bodies(again), numbered(prefix, 4, 10))
		for _, f := range again {
			b.ack(f)
		}
		plain.quiet()
	}
	round(s, "a")
	c := s.connect()
	c.send(queue, "between")
	return func(s *stage) {
		c := s.connect()
		s.same("between", c.subscribe(queue, "activemq.exclusive", "true").take(1), []string{"between"})
		c.do("DISCONNECT", "")
		round(s, "b")
	}
}

func allExclusive(s *stage) func(*stage) {
	const queue = "/queue/exclusive.all"
	round := func(s *stage, prefix string) {
		c := s.connect()
		a, b := c.subscribe(queue), c.subscribe(queue)
		c.fill(queue, numbered(prefix, 0, 10), nil)
		s.same("the first", a.take(10), numbered(prefix, 0, 10))
		b.quiet()
	}
	round(s, "a")
	return func(s *stage) { round(s, "b") }
}

// consumerPriority fills the prefetch of the one that comes first.
func consumerPriority(s *stage) func(*stage) {
	const queue = "/queue/consumer.priority"
	round := func(s *stage, prefix string) {
		c := s.connect()
		low := c.subscribe(queue, "activemq.priority", "-5", "activemq.prefetchSize", "3")
		high := c.subscribe(queue, "activemq.priority", "5", "activemq.prefetchSize", "3")
		c.fill(queue, numbered(prefix, 0, 6), nil)
		h, l := high.peek(3), low.peek(3)
		s.same("high", bodies(h), numbered(prefix, 0, 3))
		s.same("low", bodies(l), numbered(prefix, 3, 6))
		for i := range 3 {
			high.ack(h[i])
			low.ack(l[i])
		}
	}
	round(s, "a")
	return func(s *stage) { round(s, "b") }
}

// priorities has a backlog longer than what the queue holds ready.
func priorities(s *stage) func(*stage) {
	const queue, n = "/queue/priority.a", 1000
	priority := func(i int) int { return (i * 7) % 10 }
	order := func(list []int) (want []string) {
		for p := 9; p >= 0; p-- {
			for _, i := range list {
				if priority(i) == p {
					want = append(want, fmt.Sprintf("p%d", i))
				}
			}
		}
		return want
	}
	var list []int
	for i := range n {
		list = append(list, i)
	}
	c := s.connect()
	c.fill(queue, numbered("p", 0, n), func(i int) []string { return []string{"priority", strconv.Itoa(priority(i))} })
	want := order(list)
	sub := c.subscribe(queue, "activemq.prefetchSize", "1")
	s.same("by priority", sub.take(150), want[:150])
	sub.unsubscribe()
	return func(s *stage) {
		c := s.connect()
		// Of the highest priority, and last of all.
		c.send(queue, "top", "priority", "9")
		c.send(queue, "bottom", "priority", "0")
		sub := c.subscribe(queue, "activemq.prefetchSize", "1")
		rest := slices.Concat([]string{"top"}, want[150:], []string{"bottom"})
		s.same("by priority", sub.take(n-150+2), rest)
	}
}

// stuckConsumer has one consumer that reads nothing of big messages.
func stuckConsumer(s *stage) func(*stage) {
	const queue, size = "/queue/stuck", 1 << 20
	big := func(prefix string, n int) []string {
		list := numbered(prefix, 0, n)
		for i := range list {
			list[i] += strings.Repeat(" ", size)
		}
		return list
	}
	c := s.connect()
	first := big("a", 8)
	c.subscribe(queue, "activemq.prefetchSize", "4") // never taken
	free := c.subscribe(queue, "activemq.prefetchSize", "1")
	c.fill(queue, first, nil)
	got := free.take(4)
	for _, b := range got {
		if len(b) != len(first[0]) {
			s.Errorf("%d bytes of %d came", len(b), len(first[0]))
		}
	}
	return func(s *stage) {
		c := s.connect()
		var want []string
		for _, b := range first {
			if !slices.Contains(got, b) {
				want = append(want, b[:2])
			}
		}
		again := c.subscribe(queue).take(4)
		for i := range again {
			again[i] = again[i][:2]
		}
		s.same("what nobody read", again, want)
	}
}
