package test

import (
	"fmt"
	"slices"
)

// far is a backlog longer than what a queue holds ready.
const far = 20_000

var selectorRules = []rule{
	{name: "a selector finds its messages behind a long backlog", before: selectFar},
	{name: "two selectors and none share a queue", before: selectShared},
	{name: "a thousand consumers each select their answer", before: selectAnswers},
	{name: "a topic's subscriptions get what they select", before: selectTopic},
	{name: "an acknowledgement that is rolled back gives the message to who selects it", before: selectRolledBack},
}

// selectFar has its matches at the far end, some in the middle.
func selectFar(s *stage) func(*stage) {
	const queue = "/queue/select.far"
	match := func(i int) bool { return i == far/2 || i >= far-4 }
	all := numbered("far-", 0, far)
	var want []string
	for i, b := range all {
		if match(i) {
			want = append(want, b)
		}
	}
	c := s.connect()
	c.fill(queue, all, func(i int) []string {
		return []string{"kind", map[bool]string{true: "needle", false: "hay"}[match(i)], "size", fmt.Sprint(i % 10)}
	})
	const selector = "kind = 'needle' AND size BETWEEN 0 AND 9"
	sub := c.subscribe(queue, "selector", selector)
	s.same("selected", sub.take(2), want[:2])
	s.same("selected", bodies(sub.peek(3)), want[2:])
	sub.quiet()
	return func(s *stage) {
		c := s.connect()
		s.same("browsed", c.browse(queue, "selector", selector), want[2:])
		sub := c.subscribe(queue, "selector", selector)
		for _, w := range want[2:] {
			f := sub.next()
			if string(f.Body) != w || f.Headers["redelivered"] != "true" {
				s.Fatalf("%s, redelivered %q, want %s once more", f.Body, f.Headers["redelivered"], w)
			}
			sub.ack(f)
		}
		hay := c.subscribe(queue, "activemq.prefetchSize", "1000")
		s.same("the rest", hay.take(far-len(want)), slices.DeleteFunc(all, func(b string) bool { return slices.Contains(want, b) }))
	}
}

// selectShared has consumers that select by each half of SQL, and one that
// takes what nobody wants.
func selectShared(s *stage) func(*stage) {
	const queue = "/queue/select.shared"
	round := func(s *stage, from, to int) {
		c := s.connect()
		red := c.subscribe(queue, "selector", "colour = 'red'")
		big := c.subscribe(queue, "selector", "colour <> 'red' AND size > 5")
		c.fill(queue, numbered("m", from, to), func(i int) []string {
			return []string{"colour", []string{"red", "green", "blue"}[(from+i)%3], "size", fmt.Sprint((from + i) % 10)}
		})
		var reds, bigs, others []string
		for i := from; i < to; i++ {
			b := fmt.Sprintf("m%d", i)
			switch {
			case i%3 == 0:
				reds = append(reds, b)
			case i%10 > 5:
				bigs = append(bigs, b)
			default:
				others = append(others, b)
			}
		}
		s.same("red", red.take(len(reds)), reds)
		s.same("big", big.take(len(bigs)), bigs)
		s.same("what nobody selects", c.browse(queue), others)
		red.unsubscribe()
		big.unsubscribe()
		s.same("the others", c.subscribe(queue).take(len(others)), others)
	}
	round(s, 0, 120)
	return func(s *stage) { round(s, 120, 240) }
}

// selectAnswers is request and reply over one queue: the answers come in the
// wrong order, and one consumer is gone when its answer comes.
func selectAnswers(s *stage) func(*stage) {
	const queue, n = "/queue/select.answers", 1000
	round := func(s *stage, name string) {
		c := s.connect()
		var subs []*sub
		for i := range n {
			subs = append(subs, c.subscribe(queue, "selector", fmt.Sprintf("JMSCorrelationID = '%s-%d'", name, i), "activemq.prefetchSize", "1"))
		}
		subs[7].unsubscribe()
		answers := numbered(name+"-", 0, n)
		slices.Reverse(answers)
		s.connect().fill(queue, answers, func(i int) []string { return []string{"correlation-id", answers[i]} })
		for i, b := range subs {
			if i != 7 {
				s.same("answer", b.take(1), []string{fmt.Sprintf("%s-%d", name, i)})
			}
		}
	}
	round(s, "first")
	return func(s *stage) {
		round(s, "second")
		c := s.connect()
		s.same("what nobody waited for", c.subscribe(queue).take(2), []string{"first-7", "second-7"})
		s.same("left", c.browse(queue), nil)
	}
}

// selectTopic has a live and a durable subscription that select.
func selectTopic(s *stage) func(*stage) {
	const topic = "/topic/select.news"
	publish := func(s *stage, prefix string) {
		s.connect().fill(topic, numbered(prefix, 0, 30), func(i int) []string { return []string{"n", fmt.Sprint(i % 3)} })
	}
	third := func(prefix string, from int) (list []string) {
		for i := from; i < 30; i += 3 {
			list = append(list, fmt.Sprintf("%s%d", prefix, i))
		}
		return list
	}
	c := s.connect("client-id", "select-news")
	ones := c.subscribe(topic, "selector", "n = 1")
	twos := c.durable(topic, "twos", "selector", "n = 2")
	publish(s, "a")
	s.same("live", ones.take(10), third("a", 1))
	s.same("durable", twos.take(4), third("a", 2)[:4])
	c.Close()
	publish(s, "b")
	return func(s *stage) {
		publish(s, "c")
		c := s.connect("client-id", "select-news")
		twos := c.durable(topic, "twos", "selector", "n = 2")
		s.same("durable", twos.take(26), slices.Concat(third("a", 2)[4:], third("b", 2), third("c", 2)))
		ones := c.subscribe(topic, "selector", "n = 1")
		publish(s, "d")
		s.same("live", ones.take(10), third("d", 1))
		s.same("durable", twos.take(10), third("d", 2))
		ones.quiet()
		twos.quiet()
	}
}

// selectRolledBack rolls back a transaction that acknowledged and sent.
func selectRolledBack(s *stage) func(*stage) {
	const queue = "/queue/select.rollback"
	c := s.connect()
	c.fill(queue, numbered("m", 0, 10), func(i int) []string { return []string{"even", fmt.Sprint(i%2 == 0)} })
	even := c.subscribe(queue, "selector", "even = TRUE")
	c.begin("t")
	f := even.next()
	even.ack(f, "transaction", "t")
	c.send(queue, "never", "even", "true", "transaction", "t")
	c.abort("t")
	s.same("even", bodies(even.peek(4)), []string{"m2", "m4", "m6", "m8"})
	again := even.next()
	s.same("rolled back", []string{string(again.Body), again.Headers["redelivered"]}, []string{"m0", "true"})
	even.ack(again)
	return func(s *stage) {
		c := s.connect()
		even := c.subscribe(queue, "selector", "even = TRUE")
		s.same("even", even.take(4), []string{"m2", "m4", "m6", "m8"})
		s.same("odd", c.subscribe(queue).take(5), []string{"m1", "m3", "m5", "m7", "m9"})
	}
}
