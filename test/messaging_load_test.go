package test

import (
	"fmt"
	"testing"
	"time"

	"github.com/quorate/quorate/internal/testkit/history"
	"github.com/quorate/quorate/internal/testkit/load"
	"github.com/quorate/quorate/internal/testkit/proc"
	"github.com/quorate/quorate/internal/testkit/wire"
)

// TestMessagingUnderLoad kills the master again and again while messages of many
// kinds are under way. What was confirmed comes, nothing comes twice that was
// acknowledged, and where order is promised it holds: of each producer, of each
// message group, whoever of its consumers breaks off.
func TestMessagingUnderLoad(t *testing.T) {
	const virtualQueue = "/queue/Consumer.L.VirtualTopic.Load"
	ctx := timeout(t, 3*time.Minute)
	c := proc.New(t, setup(proc.Setup{Nodes: 3}))
	c.Start()
	master := c.Master(ctx)
	plan := load.Plan{Addrs: c.Addrs(), Producers: 2, Consumers: 2, Window: 2, Size: 200, Prefetch: 20}
	durable := []string{"activemq.subscriptionName", "load", "selector", "JMSPriority = 4"}
	early, err := wire.DialClient(master.Stomp, "client-id", "load")
	if err != nil {
		t.Fatal(err)
	}
	// These get what is sent once they are there.
	for _, headers := range [][]string{
		{"id", "1", "destination", virtualQueue, "selector", "FALSE"},
		append([]string{"id", "2", "destination", "/topic/load.durable"}, durable...),
	} {
		if err := early.Do(ctx, "SUBSCRIBE", nil, headers...); err != nil {
			t.Fatal(err)
		}
	}
	early.Close()
	runs := map[string]*load.Run{}
	ordered := map[string]bool{}
	begin := func(name string, inOrder bool, change func(p *load.Plan)) {
		p := plan
		p.Queues = []string{"/queue/load." + name}
		change(&p)
		runs[name], ordered[name] = load.Start(ctx, p), inOrder
	}
	begin("groups", true, func(p *load.Plan) {
		p.Producers, p.Consumers, p.Hasty = 4, 3, 100
		p.Headers = func(k history.Key) []string { return []string{"JMSXGroupID", k.Producer} }
	})
	begin("exclusive", true, func(p *load.Plan) {
		p.Consumers, p.Hasty = 3, 100
		p.Subscribe = func(int) []string { return []string{"activemq.exclusive", "true"} }
	})
	begin("selectors", true, func(p *load.Plan) {
		p.Headers = func(k history.Key) []string { return []string{"from", k.Producer} }
		p.Subscribe = func(i int) []string { return []string{"selector", fmt.Sprintf("from = 'p%d'", i)} }
	})
	begin("wildcards", true, func(p *load.Plan) {
		p.Queues = []string{"/queue/load.wild.1", "/queue/load.wild.2"}
		p.From, p.Consumers = []string{"/queue/load.wild.*"}, 1
	})
	begin("virtual", true, func(p *load.Plan) {
		p.Queues, p.From, p.Consumers = []string{"/topic/VirtualTopic.Load"}, []string{virtualQueue}, 1
	})
	begin("delayed", false, func(p *load.Plan) {
		p.Headers = func(k history.Key) []string { return later(time.Duration(k.Seq%10) * 100 * time.Millisecond) }
	})
	begin("durable", true, func(p *load.Plan) {
		p.Queues, p.Consumers = []string{"/topic/load.durable"}, 1
		p.Connect = []string{"client-id", "load"}
		p.Subscribe = func(int) []string { return durable }
	})
	begin("transactions", false, func(p *load.Plan) {
		p.Queues, p.Tx = []string{"/queue/priority.load"}, 5
		p.Headers = func(k history.Key) []string { return []string{"priority", fmt.Sprint(k.Seq % 10)} }
	})
	for range rounds(2) {
		for _, run := range runs {
			confirmAfter(ctx, t, run, 100)
		}
		kill(t, master)
		dead := master
		master = c.Master(ctx)
		for _, run := range runs {
			confirmAfter(ctx, t, run, 100)
		}
		mark := dead.Log.Mark()
		c.Start(dead)
		c.Attached(ctx, dead, mark)
	}
	for name, run := range runs {
		run.StopProducers()
		if err := run.Drain(timeout(t, 30*time.Second)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		run.Stop()
		for _, bad := range run.History.Check(ordered[name]) {
			t.Errorf("%s: %s", name, bad)
		}
		sent, confirmed, received := run.History.Counts()
		t.Logf("%s: %d sent, %d confirmed, %d received", name, sent, confirmed, received)
	}
}
