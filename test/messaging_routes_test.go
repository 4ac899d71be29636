package test

import (
	"slices"
)

var routeRules = []rule{
	{name: "a virtual topic and its queues", before: virtualTopic,
		routes: `<virtualTopic name="VirtualTopic.>" prefix="Consumer.*."/>`},
	{name: "composite queues and topics with filters", before: compositeQueues, routes: `
		<compositeQueue name="fw.all" forwardOnly="false"><forwardTo><queue physicalName="fw.copy"/><topic physicalName="fw.feed"/></forwardTo></compositeQueue>
		<compositeQueue name="fw.split" sendWhenNotMatched="true"><forwardTo>
			<filteredDestination selector="colour = 'red'" queue="fw.red"/><filteredDestination selector="colour = 'blue'" queue="fw.blue"/></forwardTo></compositeQueue>
		<compositeTopic name="fw.rest"><forwardTo><queue physicalName="fw.archive"/></forwardTo></compositeTopic>`},
	{name: "a mirrored queue", before: mirrored, interceptors: `<mirroredQueue prefix="seen."/>`},
}

// virtualTopic has two groups of consumers, each of which gets everything once.
func virtualTopic(s *stage) func(*stage) {
	const a, b = "/queue/Consumer.A.VirtualTopic.Orders", "/queue/Consumer.B.VirtualTopic.Orders"
	c := s.connect()
	a1, a2 := c.subscribe(a, "activemq.prefetchSize", "2"), c.subscribe(a, "activemq.prefetchSize", "2")
	c.subscribe(b).unsubscribe()
	plain := c.subscribe("/topic/VirtualTopic.Orders")
	c.fill("/topic/VirtualTopic.Orders", numbered("o", 0, 10), nil)
	s.same("plain", plain.take(10), numbered("o", 0, 10))
	one, two := a1.peek(2), a2.peek(2)
	got := slices.Concat(bodies(one), bodies(two))
	slices.Sort(got)
	s.same("A", got, numbered("o", 0, 4))
	for _, f := range one {
		a1.ack(f)
		got = slices.DeleteFunc(got, func(b string) bool { return b == string(f.Body) })
	}
	return func(s *stage) {
		c := s.connect()
		c.send("/topic/VirtualTopic.Orders", "late")
		s.same("A", c.subscribe(a).take(9), slices.Concat(got, numbered("o", 4, 10), []string{"late"}))
		s.same("B", c.subscribe(b).take(11), append(numbered("o", 0, 10), "late"))
	}
}

// compositeQueues are those of the configuration.
func compositeQueues(s *stage) func(*stage) {
	c := s.connect("client-id", "forward")
	feed := c.durable("/topic/fw.feed", "keep")
	send := func(c *client, queue, prefix string) {
		c.fill(queue, numbered(prefix, 0, 6), func(i int) []string { return []string{"colour", []string{"red", "blue", "green"}[i%3]} })
	}
	send(c, "/queue/fw.all", "all")
	send(c, "/queue/fw.split", "split")
	send(c, "/topic/fw.rest", "rest")
	c.begin("t")
	c.send("/queue/fw.split", "never", "colour", "red", "transaction", "t")
	c.s.same("nothing before the commit", c.browse("/queue/fw.red"), []string{"split0", "split3"})
	c.abort("t")
	s.same("feed", feed.take(2), []string{"all0", "all1"})
	return func(s *stage) {
		c := s.connect("client-id", "forward")
		s.same("feed", c.durable("/topic/fw.feed", "keep").take(4), numbered("all", 2, 6))
		s.same("all", c.subscribe("/queue/fw.all").take(6), numbered("all", 0, 6))
		s.same("copy", c.subscribe("/queue/fw.copy").take(6), numbered("all", 0, 6))
		s.same("red", c.subscribe("/queue/fw.red").take(2), []string{"split0", "split3"})
		s.same("blue", c.subscribe("/queue/fw.blue").take(2), []string{"split1", "split4"})
		s.same("split keeps what nobody takes", c.subscribe("/queue/fw.split").take(2), []string{"split2", "split5"})
		s.same("topic to queue", c.subscribe("/queue/fw.archive").take(6), numbered("rest", 0, 6))
	}
}

// mirrored shows what is sent to a queue on a topic.
func mirrored(s *stage) func(*stage) {
	const queue = "/queue/mirror.q"
	c := s.connect()
	mirror := c.subscribe("/topic/seen.mirror.q")
	c.send(queue, "one")
	s.same("mirror", mirror.take(1), []string{"one"})
	return func(s *stage) {
		c := s.connect()
		mirror := c.subscribe("/topic/seen.mirror.q")
		c.send(queue, "two")
		s.same("mirror", mirror.take(1), []string{"two"})
		s.same("queue", c.subscribe(queue).take(2), []string{"one", "two"})
	}
}
