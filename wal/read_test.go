package wal

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestReadersBesideTheWriter reads at random places while the log grows, is cut
// and is truncated, and while its files go round.
func TestReadersBesideTheWriter(t *testing.T) {
	for _, recycle := range []bool{false, true} {
		t.Run(fmt.Sprintf("recycle=%t", recycle), func(t *testing.T) {
			readersBesideTheWriter(t, Options{SegmentSize: 3000, CacheBytes: 4000, Recycle: recycle})
		})
	}
}

func readersBesideTheWriter(t *testing.T, o Options) {
	l := open(t, vfs.NewMem(), o)
	must(t, l.Append(&State{Term: 1}, made(1, 50, 1, 60)))
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for k := range 3 {
		readers.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(k), 2))
			for {
				select {
				case <-stop:
					return
				default:
					readSomewhere(t, l, rng)
				}
			}
		})
	}
	rng := rand.New(rand.NewPCG(9, 9))
	st := State{Term: 1}
	for range 3000 {
		first := l.LastIndex() + 1
		if rng.IntN(5) == 0 {
			first -= Index(rng.IntN(int(min(20, first-st.Commit))))
			st.Term++
		}
		es := made(first, 1+rng.IntN(8), st.Term, rng.IntN(200))
		st.Commit = max(st.Commit, es[0].Index-min(es[0].Index, 5))
		must(t, l.Append(&st, es))
		if rng.IntN(20) == 0 {
			must(t, l.TruncateFront(l.LastIndex()-min(l.LastIndex(), 100)))
		}
		if rng.IntN(300) == 0 {
			must(t, l.Reset(l.LastIndex()+5, st.Term))
			st = l.State()
		}
	}
	close(stop)
	readers.Wait()
}

func readSomewhere(t *testing.T, l *Log, rng *rand.Rand) {
	first, last := l.FirstIndex(), l.LastIndex()
	if first > last {
		return
	}
	lo := first + Index(rng.IntN(int(last-first)+1))
	hi := lo + 1 + Index(rng.IntN(int(last-lo)+1))
	es, err := l.Entries(lo, hi, rng.IntN(20_000))
	if errors.Is(err, ErrCompacted) || errors.Is(err, ErrUnavailable) {
		return
	}
	if err != nil || len(es) == 0 || len(es) > int(hi-lo) {
		t.Errorf("Entries(%d,%d): %d, %v", lo, hi, len(es), err)
		return
	}
	var term uint64
	for k, e := range es {
		want := made(lo+Index(k), 1, e.Term, len(e.Data))
		if e.Term < term || !equal(es[k:k+1], want) {
			t.Errorf("Entries(%d,%d) gives a wrong entry %d of term %d after term %d", lo, hi, e.Index, e.Term, term)
			return
		}
		term = e.Term
	}
	if _, err := l.Term(lo); err != nil && !errors.Is(err, ErrCompacted) && !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
}

// TestSegmentBeingRead drops a segment under a reader.
func TestSegmentBeingRead(t *testing.T) {
	fs := vfs.NewMem()
	l := open(t, fs, Options{SegmentSize: 500, CacheBytes: 1})
	all := made(1, 100, 1, 100)
	must(t, l.Append(&State{Term: 1, Commit: 100}, all))
	l.mu.RLock()
	s, until, off, end := l.locateLocked(2)
	l.pool.acquire(s)
	l.mu.RUnlock()
	must(t, l.TruncateFront(90))
	if _, err := fs.Stat("wal/" + s.name); err != nil {
		t.Fatalf("the segment went under its reader: %v", err)
	}
	r := reading{lo: 2, hi: until, left: math.MaxInt64}
	must(t, l.readSegment(s, &r, until, off, end))
	if !equal(r.out, all[1:until-1]) {
		t.Fatalf("read %d entries", len(r.out))
	}
	size := l.Size()
	l.pool.release(s)
	if _, err := fs.Stat("wal/" + s.name); err == nil {
		t.Fatal("the segment did not go with its last reader")
	}
	if l.Size() >= size {
		t.Fatal("the size did not go down")
	}
}

func TestTenThousandSegments(t *testing.T) {
	const n = 10_000
	fs := vfs.NewMem()
	l := open(t, fs, Options{SegmentSize: 128, CacheBytes: 1})
	es := made(1, 1, 1, 40)
	for i := Index(1); i <= n; i++ {
		es[0].Index = i
		must(t, l.Append(&State{Term: 1, Commit: i}, es))
	}
	if len(l.mu.segments) < n {
		t.Fatalf("%d segments", len(l.mu.segments))
	}
	must(t, l.Close())
	l = open(t, fs, Options{SegmentSize: 128, CacheBytes: 1})
	got, err := l.Entries(1, n+1, math.MaxInt)
	must(t, err)
	if len(got) != n || len(l.pool.idle) > idleFiles {
		t.Fatalf("%d entries, %d files open", len(got), len(l.pool.idle))
	}
	must(t, l.TruncateFront(n))
	names, err := fs.List("wal")
	must(t, err)
	if len(names) > 4 || l.FirstIndex() < n-1 {
		t.Fatalf("%d files stay, first entry %d", len(names), l.FirstIndex())
	}
}

// TestTinyEntriesInMemory bounds what the log remembers of very many entries.
func TestTinyEntriesInMemory(t *testing.T) {
	l := open(t, vfs.NewMem(), Options{CacheBytes: 100_000, FillAhead: -1})
	es := made(1, 1000, 1, 0)
	for k := range es {
		es[k].Data = nil
	}
	for range 200 {
		must(t, l.Append(nil, es))
		for k := range es {
			es[k].Index += 1000
		}
	}
	s := l.w.active.seg
	if limit := int(s.end/sparseStride) + 1; len(s.sparse) > limit {
		t.Fatalf("%d points for %d bytes", len(s.sparse), s.end)
	}
	if len(l.mu.recent.ring) > 4096 || len(l.mu.terms.runs) > 2 {
		t.Fatalf("ring of %d, %d runs of terms", len(l.mu.recent.ring), len(l.mu.terms.runs))
	}
	allocs := testing.AllocsPerRun(100, func() {
		must(t, l.Append(nil, es))
		for k := range es {
			es[k].Index += 1000
		}
	})
	if allocs > 20 {
		t.Fatalf("%v allocations for an append of 1000 entries", allocs)
	}
}
