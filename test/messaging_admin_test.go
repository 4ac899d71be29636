package test

import (
	"fmt"
	"strings"
	"time"
)

var adminRules = []rule{
	{name: "a paused queue delivers nothing until it is resumed", before: paused},
	{name: "a queue is purged while a selector looks through it", before: purged},
	{name: "dead letters go back where they died", before: retried,
		policy: `<policyEntry queue="admin.retry"><deadLetterStrategy><individualDeadLetterStrategy queuePrefix="DLQ."/></deadLetterStrategy></policyEntry>`},
	{name: "a message group is taken from its consumer", before: droppedGroup},
	{name: "an unused queue goes, and one that is used stays", before: collected},
}

// admin runs a command of the binary against the cluster, as an operator does.
func (s *stage) admin(args ...string) string {
	s.Helper()
	for _, n := range s.c.Nodes {
		if n.Running() {
			args = append(args, "--data", n.Dir)
		}
	}
	out, err := quorate(s.wait(), args...)
	if err != nil {
		s.Fatalf("quorate %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// paused pauses a queue, lets the master die, and resumes it.
func paused(s *stage) func(*stage) {
	const queue = "/queue/admin.pause"
	c := s.connect()
	sub := c.subscribe(queue)
	c.send(queue, "before")
	s.same("before", sub.take(1), []string{"before"})
	s.admin("queue", "pause", "admin.pause")
	c.fill(queue, numbered("m", 0, 10), nil)
	s.same("what waits", c.browse(queue), numbered("m", 0, 10))
	sub.quiet()
	sub.unsubscribe()
	return func(s *stage) {
		c := s.connect()
		sub := c.subscribe(queue)
		c.send(queue, "m10")
		s.same("what waits", c.browse(queue), numbered("m", 0, 11))
		sub.quiet()
		s.admin("queue", "resume", "admin.pause")
		s.same("resumed", sub.take(11), numbered("m", 0, 11))
	}
}

// purged purges a long queue under a selector that finds nothing in it.
func purged(s *stage) func(*stage) {
	const queue = "/queue/admin.purge"
	round := func(s *stage, prefix string) {
		c := s.connect()
		c.fill(queue, numbered(prefix, 0, 5000), nil)
		needle := c.subscribe(queue, "selector", "kind = 'needle'")
		held := c.subscribe(queue, "activemq.prefetchSize", "1").next()
		s.admin("queue", "purge", "admin.purge")
		c.send(queue, prefix+" needle", "kind", "needle")
		s.same("sent behind the purge", needle.take(1), []string{prefix + " needle"})
		for _, b := range c.browse(queue) {
			if b != string(held.Body) {
				s.Fatalf("%s is there after the purge", b)
			}
		}
		c.do("DISCONNECT", "")
	}
	round(s, "a")
	return func(s *stage) {
		c := s.connect()
		for _, b := range c.browse(queue) {
			if b != "a0" {
				s.Fatalf("%s is there after the purge and a failover", b)
			}
		}
		round(s, "b")
	}
}

func retried(s *stage) func(*stage) {
	const queue, dead = "/queue/admin.retry", "/queue/DLQ.admin.retry"
	c := s.connect()
	c.fill(queue, numbered("m", 0, 5), nil)
	sub := c.subscribe(queue)
	for _, f := range sub.peek(5) {
		sub.nack(f)
	}
	sub.unsubscribe()
	c.settles(dead, numbered("m", 0, 5))
	return func(s *stage) {
		s.admin("queue", "retry", "DLQ.admin.retry")
		s.ledger.again(queue)
		c := s.connect()
		c.settles(dead, nil)
		sub := c.subscribe(queue)
		for i, f := range sub.peek(5) {
			if string(f.Body) != fmt.Sprint("m", i) || f.Headers["dlqDeliveryFailureCause"] != "" || f.Headers["destination"] != queue {
				s.Errorf("%s came back as %v", f.Body, f.Headers)
			}
			sub.ack(f)
		}
	}
}

func droppedGroup(s *stage) func(*stage) {
	const queue = "/queue/admin.groups"
	round := func(s *stage, from int) {
		c := s.connect()
		subs := []*sub{c.subscribe(queue), c.subscribe(queue)}
		send := func(k int) {
			c.send(queue, fmt.Sprintf("g/%d", k), "JMSXGroupID", "g")
		}
		g := newGroupReader(s)
		send(from)
		g.take(1, subs...)
		if out := s.admin("queue", "groups", "admin.groups"); !strings.Contains(out, "g") {
			s.Errorf("the group is not listed:\n%s", out)
		}
		s.admin("queue", "drop-group", "admin.groups", "g")
		delete(g.owner, "g") // whoever has it next has its first message
		send(from + 1)
		g.take(1, subs...)
	}
	round(s, 0)
	return func(s *stage) { round(s, 2) }
}

// collected looks at which queues are there.
func collected(s *stage) func(*stage) {
	const used, unused = "/queue/inactive.used", "/queue/inactive.unused"
	c := s.connect()
	c.send(used, "stays")
	sub := c.subscribe(unused)
	c.send(unused, "goes")
	s.same("taken", sub.take(1), []string{"goes"})
	sub.unsubscribe()
	return func(s *stage) {
		for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
			out := s.admin("queue", "list", "inactive.>")
			if !strings.Contains(out, "inactive.used") {
				s.Fatalf("a queue with a message is gone:\n%s", out)
			}
			if !strings.Contains(out, "inactive.unused") {
				break
			}
			if time.Now().After(deadline) {
				s.Fatalf("an unused queue is still there:\n%s", out)
			}
		}
		s.same("used", s.connect().subscribe(used).take(1), []string{"stays"})
	}
}
