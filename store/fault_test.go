package store

import (
	"errors"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/quorate/quorate/wal"
)

var errInjected = errors.New("injected")

// nth fails the n-th operation that changes something, and with stay all
// behind it.
type nth struct {
	n, seen int64
	stay    bool
	fired   bool
}

func (x *nth) MaybeError(op errorfs.Op) error {
	if op.Kind.ReadOrWrite() != errorfs.OpIsWrite {
		return nil
	}
	at := atomic.AddInt64(&x.seen, 1)
	if at == x.n || x.stay && at > x.n {
		x.fired = true
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

// TestFailingDisk fails every operation on the disk in turn, in a life of a
// store with generations, a checkpoint and a restore. Whatever the store says
// then: after a power cut it opens, and the log brings it back to the truth.
func TestFailingDisk(t *testing.T) {
	for _, seed := range seeds(t, 1) {
		stride := int64(1)
		if testing.Short() {
			stride = 17
		}
		for n := int64(1); ; n += stride {
			if !failAt(t, seed, n) {
				t.Logf("seed %d: %d operations", seed, n)
				break
			}
		}
	}
}

func failAt(t *testing.T, seed uint64, n int64) bool {
	r := rand.New(rand.NewPCG(seed, uint64(n)))
	mem := vfs.NewCrashableMem()
	inj := &nth{n: n, stay: r.IntN(2) == 0}
	fs := errorfs.Wrap(mem, inj)
	log := &memLog{t: t}
	faultyLife(log, fs, rand.New(rand.NewPCG(seed, 0)))

	clone := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: r.IntN(101), RNG: rand.New(rand.NewPCG(seed, uint64(n)))})
	m := modelOf(t, log)
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
	return inj.fired
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
