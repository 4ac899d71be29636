package test

import (
	"net"
	"testing"
	"time"

	"github.com/quorate/quorate/internal/testkit/load"
	"github.com/quorate/quorate/internal/testkit/proc"
)

// TestFailedPromotion takes the client ports of two nodes: whoever of them is
// elected cannot serve, says why, and the third one becomes master.
func TestFailedPromotion(t *testing.T) {
	drivers(t, func(t *testing.T, setup proc.Setup) {
		ctx := timeout(t, 2*time.Minute)
		c := proc.New(t, setup)
		for _, n := range c.Nodes[:2] {
			l, err := net.Listen("tcp", n.Stomp)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
		}
		c.Start()
		if _, err := c.Nodes[2].Log.Wait(ctx, 0, "Clients are accepted"); err != nil {
			t.Fatal(err)
		}
		run := load.Start(ctx, load.Plan{Addrs: []string{c.Nodes[2].Stomp}, Queues: []string{"/queue/a"},
			Producers: 1, Consumers: 1, Window: 10, Size: 100, Prefetch: 10})
		defer run.Stop()
		confirmAfter(ctx, t, run, 100)
		settle(ctx, t, run)
		for _, n := range c.Nodes[:2] {
			if line := n.Log.Find(0, "Clients are accepted"); line != "" {
				t.Errorf("%s says that it serves, and its port is taken: %s", n.Name, line)
			}
		}
	})
}
