package wal

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func open(t testing.TB, fs vfs.FS, o Options) *Log {
	t.Helper()
	o.FS = fs
	l, err := Open("wal", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// made returns n entries from first on, whose data tells index and term.
func made(first Index, n int, term uint64, size int) []Entry {
	es := make([]Entry, n)
	for k := range es {
		i := first + Index(k)
		data := fmt.Appendf(nil, "entry %d of term %d ", i, term)
		for len(data) < size {
			data = append(data, byte(i))
		}
		es[k] = Entry{Index: i, Term: term, Kind: uint8(i % 3), Data: data}
	}
	return es
}

func equal(a, b []Entry) bool {
	return slices.EqualFunc(a, b, func(x, y Entry) bool {
		return x.Index == y.Index && x.Term == y.Term && x.Kind == y.Kind && bytes.Equal(x.Data, y.Data)
	})
}

// holds checks that the log has exactly the given entries, behind prevTerm.
func holds(t testing.TB, l *Log, want []Entry) {
	t.Helper()
	got, err := l.Entries(l.FirstIndex(), l.LastIndex()+1, math.MaxInt)
	must(t, err)
	if !equal(got, want) {
		t.Fatalf("log holds %d entries [%d,%d], want %d", len(got), l.FirstIndex(), l.LastIndex(), len(want))
	}
	for _, e := range want {
		if term, err := l.Term(e.Index); err != nil || term != e.Term {
			t.Fatalf("Term(%d) = %d, %v, want %d", e.Index, term, err, e.Term)
		}
	}
}

func TestAppendReopen(t *testing.T) {
	fs := vfs.NewMem()
	l := open(t, fs, Options{SegmentSize: 2048})
	if l.FirstIndex() != 1 || l.LastIndex() != 0 {
		t.Fatalf("empty log is [%d,%d]", l.FirstIndex(), l.LastIndex())
	}
	var all []Entry
	for k := range 50 {
		es := made(Index(1+3*k), 3, uint64(1+k/10), 10*k)
		all = append(all, es...)
		must(t, l.Append(&State{Term: uint64(1 + k/10), Vote: 7, Commit: Index(3 * k)}, es))
		must(t, l.Sync())
	}
	holds(t, l, all)
	st := l.State()
	must(t, l.Close())
	must(t, l.Close())
	l = open(t, fs, Options{SegmentSize: 2048})
	holds(t, l, all)
	if l.State() != st || st.Commit != 147 {
		t.Fatalf("state %+v, want %+v", l.State(), st)
	}
}

func TestCutsTheEnd(t *testing.T) {
	for _, size := range []int64{256, 1 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			fs := vfs.NewMem()
			l := open(t, fs, Options{SegmentSize: size})
			all := made(1, 30, 1, 20)
			must(t, l.Append(&State{Term: 1}, all))
			for k, at := range []Index{25, 25, 12, 20, 3, 1} {
				es := made(at, 12, uint64(k+2), 20)
				all = append(slices.Clone(all[:at-1]), es...)
				must(t, l.Append(&State{Term: uint64(k + 2)}, es))
				holds(t, l, all)
			}
			must(t, l.Append(&State{Term: 9, Commit: 5}, nil))
			if err := l.Append(nil, made(5, 1, 9, 0)); !errors.Is(err, ErrInvalid) {
				t.Fatalf("cut at the commit index: %v", err)
			}
			must(t, l.Close())
			l = open(t, fs, Options{SegmentSize: size})
			holds(t, l, all)
		})
	}
}

func TestTruncateFront(t *testing.T) {
	fs := vfs.NewMem()
	l := open(t, fs, Options{SegmentSize: 512})
	all := made(1, 100, 4, 50)
	must(t, l.Append(&State{Term: 4, Commit: 60}, all))
	before := l.Size()
	must(t, l.TruncateFront(90))
	first := l.FirstIndex()
	if first > 61 || first < 50 || l.Size() >= before {
		t.Fatalf("first index %d, size %d after %d", first, l.Size(), before)
	}
	check := func() {
		t.Helper()
		holds(t, l, all[first-1:])
		if term, err := l.Term(first - 1); term != 4 || err != nil {
			t.Fatalf("term before the first entry: %d, %v", term, err)
		}
		if _, err := l.Term(first - 2); !errors.Is(err, ErrCompacted) {
			t.Fatal(err)
		}
		if _, err := l.Entries(first-1, first+1, 10); !errors.Is(err, ErrCompacted) {
			t.Fatal(err)
		}
		if _, err := l.Entries(first, 102, 10); !errors.Is(err, ErrUnavailable) {
			t.Fatal(err)
		}
	}
	check()
	must(t, l.Close())
	l = open(t, fs, Options{SegmentSize: 512})
	check()
}

func TestReset(t *testing.T) {
	fs := vfs.NewMem()
	l := open(t, fs, Options{SegmentSize: 512})
	must(t, l.Append(&State{Term: 4, Vote: 2, Commit: 60}, made(1, 100, 4, 50)))
	if err := l.Reset(59, 4); !errors.Is(err, ErrInvalid) {
		t.Fatal(err)
	}
	must(t, l.Reset(500, 5))
	check := func() {
		t.Helper()
		if l.FirstIndex() != 501 || l.LastIndex() != 500 || l.State() != (State{Term: 5, Commit: 500}) {
			t.Fatalf("[%d,%d] %+v", l.FirstIndex(), l.LastIndex(), l.State())
		}
		if term, err := l.Term(500); term != 5 || err != nil {
			t.Fatalf("term %d, %v", term, err)
		}
	}
	check()
	must(t, l.Close())
	l = open(t, fs, Options{SegmentSize: 512})
	check()
	es := made(501, 3, 6, 0)
	must(t, l.Append(nil, es))
	holds(t, l, es)
}

func TestEntriesLimit(t *testing.T) {
	for _, cache := range []int64{1, 3000, 1 << 20} {
		l := open(t, vfs.NewMem(), Options{SegmentSize: 700, CacheBytes: cache})
		all := made(1, 40, 1, 100)
		must(t, l.Append(nil, all))
		for lo := Index(1); lo <= 40; lo++ {
			for _, limit := range []int{0, 1, 164, 327, 328, 2000, math.MaxInt} {
				want := min(max(1, limit/164), int(41-lo))
				got, err := l.Entries(lo, 41, limit)
				must(t, err)
				if !equal(got, all[lo-1:int(lo)-1+want]) {
					t.Fatalf("cache %d: %d entries from %d within %d bytes, want %d", cache, len(got), lo, limit, want)
				}
			}
		}
		l.Close()
	}
}

func TestInvalidAppends(t *testing.T) {
	l := open(t, vfs.NewMem(), Options{})
	must(t, l.Append(&State{Term: 3, Vote: 1, Commit: 2}, made(1, 5, 3, 0)))
	bad := func(name string, st *State, es []Entry) {
		t.Helper()
		if err := l.Append(st, es); !errors.Is(err, ErrInvalid) {
			t.Fatalf("%s: %v", name, err)
		}
	}
	bad("gap", nil, made(7, 1, 3, 0))
	bad("index 0", nil, made(0, 1, 3, 0))
	bad("gap inside", nil, append(made(6, 1, 3, 0), made(8, 1, 3, 0)...))
	bad("term goes back", nil, made(6, 1, 2, 0))
	bad("committed", nil, made(2, 9, 3, 0))
	bad("too long", nil, []Entry{{Index: 6, Term: 3, Data: make([]byte, MaxData+1)}})
	bad("state's term goes back", &State{Term: 2, Vote: 1, Commit: 2}, nil)
	bad("second vote", &State{Term: 3, Vote: 2, Commit: 2}, nil)
	bad("commit above the end", &State{Term: 3, Vote: 1, Commit: 6}, nil)
	must(t, l.Append(&State{Term: 3, Vote: 1, Commit: 1}, nil))
	if l.State().Commit != 2 {
		t.Fatal("commit went back")
	}
	holds(t, l, made(1, 5, 3, 0))
}

// TestRecycle appends through many segments: files go round instead of being
// made, nothing of an earlier one shows, and a start finds all.
func TestRecycle(t *testing.T) {
	fs := vfs.NewMem()
	o := Options{FS: fs, SegmentSize: 20_000, Recycle: true}
	l, err := Open("wal", o)
	must(t, err)
	next, reused := Index(1), 0
	for range 60 {
		es := made(next, 10, 1, 500)
		must(t, l.Append(&State{Term: 1, Commit: next - 1}, es))
		must(t, l.Sync())
		next += 10
		must(t, l.TruncateFront(next-min(next-1, 40)))
		if l.w.active.seg.reused() {
			reused++
		}
		names, err := fs.List("wal")
		must(t, err)
		if len(names) > 4 { // what 40 entries need, one that waits, LOCK
			t.Fatalf("files: %v", names)
		}
	}
	if reused < 40 {
		t.Errorf("%d of 60 appends went into a file that was there", reused)
	}
	first := l.FirstIndex()
	want, err := l.Entries(first, next, 1<<30)
	must(t, err)
	must(t, l.w.lock.Close()) // killed
	l, err = Open("wal", o)
	must(t, err)
	got, err := l.Entries(first, next, 1<<30)
	must(t, err)
	if l.LastIndex() != next-1 || !equal(got, want) {
		t.Errorf("%d entries up to %d, %d up to %d before", len(got), l.LastIndex(), len(want), next-1)
	}
	must(t, l.Close())
	if r, err := Verify(fs, "wal"); err != nil || r.Torn != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestRecycledFileGone drops a segment whose file somebody removed.
func TestRecycledFileGone(t *testing.T) {
	fs := vfs.NewMem()
	l := open(t, fs, Options{SegmentSize: 500, Recycle: true})
	must(t, l.Append(&State{Term: 1, Commit: 100}, made(1, 100, 1, 100)))
	must(t, fs.Remove("wal/"+segmentName(1)))
	must(t, l.TruncateFront(90))
	if n := len(l.mu.doomed); n > 0 {
		t.Errorf("%d segments wait for their removal", n)
	}
	must(t, l.TruncateFront(95))
}
