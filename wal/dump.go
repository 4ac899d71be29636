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
	out := bufio.NewWriter(w)
	for _, name := range names {
		if err := dumpSegment(fs, dir, name, out, o); err != nil {
			return err
		}
	}
	return out.Flush()
}

func dumpSegment(fs vfs.FS, dir, name string, out *bufio.Writer, o DumpOptions) error {
	f, err := fs.Open(fs.PathJoin(dir, name), vfs.SequentialReadsOption)
	if err != nil {
		return fmt.Errorf("open segment %s: %w", name, err)
	}
	defer f.Close()
	s, err := readHeader(f, name)
	if err != nil {
		fmt.Fprintf(out, "segment %s: %v\n", name, err)
		return nil
	}
	before := "begins the log"
	if s.prevSeq != 0 {
		before = fmt.Sprintf("follows segment %d up to %d, log begins at segment %d", s.prevSeq, s.prevEnd, s.front)
	}
	fmt.Fprintf(out, "segment %s: %d bytes, version %d, salt %016x, first entry %d after term %d, %s, state %s\n",
		name, s.size, version, s.salt, s.first, s.prevTerm, before, s.state)
	return dumpRecords(f, s, out, o)
}

func dumpRecords(f vfs.File, s *segment, out *bufio.Writer, o DumpOptions) error {
	sc := newScanner(f, s.salt, headerLen, s.size, make([]byte, 0, scanChunk))
	entries, lastEntry := 0, Entry{}
	for {
		rec, reason, err := sc.next()
		if err != nil {
			return fmt.Errorf("segment %s: %w", s.name, err)
		}
		if reason != "" {
			if entries > 0 {
				fmt.Fprintf(out, "%10d  %d entries, the last is %d of term %d\n", sc.off, entries, lastEntry.Index, lastEntry.Term)
			}
			return dumpEnd(f, s, sc.off, reason, out)
		}
		if rec.kind == kindEntry {
			entries++
			lastEntry = decodeEntry(rec.payload)
		}
		if o.Records {
			dumpRecord(rec, out, o)
		}
	}
}

func dumpRecord(rec rawRecord, out *bufio.Writer, o DumpOptions) {
	fmt.Fprintf(out, "%10d  ", rec.off)
	switch rec.kind {
	case kindEntry:
		e := decodeEntry(rec.payload)
		fmt.Fprintf(out, "entry %d term %d type %d, %d bytes", e.Index, e.Term, e.Kind, len(e.Data))
		if o.Data > 0 {
			fmt.Fprintf(out, " %q", e.Data[:min(o.Data, len(e.Data))])
		}
	case kindState:
		fmt.Fprintf(out, "state %s", decodeState(rec.payload))
	case kindMark:
		m := decodeMark(rec.payload)
		fmt.Fprintf(out, "mark durable up to %d, log begins at segment %d", m.reach, m.front)
		if m.flags&flagClean != 0 {
			out.WriteString(", closed")
		}
	}
	out.WriteByte('\n')
}

func dumpEnd(f vfs.File, s *segment, at int64, reason string, out *bufio.Writer) error {
	t, err := readTail(f, s.salt, at, s.size)
	if err != nil {
		return fmt.Errorf("segment %s: %w", s.name, err)
	}
	fmt.Fprintf(out, "%10d  %s", at, reason)
	if t.written > at {
		fmt.Fprintf(out, ", %d bytes that are not zero follow", t.written-at)
	}
	if t.reach > at {
		fmt.Fprintf(out, ", DAMAGED: bytes up to %d were durable", t.reach)
	}
	out.WriteByte('\n')
	return nil
}

// String returns the state as a person reads it.
func (s State) String() string {
	return fmt.Sprintf("term %d vote %d commit %d", s.Term, s.Vote, s.Commit)
}
