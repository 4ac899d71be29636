package test

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/quorate/quorate/internal/testkit/load"
	"github.com/quorate/quorate/internal/testkit/proc"
)

// TestSoak torments a cluster at random for as long as QUORATE_SOAK says, under
// single sends, transactions, big messages, a growing backlog and non-persistent
// messages, and judges all of it at the end. QUORATE_DRIVER chooses how a master
// is elected (peers, zookeeper; both when empty), QUORATE_FAULTS which faults
// there are (names separated by commas; all when empty); QUORATE_SEED repeats
// the choices of a run, not its timing.
func TestSoak(t *testing.T) {
	d, err := time.ParseDuration(os.Getenv("QUORATE_SOAK"))
	if err != nil {
		t.Skip("QUORATE_SOAK is not a duration")
	}
	drivers(t, func(t *testing.T, setup proc.Setup) {
		if only := os.Getenv("QUORATE_DRIVER"); only != "" && !strings.HasSuffix(t.Name(), only) {
			t.Skip("QUORATE_DRIVER is " + only)
		}
		seed, err := strconv.ParseUint(os.Getenv("QUORATE_SEED"), 10, 64)
		if err != nil {
			seed = rand.Uint64()
		}
		t.Logf("QUORATE_SEED=%d", seed)
		s := &soak{T: t, ctx: timeout(t, d+5*time.Minute), c: proc.New(t, setup), rnd: rand.New(rand.NewPCG(seed, 1)), did: map[string]int{}}
		s.c.Start()
		s.c.Master(s.ctx)
		s.load()
		for end := time.Now().Add(d); time.Now().Before(end) && !t.Failed(); {
			s.round()
		}
		t.Logf("faults: %v", s.did)
		s.judge()
	})
}

// soak is one run: a cluster, what is driven through it, and the faults so far.
type soak struct {
	*testing.T
	ctx      context.Context
	c        *proc.Cluster
	rnd      *rand.Rand
	did      map[string]int
	plain    *load.Run // single sends; its confirmations show that the cluster lives
	drained  []*load.Run
	volatile *load.Run
}

func (s *soak) load() {
	start := func(p load.Plan) *load.Run {
		p.Addrs, p.Prefetch = s.c.Addrs(), 50
		r := load.Start(s.ctx, p)
		s.Cleanup(r.Stop)
		return r
	}
	s.plain = start(load.Plan{Queues: []string{"/queue/a", "/queue/b"}, Producers: 2, Consumers: 2, Window: 20, Size: 300, Name: "plain"})
	s.drained = []*load.Run{
		s.plain,
		start(load.Plan{Queues: []string{"/queue/tx"}, Producers: 2, Consumers: 1, Window: 4, Size: 200, Tx: 7, Name: "tx"}),
		start(load.Plan{Queues: []string{"/queue/big"}, Producers: 1, Consumers: 1, Window: 2, Size: 600 << 10, Name: "big"}),
		start(load.Plan{Queues: []string{"/queue/bigtx"}, Producers: 1, Consumers: 1, Window: 1, Size: 90 << 10, Tx: 6, Name: "bigtx"}),
		start(load.Plan{Queues: []string{"/queue/backlog"}, Producers: 1, Window: 5, Size: 2000, Name: "backlog"}),
	}
	s.volatile = start(load.Plan{Queues: []string{"/queue/v"}, Producers: 1, Consumers: 1, Window: 10, Size: 100, Volatile: true, Name: "volatile"})
}

func (s *soak) check(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// upTo waits for a random time. A fault lasts that long; no state is awaited.
func (s *soak) upTo(d time.Duration) { s.within(0, d) }

func (s *soak) within(from, to time.Duration) {
	select {
	case <-time.After(from + time.Duration(s.rnd.Int64N(int64(to-from)))):
	case <-s.ctx.Done():
		s.Fatal(s.ctx.Err())
	}
}

type fault struct {
	name string
	do   func(context.Context)
}

// round lets the cluster work for a while and then does one harm to it.
func (s *soak) round() {
	alive, cancel := context.WithTimeout(s.ctx, time.Minute)
	defer cancel()
	confirmAfter(alive, s.T, s.plain, 20+s.rnd.IntN(300))
	faults := []fault{
		{"kill master", s.killMaster}, {"kill master", s.killMaster}, {"kill slave", s.killSlave}, {"kill two", s.killTwo}, {"kill all", s.killAll},
		{"pause", s.pause}, {"pause", s.pause}, {"pause and kill", s.pauseAndKill}, {"transfer", s.transfer}, {"stop", s.stop}, {"wipe", s.wipe},
	}
	if only := os.Getenv("QUORATE_FAULTS"); only != "" {
		faults = slices.DeleteFunc(faults, func(f fault) bool { return !slices.Contains(strings.Split(only, ","), f.name) })
	}
	f := faults[s.rnd.IntN(len(faults))]
	s.did[f.name]++
	f.do(alive)
}

func (s *soak) slave(ctx context.Context) *proc.Node {
	return s.c.Others(s.c.Master(ctx))[s.rnd.IntN(len(s.c.Nodes)-1)]
}

// kill kills nodes, and starts them again in any order after a while.
func (s *soak) kill(nodes ...*proc.Node) {
	for _, n := range nodes {
		s.check(n.Kill())
		if s.rnd.IntN(2) == 0 {
			s.upTo(300 * time.Millisecond)
		}
	}
	s.rnd.Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
	for _, n := range nodes {
		s.upTo(3 * time.Second)
		s.c.Start(n)
	}
}

func (s *soak) killMaster(ctx context.Context) { s.kill(s.c.Master(ctx)) }
func (s *soak) killSlave(ctx context.Context)  { s.kill(s.slave(ctx)) }
func (s *soak) killAll(context.Context)        { s.kill(append([]*proc.Node(nil), s.c.Nodes...)...) }
func (s *soak) killTwo(ctx context.Context) {
	m := s.c.Master(ctx)
	s.kill(m, s.c.Others(m)[s.rnd.IntN(len(s.c.Nodes)-1)])
}

func (s *soak) pause(ctx context.Context) {
	n := s.c.Master(ctx)
	if s.rnd.IntN(3) == 0 {
		n = s.c.Others(n)[0]
	}
	s.check(n.Pause())
	s.within(200*time.Millisecond, 4*time.Second)
	s.check(n.Resume())
}

// pauseAndKill makes a master hang and kills a slave meanwhile: no quorum.
func (s *soak) pauseAndKill(ctx context.Context) {
	m := s.c.Master(ctx)
	s.check(m.Pause())
	s.upTo(time.Second)
	s.kill(s.c.Others(m)[s.rnd.IntN(len(s.c.Nodes)-1)])
	s.check(m.Resume())
}

func (s *soak) transfer(ctx context.Context) {
	if out, err := quorate(ctx, "cluster", "transfer", "--data", s.c.Master(ctx).Dir); err != nil {
		s.Logf("cluster transfer: %v\n%s", err, out) // a slave that is away takes nothing
	}
}

func (s *soak) stop(ctx context.Context) {
	n := s.c.Nodes[s.rnd.IntN(len(s.c.Nodes))]
	patience, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	s.check(n.Stop(patience))
	s.upTo(2 * time.Second)
	s.c.Start(n)
}

// wipe deletes a slave's directory when all seats are taken, and half of the
// time kills another node while the newcomer is being fed.
func (s *soak) wipe(ctx context.Context) {
	seated(ctx, s.T, s.c, s.c.Master(ctx))
	n := s.slave(ctx)
	s.check(n.Kill())
	s.check(os.RemoveAll(n.Dir))
	s.check(os.MkdirAll(n.Dir, 0o755))
	s.upTo(time.Second)
	s.c.Start(n)
	if s.rnd.IntN(2) == 0 {
		s.upTo(3 * time.Second)
		others := s.c.Others(n)
		s.kill(others[s.rnd.IntN(len(others))])
	}
	seated(ctx, s.T, s.c, s.c.Master(ctx))
}

// judge drains everything, checks every history, stops the nodes and compares
// their stores.
func (s *soak) judge() {
	for _, r := range append(s.drained, s.volatile) {
		r.StopProducers()
	}
	late := load.Consume(s.ctx, s.drained[len(s.drained)-1].History, load.Plan{Addrs: s.c.Addrs(),
		Queues: []string{"/queue/backlog"}, Consumers: 1, Prefetch: 500, Name: "late"})
	defer late.Stop()
	drain, cancel := context.WithTimeout(s.ctx, 2*time.Minute)
	defer cancel()
	for _, r := range s.drained {
		if err := r.Drain(drain); err != nil {
			s.Error(err)
		}
	}
	late.Stop()
	s.volatile.Stop()
	for _, r := range s.drained {
		r.Stop()
		for _, bad := range r.History.Check(true) {
			s.Error(bad)
		}
		sent, confirmed, received := r.History.Counts()
		s.Logf("%d sent, %d confirmed, %d received", sent, confirmed, received)
	}
	for _, bad := range s.volatile.History.CheckDelivered(true) {
		s.Error(bad)
	}
	s.stores()
}

// stores stops the nodes and compares what they keep.
func (s *soak) stores() {
	seated(s.ctx, s.T, s.c, s.c.Master(s.ctx))
	m := s.c.Master(s.ctx)
	var dirs []string
	for _, n := range append(s.c.Others(m), m) {
		s.check(n.Stop(s.ctx))
		dir := filepath.Join(n.Dir, "leveldb")
		dirs = append(dirs, dir)
		if out, err := quorate(s.ctx, "store", "verify", dir); err != nil {
			s.Errorf("%s: %v\n%s", n.Name, err, out)
		}
	}
	sameState(s.T, dirs)
}
