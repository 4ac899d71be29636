package wal

import (
	"bufio"
	"fmt"
	"io"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// DumpOptions say what Dump prints besides the segments.
type DumpOptions struct {
	Records bool // every record
	Data    int  // this many bytes of each entry's data, quoted
}

// Dump prints the segments of a log, oldest first, for a person to read. It goes
// on where it meets damage and says what it found there; its error is one of the
// file system's or of w.
func Dump(fs vfs.FS, dir string, w io.Writer, o DumpOptions) error {
	names, err := fs.List(dir)
	if err != nil {
		return fmt.Errorf("list log: %w", err)
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		_, ok := parseName(name)
		return !ok
	})
	slices.Sort(names)
	d := dumper{fs: fs, dir: dir, out: bufio.NewWriter(w), o: o, durable: map[uint64]int64{}}
	// Two passes: a header tells how far the segment before was durable.
	for _, print := range []bool{false, true} {
		for _, name := range names {
			if err := d.segment(name, print); err != nil {
				return err
			}
		}
	}
	return d.out.Flush()
}

type dumper struct {
	fs      vfs.FS
	dir     string
	out     *bufio.Writer
	o       DumpOptions
	durable map[uint64]int64 // by segment: where its successor says it ends
}

// segment learns from the header of a segment, or prints it all.
func (d *dumper) segment(name string, print bool) error {
	f, err := d.fs.Open(d.fs.PathJoin(d.dir, name), vfs.SequentialReadsOption)
	if err != nil {
		return fmt.Errorf("open segment %s: %w", name, err)
	}
	defer f.Close()
	s, err := readHeader(f, name)
	if !print {
		if err == nil {
			d.durable[s.prevSeq] = max(d.durable[s.prevSeq], s.prevEnd)
		}
		return nil
	}
	if err != nil {
		fmt.Fprintf(d.out, "segment %s: %v\n", name, err)
		return nil
	}
	before := "begins the log"
	if s.prevSeq != 0 {
		before = fmt.Sprintf("follows segment %d up to %d, log begins at segment %d", s.prevSeq, s.prevEnd, s.front)
	}
	fmt.Fprintf(d.out, "segment %s: %d bytes, version %d, salt %016x, first entry %d after term %d, %s, state %s\n",
		name, s.size, version, s.salt, s.first, s.prevTerm, before, s.state)
	return d.records(f, s)
}

func (d *dumper) records(f vfs.File, s *segment) error {
	sc := newScanner(f, s.salt, headerLen, s.size, make([]byte, 0, scanChunk))
	entries, lastEntry := 0, Entry{}
	for {
		rec, reason, err := sc.next()
		if err != nil {
			return fmt.Errorf("segment %s: %w", s.name, err)
		}
		if reason != "" {
			if entries > 0 {
				fmt.Fprintf(d.out, "%10d  %d entries, the last is %d of term %d\n", sc.off, entries, lastEntry.Index, lastEntry.Term)
			}
			return d.end(f, s, sc.off, reason)
		}
		if rec.kind == kindEntry {
			entries++
			lastEntry = decodeEntry(rec.payload)
		}
		if d.o.Records {
			d.record(rec)
		}
	}
}

func (d *dumper) record(rec rawRecord) {
	fmt.Fprintf(d.out, "%10d  ", rec.off)
	switch rec.kind {
	case kindEntry:
		e := decodeEntry(rec.payload)
		fmt.Fprintf(d.out, "entry %d term %d type %d, %d bytes", e.Index, e.Term, e.Kind, len(e.Data))
		if d.o.Data > 0 {
			fmt.Fprintf(d.out, " %q", e.Data[:min(d.o.Data, len(e.Data))])
		}
	case kindState:
		fmt.Fprintf(d.out, "state %s", decodeState(rec.payload))
	case kindMark:
		m := decodeMark(rec.payload)
		fmt.Fprintf(d.out, "mark durable up to %d, log begins at segment %d", m.reach, m.front)
		if m.flags&flagClean != 0 {
			d.out.WriteString(", closed")
		}
	}
	d.out.WriteByte('\n')
}

// end tells what lies behind the last good record.
func (d *dumper) end(f vfs.File, s *segment, at int64, reason string) error {
	t, err := readTail(f, s.salt, at, s.size)
	if err != nil {
		return fmt.Errorf("segment %s: %w", s.name, err)
	}
	fmt.Fprintf(d.out, "%10d  %s", at, reason)
	if t.written > at && !s.reused() {
		fmt.Fprintf(d.out, ", %d bytes that are not zero follow", t.written-at)
	}
	if reach := max(t.reach, d.durable[s.seq]); reach > at {
		fmt.Fprintf(d.out, ", DAMAGED: bytes up to %d were durable", reach)
	}
	d.out.WriteByte('\n')
	return nil
}

// String returns the state as a person reads it.
func (s State) String() string {
	return fmt.Sprintf("term %d vote %d commit %d", s.Term, s.Vote, s.Commit)
}
