package test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/quorate/quorate/internal/testkit/load"
	"github.com/quorate/quorate/internal/testkit/proc"
)

// TestCatchUp takes a slave away while a backlog grows, and lets it come back
// under load: by the log, by a snapshot because the log has gone on, and by a
// snapshot that is interrupted. Confirmations go on meanwhile, and memory stays
// bounded. QUORATE_BACKLOG says how many messages of 1 KiB the slave misses.
func TestCatchUp(t *testing.T) {
	for _, kind := range []string{"log", "snapshot", "interrupted"} {
		t.Run(kind, func(t *testing.T) {
			missed := number("QUORATE_BACKLOG", 40_000)
			ctx := timeout(t, time.Minute+time.Duration(missed)*time.Second/500)
			setup := proc.Setup{Nodes: 3}
			if kind != "log" {
				setup.Extra = `logLimit="16777216"`
			}
			c := proc.New(t, setup)
			c.Start()
			master := c.Master(ctx)
			b := &backlog{t: t, c: c, each: missed / 4, size: 1024}
			for i := range 4 {
				b.queues = append(b.queues, fmt.Sprintf("/queue/backlog.%d", i))
			}
			run := load.Start(ctx, load.Plan{Addrs: c.Addrs(), Queues: []string{"/queue/a"},
				Producers: 1, Consumers: 1, Window: 20, Size: 1024, Prefetch: 100})
			defer run.Stop()
			confirmAfter(ctx, t, run, 300)
			slave := c.Others(master)[0]
			if err := slave.Kill(); err != nil {
				t.Fatal(err)
			}
			if kind == "interrupted" {
				if err := os.RemoveAll(slave.Dir); err != nil {
					t.Fatal(err)
				}
			}
			b.phase("missed", missed, func() error { return b.fill(master.Stomp) })
			from, mark := time.Now(), slave.Log.Mark()
			c.Start(slave)
			if kind == "interrupted" {
				if _, err := slave.Log.Wait(ctx, mark, "Slave requested: "); err != nil {
					t.Fatal(err)
				}
				if err := slave.Kill(); err != nil {
					t.Fatal(err)
				}
				mark = slave.Log.Mark()
				c.Start(slave)
			}
			c.Attached(ctx, slave, mark)
			took := time.Since(from)
			confirmAfter(ctx, t, run, 300)
			gap := run.History.Gap(from, time.Now())
			t.Logf("%s: %d messages missed, attached after %v, longest gap without a confirmation %v",
				kind, missed, took.Round(time.Millisecond), gap.Round(time.Millisecond))
			if gap > time.Second {
				t.Errorf("no confirmation for %v while a slave caught up", gap)
			}
			b.memory("caught up")
			settle(ctx, t, run)
		})
	}
}
