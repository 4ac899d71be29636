package test

import (
	"slices"
	"time"
)

var redeliveryRules = []rule{
	{name: "a redelivery waits, longer each time, and holds up nobody", before: backOff,
		policy: `<policyEntry queue="backoff.>" maximumRedeliveries="2" initialRedeliveryDelay="200" backOffMultiplier="2"><deadLetterStrategy><individualDeadLetterStrategy queuePrefix="DLQ."/></deadLetterStrategy></policyEntry>`},
	{name: "a redelivery that waits holds up those of its group", before: backOffGroup,
		policy: `<policyEntry queue="backoff.group" maximumRedeliveries="5" initialRedeliveryDelay="300"/>`},
}

// backOff fails one message of many.
func backOff(s *stage) func(*stage) {
	const queue, dead = "/queue/backoff.a", "/queue/DLQ.backoff.a"
	c := s.connect()
	c.fill(queue, numbered("m", 0, 20), nil)
	sub := c.subscribe(queue, "activemq.prefetchSize", "1")
	began := time.Now()
	sub.fail(sub.next())
	s.same("the others", sub.take(19), numbered("m", 1, 20))
	f := sub.next()
	if waited := time.Since(began); string(f.Body) != "m0" || f.Headers["redelivered"] != "true" || waited < 200*time.Millisecond {
		s.Fatalf("%s, redelivered %q, came again after %v, want m0 after 200ms", f.Body, f.Headers["redelivered"], waited)
	}
	began = time.Now()
	sub.fail(f)
	f = sub.next()
	if waited := time.Since(began); string(f.Body) != "m0" || waited < 400*time.Millisecond {
		s.Fatalf("%s came again after %v, want m0 after 400ms", f.Body, waited)
	}
	sub.fail(f)
	c.settles(dead, []string{"m0"})
	c.send(queue, "late")
	sub.fail(sub.next())
	return func(s *stage) {
		c := s.connect()
		sub := c.subscribe(queue)
		f := sub.next()
		s.same("again", []string{string(f.Body), f.Headers["redelivered"]}, []string{"late", "true"})
		began := time.Now()
		sub.fail(f)
		f = sub.next()
		if waited := time.Since(began); waited < 400*time.Millisecond {
			s.Errorf("the second delay after a failover was %v, want 400ms: the count is in the log", waited)
		}
		sub.fail(f)
		c.settles(dead, []string{"m0", "late"})
	}
}

// backOffGroup fails the first message of a group.
func backOffGroup(s *stage) func(*stage) {
	const queue = "/queue/backoff.group"
	send := func(c *client, prefix string) {
		for _, b := range numbered(prefix, 0, 3) {
			c.send(queue, "g"+b, "JMSXGroupID", "g")
			c.send(queue, "h"+b, "JMSXGroupID", "h")
		}
	}
	round := func(s *stage, prefix string) {
		c := s.connect()
		send(c, prefix)
		sub := c.subscribe(queue, "activemq.prefetchSize", "1")
		f := sub.next()
		s.same("first", []string{string(f.Body)}, []string{"g" + prefix + "0"})
		sub.fail(f)
		s.same("the other group first", sub.take(6), slices.Concat(numbered("h"+prefix, 0, 3), numbered("g"+prefix, 0, 3)))
		sub.unsubscribe()
	}
	round(s, "a")
	c := s.connect()
	send(c, "b")
	sub := c.subscribe(queue, "activemq.prefetchSize", "1")
	sub.fail(sub.next())
	return func(s *stage) {
		sub := s.connect().subscribe(queue, "activemq.prefetchSize", "1")
		var g, h []string
		for _, b := range sub.take(6) {
			if b[0] == 'g' {
				g = append(g, b)
			} else {
				h = append(h, b)
			}
		}
		s.same("group g", g, numbered("gb", 0, 3))
		s.same("group h", h, numbered("hb", 0, 3))
		sub.unsubscribe()
		round(s, "c")
	}
}
