package test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/quorate/quorate/internal/testkit/load"
	"github.com/quorate/quorate/internal/testkit/proc"
	"github.com/quorate/quorate/internal/testkit/wire"
)

// TestAbuse lets bad clients loose on a master under load: the node stays up,
// bounded, and serves the others.
func TestAbuse(t *testing.T) {
	ctx := timeout(t, 4*time.Minute)
	c := proc.New(t, proc.Setup{Nodes: 3})
	c.Start()
	master := c.Master(ctx)
	run := load.Start(ctx, load.Plan{Addrs: c.Addrs(), Queues: []string{"/queue/a", "/queue/b"},
		Producers: 2, Consumers: 2, Window: 20, Size: 512, Prefetch: 50})
	defer run.Stop()
	confirmAfter(ctx, t, run, 300)
	pid := master.Pid()
	for name, abuse := range map[string]func(context.Context, *testing.T, *proc.Node){
		"garbage on the client port": func(ctx context.Context, t *testing.T, n *proc.Node) { garbage(t, n.Stomp) },
		"garbage on the link port":   func(ctx context.Context, t *testing.T, n *proc.Node) { garbage(t, n.Link) },
		"huge lengths":               huge,
		"idle connections":           idle,
		"a client that never reads":  neverReads,
	} {
		t.Run(name, func(t *testing.T) {
			abuse(ctx, t, master)
			from := time.Now()
			confirmAfter(ctx, t, run, 300)
			if gap := run.History.Gap(from, time.Now()); gap > 2*time.Second {
				t.Errorf("the others waited for %v", gap)
			}
			rss, err := master.RSS()
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("resident: %d MB", rss>>20)
			if rss > 400<<20 {
				t.Errorf("resident memory is %d MB", rss>>20)
			}
		})
	}
	if master.Pid() != pid {
		t.Errorf("the master is not the same process any more")
	}
	settle(ctx, t, run)
}

// garbage sends random bytes on many connections.
func garbage(t *testing.T, addr string) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	for range 100 {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, rnd.IntN(8<<10))
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		if rnd.IntN(2) == 0 {
			b = append([]byte("CONNECT\naccept-version:1.2\n\n\x00"), b...)
		}
		_, _ = c.Write(b) // the other side may close at any byte
		c.Close()
	}
}

// huge announces frames of 2 GB, before and after the login, and endless headers.
func huge(_ context.Context, t *testing.T, n *proc.Node) {
	announce := []byte("SEND\ndestination:/queue/huge\ncontent-length:2147483647\n\nx")
	for _, first := range []bool{true, false} {
		var conns []net.Conn
		for range 50 {
			c, err := dialMaybeLogin(n.Stomp, !first)
			if err != nil {
				t.Fatal(err)
			}
			conns = append(conns, c)
			_, _ = c.Write(announce)
		}
		for _, c := range conns {
			c.Close()
		}
	}
	c, err := net.DialTimeout("tcp", n.Stomp, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	line := bytes.Repeat([]byte("h"), 1<<20)
	sent := 0
	for range 64 { // 64 MiB of one header line: it must be cut off long before
		m, err := c.Write(line)
		if sent += m; err != nil {
			return
		}
	}
	t.Errorf("%d bytes of one header line were taken", sent)
}

func dialMaybeLogin(addr string, login bool) (net.Conn, error) {
	if login {
		c, err := wire.Dial(addr, 2*time.Second)
		if err != nil {
			return nil, err
		}
		return c.Conn, nil
	}
	return net.DialTimeout("tcp", addr, 2*time.Second)
}

// idle holds thousands of connections that logged in and do nothing.
func idle(ctx context.Context, t *testing.T, n *proc.Node) {
	before, err := n.RSS()
	if err != nil {
		t.Fatal(err)
	}
	count := 2000
	if rounds(0) > 10 {
		count = 10000
	}
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	for i := range count {
		c, err := net.DialTimeout("tcp", n.Stomp, 5*time.Second)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		conns = append(conns, c)
		if _, err := c.Write([]byte("CONNECT\naccept-version:1.2\nhost:x\n\n\x00")); err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
	}
	for i, c := range conns {
		b := make([]byte, 10)
		if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(b); err != nil || !bytes.HasPrefix(b, []byte("CONNECTED")) {
			t.Fatalf("connection %d: %q, %v", i, b, err)
		}
	}
	after, err := n.RSS()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d idle connections: %.1f kB each", count, float64(after-before)/float64(count)/1024)
}

// neverReads subscribes to a busy topic and queue and never reads a byte.
func neverReads(ctx context.Context, t *testing.T, n *proc.Node) {
	c, err := wire.Dial(n.Stomp, 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	for i, d := range []string{"/topic/flood", "/queue/flood"} {
		if err := c.Write("SUBSCRIBE", nil, "id", fmt.Sprint(i), "destination", d, "ack", "auto"); err != nil {
			t.Fatal(err)
		}
	}
	p, err := wire.Dial(n.Stomp, 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	body := bytes.Repeat([]byte("x"), 16<<10)
	for i := range 1000 {
		if err := p.Write("SEND", body, "destination", []string{"/topic/flood", "/queue/flood"}[i%2], "persistent", "true"); err != nil {
			t.Fatalf("the sender to a client that never reads: %v", err)
		}
	}
	if err := p.Write("SEND", body, "destination", "/queue/flood", "persistent", "true", "receipt", "last"); err != nil {
		t.Fatal(err)
	}
	f, err := p.Read()
	if err != nil || f.Command != "RECEIPT" {
		t.Fatalf("the sender to a client that never reads: %v %v", f, err)
	}
}
