package replica

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// The nemesis kills and restarts nodes with what was not flushed lost in part,
// holds and breaks links, lets disks fail and hang, and wipes nodes, while
// proposers work. Afterwards: what was confirmed was applied once on every
// node, what was refused nowhere, all machines were equal at equal index all
// the time, and at no moment did two nodes hold the lease.
func TestNemesis(t *testing.T) {
	runs := 6
	if testing.Short() {
		runs = 2
	}
	seed := seedOf(t)
	for i := range runs {
		size := 3 + 2*(i%2)
		t.Run(fmt.Sprintf("%d nodes, run %d", size, i), func(t *testing.T) {
			bubble(t, func(t *testing.T) { nemesis(t, seed+uint64(i), size, 60) })
		})
	}
}

func nemesis(t *testing.T, seed uint64, size, steps int) {
	c := newCluster(t, seed, size)
	defer c.closeAll()
	for _, h := range c.hosts { // small, so that the log is cut and snapshots are sent
		h.tweak = func(cfg *Config) {
			cfg.Limits = Limits{SegmentBytes: 16 << 10, LogBytes: 48 << 10, CatchUpBytes: 256 << 10}
		}
	}
	c.found()
	for _, h := range c.hosts {
		h.disk.slow.Store(c.rng.Int64N(int64(3 * time.Millisecond)))
	}
	c.leader()
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for w := range 3 {
		rng := rand.New(rand.NewPCG(seed, uint64(100+w)))
		wg.Go(func() { c.work(ctx, fmt.Sprintf("w%d", w), rng) })
	}
	wg.Go(func() { c.watchLease(ctx) })
	for range steps {
		c.trouble()
		<-time.After(time.Duration(c.rng.Int64N(int64(1500 * time.Millisecond))))
		if len(c.judge.wrongs) > 0 {
			break
		}
	}
	c.calm()
	c.leader()
	<-time.After(time.Second)
	stop()
	wg.Wait()
	c.even()
	c.judge.mu.Lock()
	defer c.judge.mu.Unlock()
	snapshots := 0
	for _, h := range c.hosts {
		snapshots += h.lines.count("Slave requested: STATE")
	}
	t.Logf("%d confirmed, %d refused, %d entries, %d snapshots, %d disks lost", len(c.judge.acked), len(c.judge.never), len(c.judge.sums), snapshots, c.wipes)
	if len(c.judge.acked) == 0 {
		t.Error("nothing was confirmed")
	}
}

// work proposes to whoever serves.
func (c *cluster) work(ctx context.Context, name string, rng *rand.Rand) {
	for i := 0; ctx.Err() == nil; i++ {
		<-time.After(time.Duration(rng.Int64N(int64(20 * time.Millisecond))))
		for _, h := range c.hosts {
			n := h.live.Load()
			if n == nil || n.Status().Role != Leader {
				continue
			}
			for k := range 1 + rng.IntN(4) {
				b := fmt.Sprintf("%s-%d-%s-%d", name, i, h.name, k)
				n.Propose([]byte(b), func(_ any, err error) { c.judge.outcome(b, err) })
			}
		}
	}
}

// watchLease looks for two masters.
func (c *cluster) watchLease(ctx context.Context) {
	for ctx.Err() == nil {
		<-time.After(time.Millisecond)
		var serving []string
		for _, h := range c.hosts {
			if n := h.live.Load(); n != nil && n.Leased() {
				serving = append(serving, h.name)
			}
		}
		if len(serving) > 1 {
			c.judge.wrong("two masters: %v", serving)
			return
		}
	}
}

// trouble does one thing. Disks are lost only while nobody else's is.
func (c *cluster) trouble() {
	h := c.hosts[c.rng.IntN(len(c.hosts))]
	o := others(c, h)[c.rng.IntN(len(c.hosts)-1)]
	switch c.rng.IntN(12) {
	case 0, 1:
		h.kill(c.rng.IntN(101))
	case 2:
		h.close()
	case 3, 4, 5:
		if h.node == nil {
			h.start()
		}
	case 6:
		c.net.partition(h.name, o.name, true)
	case 7:
		c.net.hold(h.name, o.name, true)
	case 8:
		c.net.reset(h.name, o.name)
		for _, p := range c.hosts {
			c.net.partition(p.name, o.name, false)
			c.net.partition(p.name, h.name, false)
		}
	case 9:
		if h.node != nil {
			h.disk.mode.Store(int32(1 + c.rng.IntN(2)))
			<-time.After(time.Duration(c.rng.Int64N(int64(12 * time.Second))))
			h.kill(c.rng.IntN(101))
		}
	case 10, 11:
		if c.lost != nil && !c.seated(c.lost) {
			return
		}
		c.lost = h
		h.kill(c.rng.IntN(101))
		if c.rng.IntN(2) == 0 {
			h.wipe()
		} else {
			_ = h.mem.RemoveAll("/node/log")
		}
		c.wipes++
		h.start()
	}
}

// seated reports whether a node that lost its disk is a voter again, under its
// new identity: only then may another one lose its disk.
func (c *cluster) seated(lost *host) bool {
	if lost.node == nil {
		return false
	}
	id := uint64(lost.node.Status().ID)
	for _, h := range c.hosts {
		if h.node == nil || !h.node.Leased() {
			continue
		}
		if s := h.node.Table().Seat(id); s != nil && s.ID == id {
			return true
		}
	}
	return false
}

// calm ends all trouble.
func (c *cluster) calm() {
	for _, a := range c.hosts {
		for _, b := range c.hosts {
			c.net.partition(a.name, b.name, false)
		}
	}
	for _, h := range c.hosts {
		if h.node != nil && h.node.Status().Failed != nil {
			h.kill(100)
		}
		if h.node == nil {
			h.start()
		}
	}
}
