package test

import (
	"strings"
	"time"

	"github.com/quorate/quorate/internal/testkit/wire"
)

var advisoryRules = []rule{
	{name: "advisories of consumers", before: adviseConsumers},
	{name: "advisories of queues that come", before: adviseQueues},
	{name: "advisories of what becomes of messages", before: adviseMessages, policy: `
		<policyEntry queue="advise.q" maximumRedeliveries="0" advisoryForDelivery="true" advisoryForConsumed="true" advisoryForDispatched="true" includeBodyForAdvisory="true"/>
		<policyEntry topic="advise.t" sendAdvisoryIfNoConsumers="true"/>`},
	{name: "explain tells what holds, and which line says so", before: explained,
		policy: `<policyEntry queue="explain.me" maximumRedeliveries="3" queuePrefetch="7"/>`},
}

// told gives the next advisory, which must have these headers.
func (b *sub) told(headers ...string) *wire.Frame {
	b.c.s.Helper()
	f := b.next()
	for i := 0; i+1 < len(headers); i += 2 {
		if f.Headers[headers[i]] != headers[i+1] {
			b.c.s.Errorf("an advisory has %s %q, want %q: %v", headers[i], f.Headers[headers[i]], headers[i+1], f.Headers)
		}
	}
	return f
}

func adviseConsumers(s *stage) func(*stage) {
	round := func(s *stage) {
		c := s.connect()
		watch := c.subscribe("/topic/ActiveMQ.Advisory.Consumer.Queue.advise.c")
		other := s.connect()
		a := other.subscribe("/queue/advise.c")
		watch.told("consumerCount", "1", "type", "Advisory")
		other.subscribe("/queue/advise.c", "selector", "a = 1")
		watch.told("consumerCount", "2")
		a.unsubscribe()
		watch.told("consumerCount", "1")
		other.Close()
		watch.told("consumerCount", "0")
		watch.quiet()
	}
	round(s)
	return round
}

func adviseQueues(s *stage) func(*stage) {
	const kept = "/queue/advise.kept"
	s.connect().send(kept, "kept")
	return func(s *stage) {
		c := s.connect()
		watch := c.subscribe("/topic/ActiveMQ.Advisory.Queue")
		c.send("/queue/advise.new", "new")
		seen := map[string]bool{}
		// Whoever comes is told of the queues that there are.
		for !seen["queue://advise.new"] || !seen["queue://advise.kept"] {
			seen[watch.told("type", "Advisory").Headers["orignalDestination"]] = true
		}
	}
}

func adviseMessages(s *stage) func(*stage) {
	round := func(s *stage, body string) {
		c := s.connect()
		delivered := c.subscribe("/topic/ActiveMQ.Advisory.MessageDelivered.Queue.advise.q")
		dispatched := c.subscribe("/topic/ActiveMQ.Advisory.MessageDispatched.Queue.advise.q")
		consumed := c.subscribe("/topic/ActiveMQ.Advisory.MessageConsumed.Queue.advise.q")
		dead := c.subscribe("/topic/ActiveMQ.Advisory.MessageDLQd.Queue.advise.q")
		nobody := c.subscribe("/topic/ActiveMQ.Advisory.NoConsumer.Topic.advise.t")
		q := c.subscribe("/queue/advise.q")
		c.send("/queue/advise.q", body)
		f := q.next()
		id := f.Headers["message-id"]
		for _, watch := range []*sub{delivered, dispatched} {
			if got := watch.told("orignalMessageId", id, "orignalDestination", "queue://advise.q"); string(got.Body) != body {
				s.Errorf("an advisory has the body %q, want %q", got.Body, body)
			}
		}
		q.ack(f)
		consumed.told("orignalMessageId", id)
		c.send("/queue/advise.q", body+" dies")
		f = q.next()
		q.nack(f)
		dead.told("orignalMessageId", f.Headers["message-id"])
		c.do("SEND", body, "destination", "/topic/advise.t") // of a persistent one nothing is told
		nobody.told()
	}
	round(s, "a")
	return func(s *stage) { round(s, "b") }
}

func explained(s *stage) func(*stage) {
	ctx := timeout(s.T, 10*time.Second)
	for _, n := range s.c.Nodes {
		out, err := quorate(ctx, "explain", "queue", "explain.me", "--config", n.Dir+".xml")
		if err != nil {
			s.Fatalf("explain: %v\n%s", err, out)
		}
		for _, want := range []string{"explain.me", "maximumRedeliveries", "3", "queuePrefetch", "7", "default", n.Name + ".xml:"} {
			if !strings.Contains(out, want) {
				s.Errorf("explain does not say %q:\n%s", want, out)
			}
		}
	}
	return nil
}
