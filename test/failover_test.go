package test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/quorate/quorate/internal/testkit/load"
	"github.com/quorate/quorate/internal/testkit/proc"
)

// drivers runs a test with each of the two ways to elect a master.
func drivers(t *testing.T, f func(t *testing.T, setup proc.Setup)) {
	t.Run("peers", func(t *testing.T) { f(t, proc.Setup{Nodes: 3}) })
	t.Run("zookeeper", func(t *testing.T) { f(t, proc.Setup{Nodes: 3, Zk: ensemble(t).Connect()}) })
}

func timeout(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// rounds gives how often a fault is repeated: few in the everyday run, as many
// as QUORATE_ROUNDS says where somebody wants figures.
func rounds(standard int) int {
	if n, err := strconv.Atoi(os.Getenv("QUORATE_ROUNDS")); err == nil && n > 0 {
		return n
	}
	return standard
}

// TestKillMaster kills the master again and again under load. Nothing that was
// confirmed may be lost, and no producer's order broken.
func TestKillMaster(t *testing.T) {
	drivers(t, func(t *testing.T, setup proc.Setup) {
		ctx := timeout(t, 10*time.Minute)
		c := proc.New(t, setup)
		c.Start()
		master := c.Master(ctx)
		run := load.Start(ctx, load.Plan{Addrs: c.Addrs(), Queues: []string{"/queue/a", "/queue/b", "/queue/c"},
			Producers: 3, Consumers: 3, Window: 20, Size: 256, Prefetch: 50})
		defer run.Stop()
		var gaps []time.Duration
		for range rounds(5) {
			confirmAfter(ctx, t, run, 500)
			marks := map[*proc.Node]int{}
			for _, n := range c.Nodes {
				marks[n] = n.Log.Mark()
			}
			killed := time.Now()
			if err := master.Kill(); err != nil {
				t.Fatal(err)
			}
			confirmAfter(ctx, t, run, 500)
			gap := run.History.Gap(killed, time.Now())
			gaps = append(gaps, gap)
			dead := master
			master = c.Master(ctx)
			mark := dead.Log.Mark()
			c.Start(dead)
			c.Attached(ctx, dead, mark)
		}
		settle(ctx, t, run)
		report(t, "kill -9", gaps)
	})
}

// confirmAfter waits for n more confirmations.
func confirmAfter(ctx context.Context, t *testing.T, run *load.Run, n int) {
	t.Helper()
	_, from, _ := run.History.Counts()
	for {
		changed := run.History.Changed()
		if _, now, _ := run.History.Counts(); now >= from+n {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			sent, confirmed, received := run.History.Counts()
			t.Fatalf("no progress: %d sent, %d confirmed, %d received: %v", sent, confirmed, received, ctx.Err())
		}
	}
}

// confirmUntil lets the load run until a moment.
func confirmUntil(ctx context.Context, t *testing.T, run *load.Run, until time.Time) {
	t.Helper()
	for time.Now().Before(until) {
		confirmAfter(ctx, t, run, 10)
	}
}

// seated waits until a node counts as a voter: its own status says so.
func seated(ctx context.Context, t *testing.T, c *proc.Cluster, n *proc.Node) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		out, err := quorate(ctx, "cluster", "status", "--json", "--data", n.Dir)
		if err == nil && strings.Count(out, `"up": true`) == len(c.Nodes) && !strings.Contains(out, `"learning": true`) && !strings.Contains(out, `"vacant": true`) {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s is not seated: %v\n%s", n.Name, err, out)
		}
	}
}

// settle stops the producers, drains the queues and judges.
func settle(ctx context.Context, t *testing.T, run *load.Run) {
	t.Helper()
	run.StopProducers()
	if err := run.Drain(ctx); err != nil {
		t.Error(err)
	}
	run.Stop()
	for _, bad := range run.History.Check(true) {
		t.Error(bad)
	}
	sent, confirmed, received := run.History.Counts()
	t.Logf("%d sent, %d confirmed, %d received", sent, confirmed, received)
}

func report(t *testing.T, what string, gaps []time.Duration) {
	slices.Sort(gaps)
	if len(gaps) > 0 {
		t.Logf("%s: gap without a confirmed send: median %v, worst %v, %d rounds: %v",
			what, gaps[len(gaps)/2].Round(time.Millisecond), gaps[len(gaps)-1].Round(time.Millisecond), len(gaps), fmt.Sprint(gaps))
	}
}

// TestPauseMaster stops the master's process as a machine that hangs. Another
// takes over; when the old one goes on, it neither confirms nor delivers.
func TestPauseMaster(t *testing.T) {
	drivers(t, func(t *testing.T, setup proc.Setup) {
		ctx := timeout(t, 5*time.Minute)
		c := proc.New(t, setup)
		c.Start()
		master := c.Master(ctx)
		run := load.Start(ctx, load.Plan{Addrs: c.Addrs(), Queues: []string{"/queue/a", "/queue/b"},
			Producers: 2, Consumers: 2, Window: 20, Size: 256, Prefetch: 50})
		defer run.Stop()
		var gaps []time.Duration
		for range rounds(3) {
			confirmAfter(ctx, t, run, 300)
			paused := time.Now()
			marks := map[*proc.Node]int{}
			for _, n := range c.Others(master) {
				marks[n] = n.Log.Mark()
			}
			if err := master.Pause(); err != nil {
				t.Fatal(err)
			}
			next := promoted(ctx, t, marks)
			confirmAfter(ctx, t, run, 300)
			gaps = append(gaps, run.History.Gap(paused, time.Now()))
			mark := master.Log.Mark()
			if err := master.Resume(); err != nil {
				t.Fatal(err)
			}
			c.Attached(ctx, master, mark)
			master = next
		}
		settle(ctx, t, run)
		report(t, "SIGSTOP", gaps)
	})
}

// promoted waits until one of the nodes says that it became master.
func promoted(ctx context.Context, t *testing.T, marks map[*proc.Node]int) *proc.Node {
	t.Helper()
	found := make(chan *proc.Node, len(marks))
	wctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for n, mark := range marks {
		go func() {
			if _, err := n.Log.Wait(wctx, mark, "Promoted to master"); err == nil {
				found <- n
			}
		}()
	}
	select {
	case n := <-found:
		return n
	case <-ctx.Done():
		t.Fatal("nobody was promoted")
		return nil
	}
}
