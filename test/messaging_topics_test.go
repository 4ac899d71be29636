package test

import "strings"

var topicRules = []rule{
	{name: "nobody gets with no-local what he sends himself", before: noLocal},
	{name: "a retroactive subscriber gets the last messages", before: retroactive, policy: `
		<policyEntry topic="retro.count"><subscriptionRecoveryPolicy><fixedCountSubscriptionRecoveryPolicy maximumSize="5"/></subscriptionRecoveryPolicy></policyEntry>
		<policyEntry topic="retro.last" alwaysRetroactive="true"><subscriptionRecoveryPolicy><lastImageSubscriptionRecoveryPolicy/></subscriptionRecoveryPolicy></policyEntry>`},
	{name: "a slow subscriber loses the oldest messages beyond its limit", before: evicted,
		policy: `<policyEntry topic="slow.limit"><pendingMessageLimitStrategy><constantPendingMessageLimitStrategy limit="10"/></pendingMessageLimitStrategy></policyEntry>`},
	{name: "a slow subscriber without a limit loses nothing", before: notEvicted,
		policy: `<policyEntry topic="slow.spill" memoryLimit="64kb"/>`},
	{name: "a slow consumer is disconnected, and another gets its messages", before: aborted,
		policy: `<policyEntry queue="slow.abort"><slowConsumerStrategy><abortSlowConsumerStrategy maxSlowDuration="300" checkPeriod="100" abortConnection="true"/></slowConsumerStrategy></policyEntry>`},
	{name: "durable subscriptions survive and end with UNSUBSCRIBE", before: durables},
}

func noLocal(s *stage) func(*stage) {
	const topic = "/topic/nolocal"
	round := func(s *stage, prefix string) {
		me, you := s.connect("client-id", "nolocal"), s.connect()
		live := me.subscribe(topic, "activemq.noLocal", "true")
		keep := me.durable(topic, "keep", "activemq.noLocal", "true")
		me.send(topic, prefix+" mine")
		you.send(topic, prefix+" yours")
		s.same("live", live.take(1), []string{prefix + " yours"})
		s.same("durable", keep.take(1), []string{prefix + " yours"})
		live.quiet()
		keep.quiet()
	}
	round(s, "a")
	return func(s *stage) { round(s, "b") }
}

func retroactive(s *stage) func(*stage) {
	round := func(s *stage, prefix string) {
		c := s.connect()
		c.fill("/topic/retro.count", numbered(prefix, 0, 20), nil)
		c.fill("/topic/retro.last", numbered(prefix, 0, 20), nil)
		count := c.subscribe("/topic/retro.count", "activemq.retroactive", "true")
		plain := c.subscribe("/topic/retro.count")
		last := c.subscribe("/topic/retro.last")
		c.send("/topic/retro.count", prefix+"20")
		c.send("/topic/retro.last", prefix+"20")
		s.same("the last five, and live", count.take(6), numbered(prefix, 15, 21))
		s.same("live alone", plain.take(1), []string{prefix + "20"})
		s.same("the last image, and live", last.take(2), numbered(prefix, 19, 21))
	}
	round(s, "a")
	return func(s *stage) { round(s, "b") }
}

// evicted has a subscriber that takes one message and no more for a while.
func evicted(s *stage) func(*stage) {
	const topic = "/topic/slow.limit"
	round := func(s *stage, prefix string) {
		c := s.connect()
		slow := c.subscribe(topic, "activemq.prefetchSize", "1")
		fast := c.subscribe(topic)
		c.fill(topic, numbered(prefix, 0, 100), nil)
		s.same("fast", fast.take(100), numbered(prefix, 0, 100))
		s.same("slow", slow.take(11), append([]string{prefix + "0"}, numbered(prefix, 90, 100)...))
		slow.quiet()
	}
	round(s, "a")
	return func(s *stage) { round(s, "b") }
}

// notEvicted has a subscriber that waits until far more is pending than memory
// may hold.
func notEvicted(s *stage) func(*stage) {
	const topic, n = "/topic/slow.spill", 1000
	round := func(s *stage, prefix string) {
		slow := s.connect().subscribe(topic, "activemq.prefetchSize", "1")
		list := numbered(prefix, 0, n)
		for i := range list {
			list[i] += strings.Repeat(".", 1000)
		}
		c := s.connect()
		c.fill(topic, list, func(int) []string { return []string{"persistent", "false"} })
		s.same("slow", slow.take(n), list)
	}
	round(s, "a")
	return func(s *stage) { round(s, "b") }
}

// aborted has a consumer that stops to acknowledge.
func aborted(s *stage) func(*stage) {
	const queue = "/queue/slow.abort"
	round := func(s *stage, prefix string) {
		slow := s.connect()
		lazy := slow.subscribe(queue, "activemq.prefetchSize", "1")
		s.connect().fill(queue, numbered(prefix, 0, 5), nil)
		lazy.peek(1)
		if err := slow.Ended(s.wait()); err == nil {
			s.Fatal("the slow consumer is still connected")
		}
		s.same("another", s.connect().subscribe(queue).take(5), numbered(prefix, 0, 5))
	}
	round(s, "a")
	return func(s *stage) { round(s, "b") }
}

// durables has a subscription that stays, and one that ends.
func durables(s *stage) func(*stage) {
	const topic = "/topic/durable"
	c := s.connect("client-id", "durables")
	c.durable(topic, "stays")
	c.durable(topic, "ends")
	c.fill(topic, numbered("m", 0, 3), nil)
	c.Close()
	c = s.connect("client-id", "durables")
	c.do("UNSUBSCRIBE", "", "id", "none", "activemq.subscriptionName", "ends")
	c.begin("open") // ends with the master
	c.send(topic, "never", "transaction", "open")
	return func(s *stage) {
		c := s.connect("client-id", "durables")
		stays := c.durable(topic, "stays")
		s.same("stays", stays.take(3), numbered("m", 0, 3))
		ends := c.durable(topic, "ends")
		c.send(topic, "m3")
		s.same("begun anew", ends.take(1), []string{"m3"})
		s.same("stays", stays.take(1), []string{"m3"})
	}
}
