package test

import (
	"fmt"
	"slices"
)

// far is a backlog longer than what a queue holds ready.
const far = 20_000

var selectorRules = []rule{
	{name: "a topic's subscriptions get what they select", before: selectTopic},
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
