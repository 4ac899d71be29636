package test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/quorate/quorate/internal/testkit/load"
	"github.com/quorate/quorate/internal/testkit/proc"
)

// TestArticle follows the reference article step by step with a real
// ZooKeeper ensemble: start, the lines of master and slaves, stop the master,
// stop one more, and back again.
func TestArticle(t *testing.T) {
	ctx := timeout(t, 5*time.Minute)
	c := proc.New(t, proc.Setup{Nodes: 3, Zk: ensemble(t).Connect()})
	c.Start()
	master := c.Master(ctx)
	wait := func(n *proc.Node, mark int, text string) {
		t.Helper()
		if _, err := n.Log.Wait(ctx, mark, text); err != nil {
			t.Fatalf("%s: %v", n.Name, err)
		}
	}
	wait(master, 0, "| INFO  | Promoted to master | org.apache.activemq.leveldb.replicated.MasterElector |")
	wait(master, 0, "| INFO  | Master started: tcp://"+master.Link+" | org.apache.activemq.leveldb.replicated.MasterElector |")
	wait(master, 0, "| INFO  | Slave has connected: ")
	wait(master, 0, "| INFO  | Slave has now caught up: ")
	for _, slave := range c.Others(master) {
		wait(slave, 0, "| INFO  | Slave started | org.apache.activemq.leveldb.replicated.MasterElector |")
		wait(slave, 0, "| INFO  | Attached | org.apache.activemq.leveldb.replicated.SlaveLevelDBStore |")
		refused(t, slave)
	}

	run := load.Start(ctx, load.Plan{Addrs: c.Addrs(), Queues: []string{"/queue/article"},
		Producers: 1, Window: 10, Size: 100})
	defer run.Stop()
	confirmAfter(ctx, t, run, 200)

	// The master is stopped: another is elected.
	marks := mark(c.Others(master))
	if err := master.Stop(ctx); err != nil {
		t.Fatalf("the master's end: %v", err)
	}
	next := promoted(ctx, t, marks)
	wait(next, marks[next], "Master started: tcp://"+next.Link)
	confirmAfter(ctx, t, run, 200)

	// One more is stopped: nobody serves, nothing is lost.
	last := c.Others(next)
	third := last[0]
	if third == master {
		third = last[1]
	}
	at := next.Log.Mark()
	if err := third.Stop(ctx); err != nil {
		t.Fatalf("the slave's end: %v", err)
	}
	wait(next, at, "Not enough cluster members connected to elect a master.")
	wait(next, at, "Demoted to slave")
	wait(next, at, "Connector stomp stopped")
	wait(next, at, "Master stopped")
	refused(t, next)

	// One is started: service resumes. The last one attaches and gets what it missed only.
	c.Start(third)
	c.Master(ctx)
	confirmAfter(ctx, t, run, 200)
	at = master.Log.Mark()
	c.Start(master)
	wait(master, at, "Slave started")
	wait(master, at, "Slave requested: ")
	wait(master, at, "Attached")
	if line := master.Log.Find(at, ".index/"); line != "" {
		t.Errorf("a whole snapshot was fetched where the log suffices: %s", line)
	}

	run.StopProducers()
	run2 := drainOnly(ctx, t, c, run, "/queue/article")
	if err := run2.Drain(ctx); err != nil {
		t.Error(err)
	}
}

// drainOnly consumes what an earlier run sent and records it in its history.
func drainOnly(ctx context.Context, t *testing.T, c *proc.Cluster, run *load.Run, queue string) *load.Run {
	t.Helper()
	r := load.Consume(ctx, run.History, load.Plan{Addrs: c.Addrs(), Queues: []string{queue}, Consumers: 1, Prefetch: 100})
	t.Cleanup(r.Stop)
	return r
}

func mark(nodes []*proc.Node) map[*proc.Node]int {
	marks := map[*proc.Node]int{}
	for _, n := range nodes {
		marks[n] = n.Log.Mark()
	}
	return marks
}

func refused(t *testing.T, n *proc.Node) {
	t.Helper()
	c, err := net.DialTimeout("tcp", n.Stomp, time.Second)
	if err == nil {
		c.Close()
		t.Errorf("%s accepts clients", n.Name)
	} else if !strings.Contains(err.Error(), "refused") {
		t.Errorf("%s: %v", n.Name, err)
	}
}

// TestEveryOrder stops and starts the three nodes in every order.
func TestEveryOrder(t *testing.T) {
	drivers(t, func(t *testing.T, setup proc.Setup) {
		ctx := timeout(t, 8*time.Minute)
		c := proc.New(t, setup)
		c.Start()
		c.Master(ctx)
		run := load.Start(ctx, load.Plan{Addrs: c.Addrs(), Queues: []string{"/queue/order"},
			Producers: 1, Consumers: 1, Window: 10, Size: 100, Prefetch: 10})
		defer run.Stop()
		orders := [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}
		for i, stop := range orders {
			start := orders[(i*5+1)%len(orders)]
			confirmAfter(ctx, t, run, 50)
			for _, k := range stop {
				if err := c.Nodes[k].Stop(ctx); err != nil {
					t.Fatalf("order %v: the end of %s: %v", stop, c.Nodes[k].Name, err)
				}
			}
			for _, k := range start {
				c.Start(c.Nodes[k])
			}
			t.Logf("stopped %v, started %v", stop, start)
		}
		confirmAfter(ctx, t, run, 50)
		settle(ctx, t, run)
	})
}

// TestAllKilled kills all three at once, under load, and starts them again.
func TestAllKilled(t *testing.T) {
	drivers(t, func(t *testing.T, setup proc.Setup) {
		ctx := timeout(t, 5*time.Minute)
		c := proc.New(t, setup)
		c.Start()
		c.Master(ctx)
		run := load.Start(ctx, load.Plan{Addrs: c.Addrs(), Queues: []string{"/queue/a", "/queue/b"},
			Producers: 2, Consumers: 2, Window: 50, Size: 300, Prefetch: 20})
		defer run.Stop()
		for i := range rounds(3) {
			confirmAfter(ctx, t, run, 300)
			for _, n := range c.Nodes {
				if err := n.Kill(); err != nil {
					t.Fatal(err)
				}
			}
			for k := range c.Nodes {
				c.Start(c.Nodes[(k+i)%3])
			}
		}
		confirmAfter(ctx, t, run, 300)
		settle(ctx, t, run)
	})
}
