package test

import "slices"

var routeRules = []rule{
	{name: "wildcards of a queue's consumer", before: wildQueues},
	{name: "wildcards of a topic's subscriptions", before: wildTopics},
	{name: "a composite destination in SEND and SUBSCRIBE", before: composites},
	{name: "a virtual topic and its queues", before: virtualTopic,
		routes: `<virtualTopic name="VirtualTopic.>" prefix="Consumer.*."/>`},
	{name: "a virtual topic with names of its own whose queues know selectors", before: ownVirtualTopic,
		routes: `<virtualTopic name="Own.>" prefix="Reader.*." postfix=".in" selectorAware="true"/>`},
	{name: "composite queues and topics with filters", before: compositeQueues, routes: `
		<compositeQueue name="fw.all" forwardOnly="false"><forwardTo><queue physicalName="fw.copy"/><topic physicalName="fw.feed"/></forwardTo></compositeQueue>
		<compositeQueue name="fw.split" sendWhenNotMatched="true"><forwardTo>
			<filteredDestination selector="colour = 'red'" queue="fw.red"/><filteredDestination selector="colour = 'blue'" queue="fw.blue"/></forwardTo></compositeQueue>
		<compositeTopic name="fw.rest"><forwardTo><queue physicalName="fw.archive"/></forwardTo></compositeTopic>`},
	{name: "a mirrored queue", before: mirrored, interceptors: `<mirroredQueue prefix="seen."/>`},
}

// wildQueues consumes from queues that are there and from one that comes later.
func wildQueues(s *stage) func(*stage) {
	c := s.connect()
	c.send("/queue/wild.eu.in", "eu")
	c.send("/queue/wild.eu.out", "not in")
	c.send("/queue/wild.eu.de.in", "too deep")
	in := c.subscribe("/queue/wild.*.in")
	rest := c.subscribe("/queue/wild.eu.de.>")
	s.same("*", in.take(1), []string{"eu"})
	s.same(">", bodies(rest.peek(1)), []string{"too deep"})
	c.send("/queue/wild.us.in", "us")
	f := in.next()
	s.same("a queue that came later", []string{string(f.Body), f.Headers["destination"]}, []string{"us", "/queue/wild.us.in"})
	c.send("/queue/wild.as.in", "as")
	return func(s *stage) {
		c := s.connect()
		in := c.subscribe("/queue/wild.*.in", "activemq.prefetchSize", "1")
		got := in.take(2)
		slices.Sort(got)
		s.same("*", got, []string{"as", "us"})
		c.send("/queue/wild.af.in", "af")
		s.same("*", in.take(1), []string{"af"})
		rest := c.subscribe("/queue/wild.>").take(2)
		slices.Sort(rest)
		s.same(">", rest, []string{"not in", "too deep"})
	}
}

// wildTopics subscribes to many topics, alive and durable.
func wildTopics(s *stage) func(*stage) {
	c := s.connect("client-id", "wild")
	live := c.subscribe("/topic/weather.*.wind")
	keep := c.durable("/topic/weather.>", "keep")
	send := s.connect()
	for _, t := range []string{"eu.wind", "eu.rain", "us.wind"} {
		send.send("/topic/weather."+t, t)
	}
	s.same("live", live.take(2), []string{"eu.wind", "us.wind"})
	s.same("durable", keep.take(3), []string{"eu.wind", "eu.rain", "us.wind"})
	c.Close()
	send.send("/topic/weather.as.wind", "as.wind")
	return func(s *stage) {
		send := s.connect()
		send.send("/topic/weather.as.rain.today", "as.rain.today")
		c := s.connect("client-id", "wild")
		keep := c.durable("/topic/weather.>", "keep")
		s.same("durable", keep.take(2), []string{"as.wind", "as.rain.today"})
		live := c.subscribe("/topic/weather.*.wind")
		send.send("/topic/weather.af.rain", "af.rain")
		send.send("/topic/weather.af.wind", "af.wind")
		s.same("live", live.take(1), []string{"af.wind"})
		s.same("durable", keep.take(2), []string{"af.rain", "af.wind"})
	}
}

// composites sends to several destinations at once and consumes from several.
func composites(s *stage) func(*stage) {
	c := s.connect("client-id", "composite")
	live := c.subscribe("/topic/comp.c")
	keep := c.durable("/topic/comp.c", "keep")
	c.send("/queue/comp.a,/queue/comp.b,/topic/comp.c", "all")
	c.begin("t")
	c.send("/queue/comp.a,/queue/comp.b", "rolled back", "transaction", "t")
	c.abort("t")
	s.same("live", live.take(1), []string{"all"})
	s.same("durable", bodies(keep.peek(1)), []string{"all"})
	s.same("a", c.browse("/queue/comp.a"), []string{"all"})
	s.same("b", c.browse("/queue/comp.b"), []string{"all"})
	return func(s *stage) {
		c := s.connect("client-id", "composite")
		keep := c.durable("/topic/comp.c", "keep")
		s.same("durable", keep.take(1), []string{"all"})
		both := c.subscribe("/queue/comp.a,/queue/comp.b")
		s.same("both queues", both.take(2), []string{"all", "all"})
		c.send("/queue/comp.b", "more")
		s.same("both queues", both.take(1), []string{"more"})
	}
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

// ownVirtualTopic has affixes of its own, and queues that get only what one of
// their consumers selects.
func ownVirtualTopic(s *stage) func(*stage) {
	const a, b = "/queue/Reader.A.Own.News.in", "/queue/Reader.B.Own.News.in"
	publish := func(s *stage, prefix string) {
		s.connect().fill("/topic/Own.News", numbered(prefix, 0, 6), func(i int) []string {
			return []string{"kind", []string{"sport", "stock"}[i%2]}
		})
	}
	c := s.connect()
	sport := c.subscribe(a, "selector", "kind = 'sport'")
	all := c.subscribe(b)
	publish(s, "x")
	s.same("all", all.take(6), numbered("x", 0, 6))
	f := sport.next()
	s.same("first", []string{string(f.Body), f.Headers["original-destination"]}, []string{"x0", "/topic/Own.News"})
	sport.ack(f)
	sport.unsubscribe()
	all.unsubscribe()
	s.same("selected for A", c.browse(a), []string{"x2", "x4"})
	publish(s, "nobody")
	s.same("A without a consumer", c.browse(a), []string{"x2", "x4"})
	return func(s *stage) {
		c := s.connect()
		stock := c.subscribe(a, "selector", "kind = 'stock'")
		publish(s, "y")
		s.same("stock", stock.take(3), []string{"y1", "y3", "y5"})
		stock.unsubscribe()
		s.same("left", c.subscribe(a).take(2), []string{"x2", "x4"})
		s.same("B", c.browse(b), nil)
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
