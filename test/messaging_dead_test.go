package test

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

var deadRules = []rule{
	{name: "an expired message is in the dead letters with its reason", before: expired,
		policy: `<policyEntry queue="expire.>" expireMessagesPeriod="100"><deadLetterStrategy><individualDeadLetterStrategy queuePrefix="DLQ."/></deadLetterStrategy></policyEntry>`},
	{name: "a poison message goes to the queue's own dead letters", before: poison,
		policy: `<policyEntry queue="poison.own" maximumRedeliveries="1"><deadLetterStrategy><individualDeadLetterStrategy queuePrefix="DLQ." queueSuffix=".dead"/></deadLetterStrategy></policyEntry>`},
	{name: "a durable subscription's poison goes to dead letters of its own", before: poisonDurable,
		policy: `<policyEntry topic="poison.topic"><deadLetterStrategy><individualDeadLetterStrategy topicPrefix="DLT." destinationPerDurableSubscriber="true"/></deadLetterStrategy></policyEntry>`},
	{name: "dead letters of several queues share one of another name", before: poisonShared,
		policy: `<policyEntry queue="poison.shared.>" maximumRedeliveries="0"><deadLetterStrategy><sharedDeadLetterStrategy><deadLetterQueue><queue physicalName="DLQ.shared"/></deadLetterQueue></sharedDeadLetterStrategy></deadLetterStrategy></policyEntry>`},
	{name: "a discarding strategy keeps no dead letter", before: poisonDiscarded,
		policy: `<policyEntry queue="poison.gone" maximumRedeliveries="0" expireMessagesPeriod="100"><deadLetterStrategy><discarding/></deadLetterStrategy></policyEntry>`},
	{name: "a failover alone makes no dead letter", before: noPoison,
		policy: `<policyEntry queue="poison.not" maximumRedeliveries="0"/>`},
}

// in gives the expires header of a message that lives for d.
func in(d time.Duration) []string {
	return []string{"expires", strconv.FormatInt(time.Now().Add(d).UnixMilli(), 10)}
}

// expired has messages that expire unseen, delivered and while the master dies.
func expired(s *stage) func(*stage) {
	c := s.connect()
	c.send("/queue/expire.a", "short", in(50*time.Millisecond)...)
	c.send("/queue/expire.a", "stays")
	c.settles("/queue/DLQ.expire.a", []string{"short"})
	letter := c.look("/queue/DLQ.expire.a")[0]
	for header, want := range map[string]string{"expires": "0", "persistent": "true"} {
		if letter.Headers[header] != want {
			s.Errorf("a dead letter has %s %q, want %q", header, letter.Headers[header], want)
		}
	}
	if cause := letter.Headers["dlqDeliveryFailureCause"]; !strings.Contains(cause, "Expired") {
		s.Errorf("the reason is %q", cause)
	}
	if letter.Headers["originalExpiration"] == "" {
		s.Errorf("there is no originalExpiration: %v", letter.Headers)
	}
	c.send("/queue/expire.b", "soon", in(time.Second)...)
	return func(s *stage) {
		c := s.connect()
		c.settles("/queue/DLQ.expire.b", []string{"soon"})
		s.same("expire.a", c.browse("/queue/expire.a"), []string{"stays"})
		s.same("expire.b", c.browse("/queue/expire.b"), nil)
		s.same("dead letters", c.subscribe("/queue/DLQ.expire.a").take(1), []string{"short"})
	}
}

// poison fails a message as often as it may be delivered again, and rejects one.
func poison(s *stage) func(*stage) {
	const queue, dead = "/queue/poison.own", "/queue/DLQ.poison.own.dead"
	c := s.connect()
	sub := c.subscribe(queue)
	c.send(queue, "poison", "colour", "green", "correlation-id", "x")
	sub.fail(sub.next())
	f := sub.next()
	if f.Headers["redelivered"] != "true" {
		s.Errorf("it came again without the mark: %v", f.Headers)
	}
	sub.fail(f)
	c.settles(dead, []string{"poison"})
	letter := c.look(dead)[0]
	for header, want := range map[string]string{"colour": "green", "correlation-id": "x", "original-destination": queue} {
		if letter.Headers[header] != want {
			s.Errorf("a dead letter has %s %q, want %q", header, letter.Headers[header], want)
		}
	}
	if letter.Headers["dlqDeliveryFailureCause"] == "" {
		s.Error("it has no reason")
	}
	c.send(queue, "rejected")
	sub.nack(sub.next())
	c.settles(dead, []string{"poison", "rejected"})
	c.send(queue, "once")
	sub.fail(sub.next()) // counted in the log: one more delivery after the failover
	sub.unsubscribe()
	return func(s *stage) {
		c := s.connect()
		sub := c.subscribe(queue)
		f := sub.next()
		s.same("again", []string{string(f.Body), f.Headers["redelivered"]}, []string{"once", "true"})
		sub.fail(f)
		c.settles(dead, []string{"poison", "rejected", "once"})
		s.same("the queue", c.browse(queue), nil)
		s.same("dead letters", c.subscribe(dead).take(3), []string{"poison", "rejected", "once"})
	}
}

// poisonDurable has two durable subscriptions, one of which rejects.
func poisonDurable(s *stage) func(*stage) {
	const topic, dead = "/topic/poison.topic", "/queue/DLT.poison.topic.poisoned:bad"
	c := s.connect("client-id", "poisoned")
	bad, good := c.durable(topic, "bad"), c.durable(topic, "good")
	c.send(topic, "one")
	bad.nack(bad.next())
	s.same("good", good.take(1), []string{"one"})
	c.settles(dead, []string{"one"})
	c.send(topic, "two")
	return func(s *stage) {
		c := s.connect("client-id", "poisoned")
		bad, good := c.durable(topic, "bad"), c.durable(topic, "good")
		bad.nack(bad.next())
		s.same("good", good.take(1), []string{"two"})
		c.settles(dead, []string{"one", "two"})
	}
}

// poisonShared has two queues with one dead letter queue.
func poisonShared(s *stage) func(*stage) {
	c := s.connect()
	want := []string{}
	for _, q := range []string{"a", "b"} {
		queue := "/queue/poison.shared." + q
		c.send(queue, "from "+q)
		sub := c.subscribe(queue)
		sub.nack(sub.next())
		want = append(want, "from "+q)
		c.settles("/queue/DLQ.shared", want)
	}
	return func(s *stage) {
		c := s.connect()
		sub := c.subscribe("/queue/DLQ.shared")
		f := sub.next()
		// A dead letter may fail as often as it likes.
		for range 8 {
			sub.fail(f)
			f = sub.next()
		}
		s.same("failed", []string{string(f.Body)}, want[:1])
		sub.ack(f)
		s.same("dead letters", sub.take(1), want[1:])
	}
}

func poisonDiscarded(s *stage) func(*stage) {
	const queue = "/queue/poison.gone"
	round := func(s *stage, n int) {
		c := s.connect()
		sub := c.subscribe(queue)
		c.send(queue, fmt.Sprint("poison", n))
		sub.nack(sub.next())
		c.settles(queue, nil)
		for _, letter := range c.look("/queue/ActiveMQ.DLQ") {
			if strings.HasPrefix(string(letter.Body), "poison") {
				s.Errorf("%s is a dead letter", letter.Body)
			}
		}
	}
	round(s, 1)
	return func(s *stage) { round(s, 2) }
}

// noPoison delivers before and after a failover a message that may be delivered
// just once.
func noPoison(s *stage) func(*stage) {
	const queue = "/queue/poison.not"
	c := s.connect()
	c.send(queue, "innocent")
	sub := c.subscribe(queue)
	s.same("delivered", bodies(sub.peek(1)), []string{"innocent"})
	return func(s *stage) {
		if s.reborn {
			s.same("delivered", s.connect().subscribe(queue).take(1), []string{"innocent"})
		}
	}
}
