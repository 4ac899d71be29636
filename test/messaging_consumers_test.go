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
	{name: "message groups stick, close and move", before: groups},
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

// A groupReader takes messages of groups and notes which consumer got what.
type groupReader struct {
	s     *stage
	owner map[string]*sub
	last  map[string]int
}

func newGroupReader(s *stage) *groupReader {
	return &groupReader{s: s, owner: map[string]*sub{}, last: map[string]int{}}
}

// take takes n messages from subscriptions, whoever has some, and checks order
// and owner of each group. Bodies are GROUP/NUMBER.
func (g *groupReader) take(n int, subs ...*sub) {
	g.s.Helper()
	for n > 0 {
		i := g.any(subs)
		f := subs[i].next()
		n--
		group, number, _ := strings.Cut(string(f.Body), "/")
		k, err := strconv.Atoi(number)
		g.s.must(err)
		if last, ok := g.last[group]; ok && k != last+1 {
			g.s.Fatalf("group %s: %d came after %d", group, k, last)
		}
		g.last[group] = k
		first := f.Headers["JMSXGroupFirstForConsumer"] == "true"
		switch owner := g.owner[group]; {
		case owner == nil && !first:
			g.s.Errorf("%s is the first of its group for its consumer and has no JMSXGroupFirstForConsumer", f.Body)
		case owner != nil && owner != subs[i]:
			g.s.Fatalf("%s came to another consumer than those of its group before", f.Body)
		case owner != nil && first:
			g.s.Errorf("%s is not the first of its group for its consumer and has JMSXGroupFirstForConsumer", f.Body)
		}
		g.owner[group] = subs[i]
		subs[i].ack(f)
	}
}

// any waits until one of the subscriptions, all of one client, has a message.
func (g *groupReader) any(subs []*sub) int {
	g.s.Helper()
	i := -1
	g.s.must(subs[0].c.Until(g.s.wait(), func() bool {
		i = slices.IndexFunc(subs, func(b *sub) bool { return b.c.Waiting(b.id) > 0 })
		return i >= 0
	}))
	return i
}

// groups has two consumers, one of which goes; one group is closed.
func groups(s *stage) func(*stage) {
	const queue, n = "/queue/groups", 4
	send := func(c *client, from, to int) {
		for k := from; k < to; k++ {
			for g := range n {
				c.send(queue, fmt.Sprintf("g%d/%d", g, k), "JMSXGroupID", fmt.Sprintf("g%d", g))
			}
		}
	}
	c := s.connect()
	a, b := c.subscribe(queue, "activemq.prefetchSize", "2"), c.subscribe(queue, "activemq.prefetchSize", "2")
	g := newGroupReader(s)
	send(c, 0, 5)
	g.take(5*n, a, b)
	owned := 0
	for _, owner := range g.owner {
		if owner == a {
			owned++
		}
	}
	if owned != n/2 {
		s.Errorf("one of two consumers has %d of %d groups", owned, n)
	}
	// One goes, the other takes over its groups.
	send(c, 5, 6)
	a.unsubscribe()
	for group, owner := range g.owner {
		if owner == a {
			delete(g.owner, group)
		}
	}
	g.take(n, b)
	// A group is closed, and begins anew.
	c.send(queue, "g0/6", "JMSXGroupID", "g0", "JMSXGroupSeq", "-1")
	g.take(1, b)
	delete(g.owner, "g0")
	c.send(queue, "g0/7", "JMSXGroupID", "g0")
	g.take(1, b)
	for k := range n {
		g.last[fmt.Sprintf("g%d", k)] = 7
	}
	send(c, 8, 20)
	b.peek(2) // delivered when the master dies
	last := g.last
	return func(s *stage) {
		c := s.connect()
		a, b := c.subscribe(queue, "activemq.prefetchSize", "2"), c.subscribe(queue, "activemq.prefetchSize", "2")
		g := newGroupReader(s)
		g.last = last
		g.take(12*n, a, b)
		send(c, 20, 25)
		g.take(5*n, a, b)
	}
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
