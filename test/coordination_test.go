package test

import (
	"os"
	"testing"
	"time"

	"github.com/quorate/quorate/internal/testkit/hosts"
	"github.com/quorate/quorate/internal/testkit/load"
	"github.com/quorate/quorate/internal/testkit/proc"
	"github.com/quorate/quorate/internal/testkit/zookeeper"
)

// away is how long ZooKeeper is gone: longer than every session; a minute where
// somebody wants figures.
func away() time.Duration {
	if rounds(0) > 10 {
		return time.Minute
	}
	return 12 * time.Second
}

// TestZooKeeperAway stops the whole ensemble under load. Not one confirmation
// may be missed. With ZooKeeper still away the master is killed: there is a new
// one all the same. Back again, all rejoin.
func TestZooKeeperAway(t *testing.T) {
	ctx := timeout(t, 5*time.Minute)
	zk := ensemble(t)
	c := proc.New(t, proc.Setup{Nodes: 3, Zk: zk.Connect()})
	c.Start()
	master := c.Master(ctx)
	run := load.Start(ctx, load.Plan{Addrs: c.Addrs(), Queues: []string{"/queue/a", "/queue/b"},
		Producers: 2, Consumers: 2, Window: 10, Size: 256, Prefetch: 50})
	defer run.Stop()
	confirmAfter(ctx, t, run, 300)
	from := time.Now()
	zk.StopAll()
	confirmUntil(ctx, t, run, from.Add(away()))
	if gap := run.History.Gap(from, time.Now()); gap > 500*time.Millisecond {
		t.Errorf("without ZooKeeper the confirmations stopped for %v", gap)
	} else {
		t.Logf("without ZooKeeper for %v: longest gap %v", away(), gap)
	}
	if line := master.Log.Find(0, "Demoted to slave"); line != "" {
		t.Errorf("the master resigned because of ZooKeeper: %s", line)
	}
	marks := mark(c.Others(master))
	from = time.Now()
	kill(t, master)
	next := promoted(ctx, t, marks)
	confirmAfter(ctx, t, run, 300)
	t.Logf("the master killed without ZooKeeper: gap %v", run.History.Gap(from, time.Now()))
	at := master.Log.Mark()
	c.Start(master) // it knows the others by what it remembers
	c.Attached(ctx, master, at)
	from = time.Now()
	zk.StartAll()
	confirmUntil(ctx, t, run, time.Now().Add(6*time.Second))
	if gap := run.History.Gap(from, time.Now()); gap > 500*time.Millisecond {
		t.Errorf("when ZooKeeper came back the confirmations stopped for %v", gap)
	}
	if line := next.Log.Find(0, "Demoted to slave"); line != "" {
		t.Errorf("the master resigned when ZooKeeper came back: %s", line)
	}
	settle(ctx, t, run)
}

// TestCutFromZooKeeper cuts both slaves off from ZooKeeper; their links stay.
// Not one confirmation may be missed. (The clients live where ZooKeeper does, so
// a master that is cut off from it alone is tested by its session, in cluster.)
func TestCutFromZooKeeper(t *testing.T) {
	net := hosts.New(t, 3)
	ctx := timeout(t, 5*time.Minute)
	zk := zookeeper.New(t, zookeeper.Options{Host: net.Bridge})
	c := proc.New(t, proc.Setup{Nodes: 3, Zk: zk.Connect(), Hosts: net.Hosts})
	c.Start()
	master := c.Master(ctx)
	run := load.Start(ctx, load.Plan{Addrs: c.Addrs(), Queues: []string{"/queue/a"},
		Producers: 1, Consumers: 1, Window: 10, Size: 256, Prefetch: 50})
	defer run.Stop()
	confirmAfter(ctx, t, run, 300)
	from := time.Now()
	for _, s := range c.Others(master) {
		net.CutBridge(index(c, s))
	}
	confirmUntil(ctx, t, run, from.Add(away()))
	if gap := run.History.Gap(from, time.Now()); gap > 500*time.Millisecond {
		t.Errorf("with the slaves cut off from ZooKeeper the confirmations stopped for %v", gap)
	}
	for _, s := range c.Others(master) {
		net.HealBridge(index(c, s))
	}
	confirmUntil(ctx, t, run, time.Now().Add(5*time.Second))
	if line := master.Log.Find(0, "Demoted to slave"); line != "" {
		t.Errorf("the master resigned because of ZooKeeper: %s", line)
	}
	settle(ctx, t, run)
}

// TestReplaceEveryNode deletes the directory of every node in turn, each time
// with the cluster whole: in the end nobody has the disk that the messages were
// first written to, and all of them are there.
func TestReplaceEveryNode(t *testing.T) {
	ctx := timeout(t, 4*time.Minute)
	c := proc.New(t, proc.Setup{Nodes: 3})
	c.Start()
	c.Master(ctx)
	run := load.Start(ctx, load.Plan{Addrs: c.Addrs(), Queues: []string{"/queue/kept"}, Producers: 1, Window: 20, Size: 512})
	defer run.Stop()
	confirmAfter(ctx, t, run, 500)
	for _, n := range c.Nodes {
		at := n.Log.Mark()
		kill(t, n)
		if err := os.RemoveAll(n.Dir); err != nil {
			t.Fatal(err)
		}
		c.Start(n)
		c.Attached(ctx, n, at)
		seated(ctx, t, c, n)
		confirmAfter(ctx, t, run, 100)
	}
	run.StopProducers()
	late := load.Consume(ctx, run.History, load.Plan{Addrs: c.Addrs(), Queues: []string{"/queue/kept"}, Consumers: 1, Prefetch: 100, Name: "late"})
	defer late.Stop()
	settle(ctx, t, run)
}
