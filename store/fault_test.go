package store

import (
	"errors"
	"flag"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/quorate/quorate/wal"
)

var faults = flag.Int("faults", 60, "how many operations on the disk are made to fail")

var errInjected = errors.New("injected")

// nth fails the n-th operation that changes something, and with stay all
// behind it.
type nth struct {
	n, seen int64
	stay    bool
}

func (x *nth) MaybeError(op errorfs.Op) error {
	if op.Kind.ReadOrWrite() != errorfs.OpIsWrite {
		return nil
	}
	at := atomic.AddInt64(&x.seen, 1)
	if at == x.n || x.stay && at > x.n {
		return errInjected
	}
	return nil
}

func (x *nth) String() string { return "nth" }

// modelOf is what the log says.
func modelOf(t *testing.T, l *memLog) *model {
	m := newModel()
	for i, data := range l.entries {
		each(data, func(_ int, b []byte) { m.apply(t, wal.Index(i+1), b) })
	}
	return m
}

// TestFailingDisk fails one operation on the disk after the other, in a life of a
// store with generations, a checkpoint and a restore. Whatever the store says
// then: after a power cut it opens, and the log brings it back to the truth.
func TestFailingDisk(t *testing.T) {
	for _, seed := range seeds(t, 1) {
		total := failAt(t, seed, 1<<60)
		stride := max(1, total/int64(*faults))
		t.Logf("seed %d: %d operations, every %d", seed, total, stride)
		for n := 1 + int64(seed)%stride; n <= total; n += stride {
			failAt(t, seed, n)
		}
	}
}

// failAt gives how many operations there were.
func failAt(t *testing.T, seed uint64, n int64) int64 {
	r := rand.New(rand.NewPCG(seed, uint64(n)))
	mem := vfs.NewCrashableMem()
	inj := &nth{n: n, stay: r.IntN(2) == 0}
	fs := errorfs.Wrap(mem, inj)
	log := &memLog{t: t}
	faultyLife(log, fs, rand.New(rand.NewPCG(seed, 0)))

	clone := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: r.IntN(101), RNG: rand.New(rand.NewPCG(seed, uint64(n)))})
	m := modelOf(t, log)
	if log.store != nil {
		log.needs = log.store.Low()
	}
	for _, dir := range []string{"store", "other"} {
		log.refuse = nil
		s := log.open(t, clone, dir, smallOptions(r))
		if err := m.check(s); err != nil {
			t.Fatalf("seed %d, operation %d, %s: %v", seed, n, dir, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		var report strings.Builder
		if err := Verify(clone, dir, &report); err != nil {
			t.Fatalf("seed %d, operation %d, %s: %v\n%s", seed, n, dir, err, &report)
		}
	}
	return atomic.LoadInt64(&inj.seen)
}

// faultyLife lives until something fails.
func faultyLife(log *memLog, fs vfs.FS, r *rand.Rand) {
	o := smallOptions(r)
	o.FS, o.GenerationEntries = fs, 15
	s, err := Open("store", o)
	if err != nil {
		return
	}
	defer s.Close()
	s.SetLog(log)
	log.store = s
	log.refuse = func(i wal.Index) bool { return i <= s.Low() }
	g := generator{r: r, m: &model{last: 3, queues: map[QueueID]*modelQueue{}}}
	for i := range 80 {
		s.Propose(g.batch(), func(Result, error) {})
		if s.Failed() != nil {
			return
		}
		if i == 50 {
			faultyRestore(s, o)
		}
	}
}

func faultyRestore(s *Store, o Options) {
	if _, _, _, err := s.Checkpoint("checkpoint"); err != nil {
		return
	}
	other, err := Open("other", o)
	if err != nil {
		return
	}
	defer other.Close()
	_ = other.Restore("checkpoint") // either state is right
}
