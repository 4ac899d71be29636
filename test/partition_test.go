package test

import (
	"testing"
	"time"

	"github.com/quorate/quorate/internal/testkit/hosts"
	"github.com/quorate/quorate/internal/testkit/load"
	"github.com/quorate/quorate/internal/testkit/proc"
)

// TestCutMaster cuts the master off from both slaves, not from its clients: it
// must stop serving, another must take over, and nothing may be lost.
func TestCutMaster(t *testing.T) {
	net := hosts.New(t, 3)
	ctx := timeout(t, 5*time.Minute)
	c := proc.New(t, proc.Setup{Nodes: 3, Hosts: net.Hosts})
	c.Start()
	master := c.Master(ctx)
	run := load.Start(ctx, load.Plan{Addrs: c.Addrs(), Queues: []string{"/queue/a", "/queue/b"},
		Producers: 2, Consumers: 2, Window: 20, Size: 256, Prefetch: 50})
	defer run.Stop()
	var gaps []time.Duration
	for range rounds(3) {
		confirmAfter(ctx, t, run, 300)
		m := index(c, master)
		marks := mark(c.Others(master))
		at := master.Log.Mark()
		cut := time.Now()
		for _, o := range c.Others(master) {
			net.Cut(m, index(c, o))
		}
		next := promoted(ctx, t, marks)
		confirmAfter(ctx, t, run, 300)
		gaps = append(gaps, run.History.Gap(cut, time.Now()))
		if _, err := master.Log.Wait(ctx, at, "Master stopped"); err != nil {
			t.Fatalf("the old master: %v", err)
		}
		at = master.Log.Mark()
		for _, o := range c.Others(master) {
			net.Heal(m, index(c, o))
		}
		c.Attached(ctx, master, at)
		master = next
	}
	settle(ctx, t, run)
	report(t, "master cut off", gaps)
}

// TestCutSlave cuts one slave off: no confirmation may be missed, and it comes
// back with what it missed.
func TestCutSlave(t *testing.T) {
	net := hosts.New(t, 3)
	ctx := timeout(t, 3*time.Minute)
	c := proc.New(t, proc.Setup{Nodes: 3, Hosts: net.Hosts})
	c.Start()
	master := c.Master(ctx)
	run := load.Start(ctx, load.Plan{Addrs: c.Addrs(), Queues: []string{"/queue/a"},
		Producers: 1, Consumers: 1, Window: 20, Size: 256, Prefetch: 50})
	defer run.Stop()
	confirmAfter(ctx, t, run, 300)
	slave := c.Others(master)[0]
	from := time.Now()
	for _, o := range c.Others(slave) {
		net.Cut(index(c, slave), index(c, o))
	}
	if _, err := master.Log.Wait(ctx, 0, "Slave has disconnected: "); err != nil {
		t.Fatal(err)
	}
	confirmAfter(ctx, t, run, 1000)
	at := slave.Log.Mark()
	for _, o := range c.Others(slave) {
		net.Heal(index(c, slave), index(c, o))
	}
	c.Attached(ctx, slave, at)
	confirmAfter(ctx, t, run, 300)
	if gap := run.History.Gap(from, time.Now()); gap > time.Second {
		t.Errorf("confirmations stopped for %v when a slave went and came", gap)
	}
	settle(ctx, t, run)
}

func index(c *proc.Cluster, n *proc.Node) int {
	for i, o := range c.Nodes {
		if o == n {
			return i
		}
	}
	panic("not of this cluster")
}
