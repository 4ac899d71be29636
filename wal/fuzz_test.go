package wal

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func putHeaderChecksum(b []byte) { binary.LittleEndian.PutUint32(b[12:], headerChecksum(b)) }

// FuzzRecord decodes anything, and encodes again what was a record.
func FuzzRecord(f *testing.F) {
	sum := seed(7)
	f.Add(appendEntry(nil, sum, &Entry{Index: 3, Term: 2, Kind: 1, Data: []byte("data")}))
	f.Add(appendState(nil, sum, State{1, 2, 3}))
	f.Add(appendMark(nil, sum, mark{7, 96, 96, 1, flagClean}))
	f.Add(make([]byte, 40))
	f.Add([]byte{255, 255, 255, 255, 0, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, fix := range []bool{false, true} {
			if n := len(b); fix && n >= recordHead {
				b = bytes.Clone(b)
				binary.LittleEndian.PutUint32(b, uint32(n-recordHead))
				binary.LittleEndian.PutUint32(b[4:], checksum(sum, b))
			}
			payload, kind, reason := decodeRecord(b, sum)
			if reason != "" {
				continue
			}
			var again []byte
			switch kind {
			case kindEntry:
				e := decodeEntry(payload)
				again = appendEntry(nil, sum, &e)
			case kindState:
				again = appendState(nil, sum, decodeState(payload))
			case kindMark:
				again = appendMark(nil, sum, decodeMark(payload))
			default:
				t.Fatalf("kind %d", kind)
			}
			if n := recordHead + len(payload); !bytes.Equal(again[:n], b[:n]) {
				t.Fatalf("%x became %x", b[:n], again)
			}
		}
	})
}

// reseal gives the header and each record in b, as far as the lengths lead, the
// checksums of an honest writer: so the fuzzer reaches what lies behind them.
func reseal(b []byte) {
	if len(b) < headerLen {
		return
	}
	copy(b, magic)
	binary.LittleEndian.PutUint32(b[8:], version)
	binary.LittleEndian.PutUint64(b[16:], 1)
	putHeaderChecksum(b)
	sum := seed(binary.LittleEndian.Uint64(b[24:]))
	for at := headerLen; at+recordHead <= len(b); {
		n, reason := payloadLen(b[at:])
		if reason != "" || at+recordHead+n > len(b) {
			return
		}
		binary.LittleEndian.PutUint32(b[at+4:], checksum(sum, b[at:at+recordHead+n]))
		at += aligned(n)
	}
}

// FuzzOpen opens any bytes as a segment. What opens must verify, dump, read,
// append, and open again with the same content.
func FuzzOpen(f *testing.F) {
	fs := vfs.NewMem()
	l := open(f, fs, Options{FillAhead: 64})
	must(f, l.Append(&State{Term: 1, Vote: 1}, made(1, 3, 1, 0)))
	must(f, l.Sync())
	must(f, l.Append(&State{Term: 2, Commit: 3}, made(4, 1, 2, 0)))
	torn := content(f, fs)[segmentName(1)]
	must(f, l.Close())
	for _, honest := range []bool{true, false} {
		f.Add(torn, honest)
		f.Add(content(f, fs)[segmentName(1)], honest)
	}
	f.Fuzz(func(t *testing.T, b []byte, honest bool) {
		if len(b) > 1<<16 {
			return
		}
		if honest {
			reseal(b)
		}
		fs := disk(t, map[string][]byte{segmentName(1): b})
		must(t, Dump(fs, "wal", &bytes.Buffer{}, DumpOptions{Records: true, Data: 8}))
		report, verr := Verify(fs, "wal")
		l, err := Open("wal", Options{FS: fs, CacheBytes: 1, FillAhead: 64})
		if (err == nil) != (verr == nil) {
			t.Fatalf("open says %v, verify says %v", err, verr)
		}
		if err != nil {
			return
		}
		if report.Last != l.LastIndex() || report.First != l.FirstIndex() || report.State != l.State() {
			t.Fatalf("%+v of a log [%d,%d]", report, l.FirstIndex(), l.LastIndex())
		}
		goOn(t, fs, l)
	})
}

func goOn(t *testing.T, fs vfs.FS, l *Log) {
	all, err := l.Entries(l.FirstIndex(), l.LastIndex()+1, math.MaxInt)
	must(t, err)
	term, err := l.Term(l.LastIndex())
	must(t, err)
	es := made(l.LastIndex()+1, 2, term, 0)
	must(t, l.Append(nil, es))
	all = append(all, es...)
	st := l.State()
	must(t, l.Close())
	l, err = Open("wal", Options{FS: fs, FillAhead: -1})
	must(t, err)
	defer l.Close()
	holds(t, l, all)
	if l.State() != st {
		t.Fatalf("state %s became %s", st, l.State())
	}
}
