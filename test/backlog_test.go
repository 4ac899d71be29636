package test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/quorate/quorate/internal/testkit/proc"
	"github.com/quorate/quorate/internal/testkit/wire"
)

// What a node may take, whatever the backlog.
const (
	maxResident = 400 << 20
	maxRestart  = 3 * time.Second
	maxGiveBack = 30 * time.Second
	minFresh    = 0.8 // of the rate without a backlog
)

// number gives a number of the environment where somebody wants figures, and
// the standard of the everyday run else.
func number(variable string, standard int) int {
	if n, err := strconv.Atoi(os.Getenv(variable)); err == nil && n > 0 {
		return n
	}
	return standard
}

// TestBacklog lets messages pile up, kills all nodes, restarts them and drains
// everything: memory stays bounded, the restart does not depend on the backlog,
// new traffic hardly notices, nothing is missing or out of order, and the disk
// is given back. QUORATE_BACKLOG is the number of messages, QUORATE_BACKLOG_SIZE
// the bytes of each.
func TestBacklog(t *testing.T) {
	for _, queues := range []int{1, 100} {
		t.Run(fmt.Sprintf("queues=%d", queues), func(t *testing.T) {
			n, size := number("QUORATE_BACKLOG", 100_000), number("QUORATE_BACKLOG_SIZE", 1024)
			ctx := timeout(t, 90*time.Second+time.Duration(n)*time.Second/1000)
			logLimit := min(max(int64(n*size)>>2, 16<<20), 256<<20) // a quarter of the backlog
			c := proc.New(t, proc.Setup{Nodes: 3, Extra: fmt.Sprintf(`logLimit="%d"`, logLimit)})
			c.Start()
			b := &backlog{t: t, c: c, each: n / queues, size: size}
			for i := range queues {
				b.queues = append(b.queues, fmt.Sprintf("/queue/backlog.%d", i))
			}
			empty := b.fresh(c.Master(ctx).Stomp, "empty")
			b.phase("fill", n, func() error { return b.fill(c.Master(ctx).Stomp) })
			b.disk("full")
			b.memory("full")
			b.beside(empty, b.fresh(c.Master(ctx).Stomp, "full"))
			b.restart(ctx)
			b.memory("restarted")
			b.beside(empty, b.fresh(c.Master(ctx).Stomp, "restarted"))
			b.phase("drain", n, func() error { return b.drain(c.Master(ctx).Stomp) })
			b.memory("drained")
			b.giveBack(ctx, logLimit+(64<<20))
		})
	}
}

// A backlog is messages of one producer a queue, numbered from 0.
type backlog struct {
	t      *testing.T
	c      *proc.Cluster
	queues []string
	each   int // messages a queue
	size   int // bytes of a body
}

// phase runs one part of the test and reports its rate.
func (b *backlog) phase(what string, n int, f func() error) {
	b.t.Helper()
	began := time.Now()
	if err := f(); err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
	took := time.Since(began)
	b.t.Logf("%s: %d messages in %v, %.0f/s", what, n, took.Round(time.Millisecond), float64(n)/took.Seconds())
}

// fill sends all messages and waits for all receipts.
func (b *backlog) fill(addr string) error {
	return b.parallel(8, func(queue string) error { return send(addr, queue, 0, b.each, b.size) })
}

// drain receives all messages and checks that each comes, in order.
func (b *backlog) drain(addr string) error {
	return b.parallel(4, func(queue string) error { return receive(addr, queue, 0, b.each) })
}

// fresh gives the rate of new traffic through a queue of its own: the median
// of five runs, as other work on the machine disturbs some.
func (b *backlog) fresh(addr, when string) float64 {
	b.t.Helper()
	n := min(20_000, b.each)
	var rates []float64
	for i := range 5 {
		queue := fmt.Sprintf("/queue/fresh.%s.%d", when, i)
		began := time.Now()
		errs := make(chan error, 2)
		go func() { errs <- send(addr, queue, 0, n, b.size) }()
		go func() { errs <- receive(addr, queue, 0, n) }()
		if err := errors.Join(<-errs, <-errs); err != nil {
			b.t.Fatalf("new traffic, %s: %v", when, err)
		}
		rates = append(rates, float64(n)/time.Since(began).Seconds())
	}
	slices.Sort(rates)
	b.t.Logf("new traffic, %s: %.0f/s", when, rates[2])
	return rates[2]
}

// beside judges new traffic on top of the backlog, where figures are asked for:
// the everyday run shares its machine with other tests.
func (b *backlog) beside(empty, full float64) {
	b.t.Helper()
	b.t.Logf("new traffic has %.0f %% of its rate without a backlog", 100*full/empty)
	if os.Getenv("QUORATE_BACKLOG") != "" && full < minFresh*empty {
		b.t.Errorf("new traffic has %.0f/s beside the backlog and %.0f/s without", full, empty)
	}
}

// parallel runs f for every queue, a few at a time.
func (b *backlog) parallel(n int, f func(queue string) error) error {
	next := make(chan string, len(b.queues))
	for _, q := range b.queues {
		next <- q
	}
	close(next)
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			for q := range next {
				if errs[i] = f(q); errs[i] != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// restart kills all nodes, starts them and measures until clients are served.
func (b *backlog) restart(ctx context.Context) {
	b.t.Helper()
	for _, n := range b.c.Nodes {
		if err := n.Kill(); err != nil {
			b.t.Fatal(err)
		}
	}
	began := time.Now()
	b.c.Start()
	addr, login := b.login(ctx, began)
	first, err := firstMessage(addr, b.queues[0])
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Logf("restart: login after %v, first message after %v", login.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	if first != "0" || time.Since(began) > maxRestart {
		b.t.Errorf("restart: message %s after %v, want 0 within %v", first, time.Since(began), maxRestart)
	}
}

// login tries all nodes until one accepts a client.
func (b *backlog) login(ctx context.Context, began time.Time) (addr string, took time.Duration) {
	b.t.Helper()
	for ctx.Err() == nil {
		for _, addr := range b.c.Addrs() {
			if c, err := wire.Dial(addr, time.Second); err == nil {
				c.Close()
				return addr, time.Since(began)
			}
		}
	}
	b.t.Fatal("no node accepts clients")
	return "", 0
}

// memory judges the most that each running node took so far.
func (b *backlog) memory(when string) {
	b.t.Helper()
	var mb []int64
	for _, n := range b.c.Nodes {
		peak, err := n.PeakRSS()
		if err != nil {
			b.t.Fatal(err)
		}
		mb = append(mb, peak>>20)
		if peak > maxResident {
			b.t.Errorf("%s: %s had %d MB resident", when, n.Name, peak>>20)
		}
	}
	b.t.Logf("%s: most resident memory, MB: %v", when, mb)
}

func (b *backlog) disk(when string) (most int64) {
	b.t.Helper()
	var mb []int64
	for _, n := range b.c.Nodes {
		bytes, err := n.Disk()
		if err != nil {
			b.t.Fatal(err)
		}
		mb = append(mb, bytes>>20)
		most = max(most, bytes)
	}
	b.t.Logf("%s: disk, MB: %v", when, mb)
	return most
}

// giveBack waits until no node takes more disk than the limit.
func (b *backlog) giveBack(ctx context.Context, limit int64) {
	b.t.Helper()
	began := time.Now()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for most := b.disk("drained"); most > limit; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			b.t.Fatal(ctx.Err())
		}
		if time.Since(began) > maxGiveBack {
			b.disk("after the wait")
			for _, part := range []string{"log", "store"} {
				bytes, _ := proc.Disk(filepath.Join(b.c.Nodes[0].Dir, "leveldb", part)) // told for the report only
				b.t.Logf("%s: %d MB", part, bytes>>20)
			}
			b.t.Fatalf("more than %d MB of disk are taken %v after the backlog is gone", limit>>20, maxGiveBack)
		}
		most = 0
		for _, n := range b.c.Nodes {
			bytes, err := n.Disk()
			if err != nil {
				b.t.Fatal(err)
			}
			most = max(most, bytes)
		}
	}
	b.disk(fmt.Sprintf("%v later", time.Since(began).Round(time.Millisecond)))
}
