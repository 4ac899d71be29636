package wal

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// content returns the bytes of each segment of the log.
func content(t testing.TB, fs *vfs.MemFS) map[string][]byte {
	t.Helper()
	names, err := fs.List("wal")
	must(t, err)
	out := map[string][]byte{}
	for _, name := range names {
		if _, ok := parseName(name); ok {
			b, err := fs.UnsafeGetFileDataBuffer("wal/" + name)
			must(t, err)
			out[name] = bytes.Clone(b)
		}
	}
	return out
}

// disk makes a file system that holds the given segments.
func disk(t testing.TB, segments map[string][]byte) *vfs.MemFS {
	t.Helper()
	fs := vfs.NewMem()
	must(t, fs.MkdirAll("wal", 0o755))
	for name, b := range segments {
		f, err := fs.Create("wal/"+name, vfs.WriteCategoryUnspecified)
		must(t, err)
		_, err = f.Write(bytes.Clone(b))
		must(t, err)
		must(t, f.Close())
	}
	return fs
}

// damaged builds a log of several segments with a cut inside, whose process was
// killed, and returns its files, its entries, and how many of them were durable
// according to its last mark.
func damaged(t *testing.T, closed bool) (files map[string][]byte, all []Entry, durable Index) {
	fs := vfs.NewCrashableMem()
	l := open(t, fs, Options{SegmentSize: 700, FillAhead: 200})
	st := State{Term: 1, Vote: 2}
	step := func(es []Entry) {
		st.Commit = es[0].Index - 1
		st.Term = es[0].Term
		must(t, l.Append(&st, es))
		must(t, l.Sync())
		all = append(all[:es[0].Index-1:es[0].Index-1], es...)
	}
	step(made(1, 9, 1, 60))
	step(made(10, 9, 1, 60))
	step(made(15, 8, 2, 60)) // a cut
	step(made(23, 3, 2, 60))
	durable = 25
	step(made(26, 2, 2, 40))
	if closed {
		must(t, l.Close())
		durable = l.LastIndex()
	}
	return content(t, fs), all, durable
}

// TestFlippedBits flips each bit of every file in turn. Damage to what was known
// to be durable is reported, with its place; in the tail it is cut; and never is
// anything read back that was not written.
func TestFlippedBits(t *testing.T) {
	for _, closed := range []bool{false, true} {
		t.Run(fmt.Sprintf("closed=%v", closed), func(t *testing.T) {
			files, all, durable := damaged(t, closed)
			reported, cut, harmless := 0, 0, 0
			for name, b := range files {
				for at := range b {
					b[at] ^= 1 << (at % 8)
					l, err := Open("wal", Options{FS: disk(t, files), SegmentSize: 700, FillAhead: -1})
					b[at] ^= 1 << (at % 8)
					var where *CorruptError
					if errors.As(err, &where) {
						if reported++; where.Offset > int64(at) || where.Segment != name {
							t.Fatalf("flip at %d of %s reported as %v", at, name, err)
						}
						continue
					}
					if err != nil {
						t.Fatalf("flip at %d of %s: %v", at, name, err)
					}
					got, err := l.Entries(1, l.LastIndex()+1, math.MaxInt)
					must(t, err)
					if l.LastIndex() < durable || !equal(got, all[:l.LastIndex()]) {
						t.Fatalf("flip at %d of %s leaves %d entries, %d were durable", at, name, l.LastIndex(), durable)
					}
					if l.LastIndex() == all[len(all)-1].Index {
						harmless++
					} else {
						cut++
					}
					l.Close()
				}
			}
			t.Logf("%d segments: %d flips reported, %d cut, %d harmless", len(files), reported, cut, harmless)
			if reported == 0 || harmless == 0 || (cut == 0) != closed {
				t.Fatal("the flips did not meet every case")
			}
		})
	}
}

func TestMissingSegment(t *testing.T) {
	files, _, _ := damaged(t, false)
	var youngest string
	for name := range files {
		youngest = max(youngest, name)
	}
	for name := range files {
		if name == youngest {
			continue // a log without it is an older log; nothing in its files can tell
		}
		b := files[name]
		delete(files, name)
		_, err := Open("wal", Options{FS: disk(t, files)})
		if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), name) {
			t.Fatalf("without %s: %v", name, err)
		}
		files[name] = b
	}
}

func TestTornTail(t *testing.T) {
	files, all, _ := damaged(t, false)
	var youngest string
	for name := range files {
		youngest = max(youngest, name)
	}
	whole := files[youngest]
	for n := headerLen; n < len(whole); n++ {
		files[youngest] = whole[:n]
		l, err := Open("wal", Options{FS: disk(t, files), FillAhead: -1})
		if err != nil {
			// All marks behind are gone with the file's end; the commit index in the
			// header still speaks.
			if !errors.Is(err, ErrCorrupt) {
				t.Fatal(err)
			}
			continue
		}
		got, err := l.Entries(1, l.LastIndex()+1, math.MaxInt)
		must(t, err)
		if !equal(got, all[:l.LastIndex()]) {
			t.Fatalf("cut at %d invents entries", n)
		}
		l.Close()
	}
}

func TestVersion(t *testing.T) {
	h := header{seq: 1, first: 1, front: 1}
	b := h.encode()
	b[8] = 2
	putHeaderChecksum(b)
	_, err := Open("wal", Options{FS: disk(t, map[string][]byte{segmentName(1): b})})
	if !errors.Is(err, ErrVersion) {
		t.Fatal(err)
	}
	if errors.Is(err, ErrCorrupt) {
		t.Fatal("a later version is not damage")
	}
}

// TestForgedMark sends, as an entry's data, what would pass for a mark if marks
// could be forged.
func TestForgedMark(t *testing.T) {
	fs := vfs.NewCrashableMem()
	l := open(t, fs, Options{})
	at := l.w.active.end
	forged := appendMark(nil, seed(0), mark{offset: at + 32, reach: at + 32})
	must(t, l.Append(nil, []Entry{{Index: 1, Term: 1, Data: append(make([]byte, 6), forged...)}}))
	b := content(t, fs)[segmentName(1)]
	b[at] ^= 1
	l2, err := Open("wal", Options{FS: disk(t, map[string][]byte{segmentName(1): b})})
	must(t, err)
	defer l2.Close()
	if l2.LastIndex() != 0 {
		t.Fatal("a damaged entry was read")
	}
}

// TestStaleBlock puts a record of another segment, such as a disk may show in a
// block that was never written, where the next record would be.
func TestStaleBlock(t *testing.T) {
	var files [2][]byte
	var ends [2]int64
	for k := range files {
		fs := vfs.NewMem()
		l := open(t, fs, Options{FillAhead: 4096})
		must(t, l.Append(nil, made(1, 2, 1, 50)))
		ends[k] = l.w.active.end
		must(t, l.Append(nil, made(3, 1, 1, 50)))
		files[k] = content(t, fs)[segmentName(1)]
	}
	copy(files[0][ends[0]:], files[1][ends[1]:])
	l := open(t, disk(t, map[string][]byte{segmentName(1): files[0]}), Options{})
	if l.LastIndex() != 2 {
		t.Fatalf("the log ends with %d", l.LastIndex())
	}
}

func TestVerifyAndDump(t *testing.T) {
	files, all, _ := damaged(t, false)
	fs := disk(t, files)
	r, err := Verify(fs, "wal")
	must(t, err)
	if r.Last != Index(len(all)) || r.First != 1 || r.Entries != uint64(len(all)) || r.Clean || r.Segments != len(files) {
		t.Fatalf("%+v", r)
	}
	var out bytes.Buffer
	must(t, Dump(fs, "wal", &out, DumpOptions{Records: true, Data: 16}))
	for _, want := range []string{"segment 0000000000000001.wal", "begins the log", "follows segment", `entry 27 term 2 type 0, 40 bytes "entry 27 of term`, "mark durable up to", "state term 2 vote 2 commit 25", "end of the segment"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("dump lacks %q:\n%s", want, out.String())
		}
	}
	files[segmentName(1)][200] ^= 4
	fs = disk(t, files)
	if _, err = Verify(fs, "wal"); !errors.Is(err, ErrCorrupt) {
		t.Fatal(err)
	}
	out.Reset()
	must(t, Dump(fs, "wal", &out, DumpOptions{}))
	if !strings.Contains(out.String(), "DAMAGED") {
		t.Errorf("dump does not show the damage:\n%s", out.String())
	}
}
