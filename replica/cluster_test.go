package replica

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/quorate/quorate/replica/seat"
)

var (
	seedFlag = flag.Uint64("seed", 0, "seed of the random runs; 0: a new one")
	verbose  = flag.Bool("lines", false, "print the nodes' log lines")
)

func seedOf(t *testing.T) uint64 {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("run again with -seed=%d", seed)
	return seed
}

// disk is a file system whose flushes can fail, hang or take time.
type disk struct {
	vfs.FS
	mode atomic.Int32
	once sync.Once
	free chan struct{} // closed when a hanging disk is given up
	slow atomic.Int64  // how long a flush takes, as a Duration
	left atomic.Int64  // flushes until they fail, counted from 1; 0: never
}

// failAfter lets n more flushes succeed.
func (d *disk) failAfter(n int) { d.left.Store(int64(n) + 1) }

const (
	diskGood = iota
	diskFails
	diskHangs
)

func newDisk(fs vfs.FS) *disk { return &disk{FS: fs, free: make(chan struct{})} }

func (d *disk) release() { d.once.Do(func() { close(d.free) }) }

func (d *disk) flush(f func() error) error {
	if t := time.Duration(d.slow.Load()); t > 0 {
		<-time.After(t)
	}
	if d.left.Load() > 0 && d.left.Add(-1) <= 0 {
		d.left.Store(1)
		return errors.New("input/output error")
	}
	switch d.mode.Load() {
	case diskFails:
		return errors.New("input/output error")
	case diskHangs:
		<-d.free
		return errors.New("input/output error")
	}
	return f()
}

type diskFile struct {
	vfs.File
	d *disk
}

func (f diskFile) Sync() error     { return f.d.flush(f.File.Sync) }
func (f diskFile) SyncData() error { return f.d.flush(f.File.SyncData) }

func (d *disk) wrap(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return diskFile{f, d}, nil
}

func (d *disk) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return d.wrap(d.FS.Create(name, c))
}

func (d *disk) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	return d.wrap(d.FS.OpenReadWrite(name, c, o...))
}

// lines collects log lines.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if *verbose {
		_, _ = os.Stderr.Write(p)
	}
	return l.buf.Write(p)
}

func (l *lines) has(s string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.buf.String(), s)
}

func (l *lines) count(s string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.buf.String(), s)
}

// host is a machine of the test: a disk, and perhaps a running node.
type host struct {
	c     *cluster
	name  string
	mem   *vfs.MemFS
	disk  *disk
	lines *lines
	node  *Node                // the test's own goroutine
	live  atomic.Pointer[Node] // everybody else's
	toy   *toy
	stop  context.CancelFunc
	done  chan struct{}
	lazy  bool // does not stand
	tweak func(*Config)
}

type cluster struct {
	t     *testing.T
	net   *memnet
	judge *judge
	hosts []*host
	rng   *rand.Rand
	seats int
	count int
	lost  *host // lost its disk last
	wipes int
}

func newCluster(t *testing.T, seed uint64, hosts int) *cluster {
	c := &cluster{t: t, net: newMemnet(seed), judge: newJudge(), rng: rand.New(rand.NewPCG(seed, 2)), seats: hosts}
	for i := range hosts {
		c.hosts = append(c.hosts, &host{c: c, name: fmt.Sprintf("h%d", i), mem: vfs.NewCrashableMem(), lines: &lines{}})
	}
	t.Cleanup(func() {
		for _, w := range c.judge.wrongs {
			t.Error(w)
		}
	})
	return c
}

func (c *cluster) addresses(but *host) []string {
	var out []string
	for _, h := range c.hosts {
		if h != but {
			out = append(out, h.name+":1")
		}
	}
	return out
}

func (h *host) open() error {
	was := h.disk
	h.disk = newDisk(h.mem)
	if was != nil {
		h.disk.slow.Store(was.slow.Load())
	}
	// On the disk itself: the toy holds its lock over a flush, and virtual time
	// stands still while somebody waits for a lock.
	m, err := openToy(h.mem, "/store", h.name, h.c.judge)
	if err != nil {
		return err
	}
	level := slog.LevelInfo
	if *verbose {
		level = slog.LevelDebug
	}
	cfg := Config{
		Dir: "/node", FS: h.disk, Seat: h.name, Replicas: h.c.seats, Token: "secret",
		Bind: h.name + ":1", Network: h.c.net.host(h.name), Machine: m,
		Logger: slog.New(slog.NewTextHandler(h.lines, &slog.HandlerOptions{Level: level})).With("host", h.name),
	}
	if h.tweak != nil {
		h.tweak(&cfg)
	}
	n, err := Open(cfg)
	if err != nil {
		return err
	}
	h.node, h.toy = n, m
	return nil
}

func (h *host) start() {
	h.c.t.Helper()
	if err := h.open(); err != nil {
		h.c.t.Fatalf("open %s: %v", h.name, err)
	}
	n := h.node
	n.SetAddresses(h.c.addresses(h))
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	h.stop, h.done = stop, done
	h.live.Store(n)
	rng := rand.New(rand.NewPCG(h.c.rng.Uint64(), 3))
	var wg sync.WaitGroup
	wg.Go(func() { _ = n.Run(ctx) })
	if !h.lazy {
		wg.Go(func() { drive(ctx, n, rng) })
	}
	go func() {
		wg.Wait()
		close(done)
	}()
}

// drive is a small election driver: who has no leader, or has lost it, stands
// after a random time.
func drive(ctx context.Context, n *Node, rng *rand.Rand) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(100*time.Millisecond + time.Duration(rng.Int64N(int64(300*time.Millisecond)))):
		}
		st := n.Status()
		if !st.Founded || st.Role == Leader || st.Role == Learner || st.Unfit != "" || st.Failed != nil {
			if st.Role == Learner && st.Leader != 0 && gone(st) {
				n.Forget()
			}
			continue
		}
		if st.Leader == 0 || gone(st) {
			n.Stand()
		}
	}
}

// gone reports whether the link to the leader is broken or silent.
func gone(st Status) bool {
	for _, p := range st.Peers {
		if p.ID == st.Leader {
			return !p.Up || p.Heard > time.Second
		}
	}
	return true
}

// kill ends a host as SIGKILL and a power cut do: what was not flushed is lost
// in part.
func (h *host) kill(keepPercent int) {
	if h.node == nil {
		return
	}
	h.live.Store(nil)
	h.c.net.kill(h.name)
	crashed := h.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: keepPercent, RNG: h.c.rng})
	h.disk.release()
	h.stop()
	<-h.done
	h.mem, h.node = crashed, nil
}

// close ends a host in order.
func (h *host) close() {
	if h.node == nil {
		return
	}
	h.live.Store(nil)
	h.disk.release()
	h.stop()
	<-h.done
	h.node = nil
}

func (h *host) wipe() { h.mem = vfs.NewCrashableMem() }

func (c *cluster) closeAll() {
	for _, h := range c.hosts {
		h.close()
	}
}

// table makes a founding table of the running hosts; the rest is vacant.
func (c *cluster) table(hosts ...*host) []byte {
	t := &seat.Table{Cluster: [16]byte{1, 2, 3}, Replicas: c.seats, Version: 1}
	for _, h := range hosts {
		t.Seats = append(t.Seats, seat.Seat{Name: h.name, ID: uint64(h.node.Status().ID), Address: h.name + ":1", Incarnation: 1})
	}
	for i := len(hosts); i < c.seats; i++ {
		t.Seats = append(t.Seats, seat.Seat{Name: fmt.Sprintf("vacant%d", i), ID: c.rng.Uint64(), Vacant: true})
	}
	return t.Append(nil)
}

// found starts all hosts and founds the cluster.
func (c *cluster) found() {
	c.t.Helper()
	for _, h := range c.hosts {
		h.start()
	}
	c.eventually("links", func() bool {
		for _, h := range c.hosts {
			if len(h.node.up()) != len(c.hosts)-1 {
				return false
			}
		}
		return true
	})
	if err := c.hosts[0].node.FoundAll(c.table(c.hosts...)); err != nil {
		c.t.Fatal(err)
	}
}

// eventually waits in virtual time.
func (c *cluster) eventually(what string, ok func() bool) {
	c.t.Helper()
	for range 1200 {
		if ok() {
			return
		}
		<-time.After(50 * time.Millisecond)
	}
	for _, h := range c.hosts {
		if h.node != nil {
			c.t.Logf("%s: %+v", h.name, h.node.Status())
		}
	}
	c.t.Fatalf("never: %s", what)
}

func (c *cluster) leader() *host {
	c.t.Helper()
	var found *host
	c.eventually("a leader with a lease", func() bool {
		for _, h := range c.hosts {
			if h.node != nil && h.node.Leased() {
				found = h
				return true
			}
		}
		return false
	})
	return found
}

// put proposes batches and returns the outcome of the last.
func (h *host) put(batches ...string) (any, error) {
	type outcome struct {
		v   any
		err error
	}
	done := make(chan outcome, len(batches))
	for _, b := range batches {
		h.node.Propose([]byte(b), func(v any, err error) {
			h.c.judge.outcome(b, err)
			done <- outcome{v, err}
		})
	}
	var last outcome
	for range batches {
		last = <-done
	}
	return last.v, last.err
}

func (c *cluster) batch() string {
	c.count++
	return fmt.Sprintf("b%d", c.count)
}

// even waits until all running hosts have applied the same, and checks it.
func (c *cluster) even() {
	c.t.Helper()
	c.eventually("all machines at the same index", func() bool {
		l := c.leader()
		want := l.node.Status()
		for _, h := range c.hosts {
			if h.node == nil || h.node.Status().Failed != nil {
				continue
			}
			if h.toy.snapshot().Index != want.LastIndex {
				return false
			}
		}
		return want.Commit == want.LastIndex
	})
	for _, h := range c.hosts {
		if h.node != nil && h.node.Status().Failed == nil {
			c.judge.final(h.name, h.toy.snapshot())
		}
	}
}

// bubble runs a test in virtual time.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

func others(c *cluster, but *host) []*host {
	var out []*host
	for _, h := range c.hosts {
		if h != but {
			out = append(out, h)
		}
	}
	return out
}

func TestMain(m *testing.M) {
	flag.Parse()
	useClock()
	os.Exit(m.Run())
}
