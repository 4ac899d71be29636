package test

import (
	"os"
	"testing"
	"time"

	"github.com/quorate/quorate/internal/testkit/load"
	"github.com/quorate/quorate/internal/testkit/proc"
)

// TestDeletedDirectory deletes a slave's store under load: it comes back as a
// new member, is fed by a snapshot with progress, and counts again: after that
// the cluster survives the loss of another node.
func TestDeletedDirectory(t *testing.T) {
	drivers(t, func(t *testing.T, setup proc.Setup) {
		ctx := timeout(t, 5*time.Minute)
		c := proc.New(t, setup)
		c.Start()
		master := c.Master(ctx)
		run := load.Start(ctx, load.Plan{Addrs: c.Addrs(), Queues: []string{"/queue/a", "/queue/b"},
			Producers: 2, Consumers: 1, Window: 50, Size: 1024, Prefetch: 20}) // b is a backlog
		defer run.Stop()
		confirmAfter(ctx, t, run, 3000)
		slaves := c.Others(master)
		if err := slaves[0].Kill(); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(slaves[0].Dir); err != nil {
			t.Fatal(err)
		}
		at, mat := slaves[0].Log.Mark(), master.Log.Mark()
		c.Start(slaves[0])
		for _, text := range []string{"Attaching to master: ", "Attaching... Downloaded ", "| Attached |"} {
			if _, err := slaves[0].Log.Wait(ctx, at, text); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := master.Log.Wait(ctx, mat, "The change of seats is complete"); err != nil {
			t.Fatal(err)
		}
		if err := slaves[1].Kill(); err != nil {
			t.Fatal(err)
		}
		confirmAfter(ctx, t, run, 500) // the newcomer counts
		c.Start(slaves[1])
		run.StopProducers()
		drain := load.Consume(ctx, run.History, load.Plan{Addrs: c.Addrs(), Queues: []string{"/queue/b"}, Consumers: 1, Prefetch: 100, Name: "late"})
		defer drain.Stop()
		settle(ctx, t, run)
	})
}

// TestTransfer hands the mastership over on purpose.
func TestTransfer(t *testing.T) {
	ctx := timeout(t, 3*time.Minute)
	c := proc.New(t, proc.Setup{Nodes: 3})
	c.Start()
	master := c.Master(ctx)
	run := load.Start(ctx, load.Plan{Addrs: c.Addrs(), Queues: []string{"/queue/a", "/queue/b"},
		Producers: 2, Consumers: 2, Window: 20, Size: 256, Prefetch: 50})
	defer run.Stop()
	var gaps []time.Duration
	for range rounds(5) {
		confirmAfter(ctx, t, run, 300)
		marks := mark(c.Others(master))
		from := time.Now()
		if out, err := quorate(ctx, "cluster", "transfer", "--data", master.Dir); err != nil {
			t.Fatalf("cluster transfer: %v\n%s", err, out)
		}
		next := promoted(ctx, t, marks)
		confirmAfter(ctx, t, run, 300)
		gaps = append(gaps, run.History.Gap(from, time.Now()))
		master = next
	}
	settle(ctx, t, run)
	report(t, "cluster transfer", gaps)
}
