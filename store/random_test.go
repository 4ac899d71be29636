package store

import (
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

var seedFlag = flag.Uint64("seed", 0, "seed of the random tests; 0 draws one")

// seeds gives the seeds of a random test, printed so that it can be run again.
func seeds(t *testing.T, n int) []uint64 {
	if *seedFlag != 0 {
		return []uint64{*seedFlag}
	}
	base := uint64(time.Now().UnixNano())
	list := make([]uint64, n)
	for i := range list {
		list[i] = base + uint64(i)
	}
	return list
}

// TestRandom applies random operations to a store and to the model, and stops,
// crashes, restores and compares at random points.
func TestRandom(t *testing.T) {
	for _, seed := range seeds(t, 6) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			run := randomRun{t: t, r: r, fs: vfs.NewCrashableMem()}
			run.steps(400)
		})
	}
}

type randomRun struct {
	t   *testing.T
	r   *rand.Rand
	fs  *vfs.MemFS
	log *memLog
	g   generator
}

func (x *randomRun) steps(n int) {
	x.log = &memLog{t: x.t, model: newModel()}
	x.g = generator{r: x.r, m: x.log.model}
	x.log.open(x.t, x.fs, "store", smallOptions(x.r))
	for range n {
		x.step()
		if err := x.log.store.Failed(); err != nil {
			x.t.Fatal(err)
		}
	}
	x.check()
	x.compare()
	if err := x.log.store.Close(); err != nil {
		x.t.Fatal(err)
	}
	var report strings.Builder
	if err := Verify(x.fs, "store", &report); err != nil {
		x.t.Fatalf("%v\n%s", err, &report)
	}
	if err := Dump(x.fs, "store", io.Discard); err != nil {
		x.t.Fatal(err)
	}
}

func (x *randomRun) step() {
	switch k := x.r.IntN(100); {
	case k < 70:
		x.log.store.Propose(x.g.batch(), func(_ Result, err error) {
			if err != nil {
				x.t.Fatal(err)
			}
		})
	case k < 85:
		if b := x.g.staged(&proposal{s: x.log.store}); b != nil {
			x.log.commit(b)
		}
	case k < 93:
		x.check()
	case k < 95:
		x.restart(x.fs)
	case k < 97:
		x.crash()
	case k < 98:
		x.checkpoint()
	case k < 99:
		x.compare()
	default:
		if _, err := x.log.store.atState(func(*index, metaRecord) error { return nil }); err != nil {
			x.t.Fatal(err)
		}
	}
}

func (x *randomRun) check() {
	x.t.Helper()
	if err := x.log.model.check(x.log.store); err != nil {
		x.t.Fatal(err)
	}
}

// restart closes the store and opens it with other generations.
func (x *randomRun) restart(fs *vfs.MemFS) {
	x.t.Helper()
	if err := x.log.store.Close(); err != nil {
		x.t.Fatal(err)
	}
	x.fs = fs
	x.log.open(x.t, fs, "store", smallOptions(x.r))
	x.check()
}

// crash goes on with the disk as after a power cut.
func (x *randomRun) crash() {
	low := x.log.store.Low()
	clone := x.fs.CrashClone(vfs.CrashCloneCfg{
		UnsyncedDataPercent: x.r.IntN(101),
		RNG:                 rand.New(rand.NewPCG(x.r.Uint64(), 0)),
	})
	x.log.needs = low
	x.restart(clone)
}

// checkpoint carries on with a second store that was restored from a snapshot.
func (x *randomRun) checkpoint() {
	x.t.Helper()
	if err := x.fs.RemoveAll("checkpoint"); err != nil {
		x.t.Fatal(err)
	}
	at, _, _, err := x.log.store.Checkpoint("checkpoint")
	if err != nil {
		x.t.Fatal(err)
	}
	if applied, _, _ := x.log.store.Applied(); at != applied {
		x.t.Fatalf("checkpoint at %d, applied is %d", at, applied)
	}
	want := digest(x.t, x.log.store)
	mine, refuse := x.log.store, x.log.refuse
	other := x.log.open(x.t, x.fs, "other", smallOptions(x.r))
	if err := other.Restore("checkpoint"); err != nil {
		x.t.Fatal(err)
	}
	if got := digest(x.t, other); got != want {
		x.t.Fatal("the restored store has another digest")
	}
	x.check()
	if err := other.Close(); err != nil {
		x.t.Fatal(err)
	}
	if err := x.fs.RemoveAll("other"); err != nil {
		x.t.Fatal(err)
	}
	x.log.store, x.log.refuse = mine, refuse
}

// compare replays the whole log into a store with other generations.
func (x *randomRun) compare() {
	x.t.Helper()
	want := digest(x.t, x.log.store)
	mine, refuse := x.log.store, x.log.refuse
	second := x.log.open(x.t, vfs.NewMem(), "second", smallOptions(x.r))
	if got := digest(x.t, second); got != want {
		x.t.Fatal("the replayed store has another digest")
	}
	if err := second.Close(); err != nil {
		x.t.Fatal(err)
	}
	x.log.store, x.log.refuse = mine, refuse
}

func digest(t *testing.T, s *Store) [32]byte {
	t.Helper()
	at, sum, err := s.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if applied, _, _ := s.Applied(); at != applied {
		t.Fatalf("digest at %d, applied is %d", at, applied)
	}
	return sum
}
