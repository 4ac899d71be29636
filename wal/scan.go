package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// scanner reads the records of one segment in order.
type scanner struct {
	f     io.ReaderAt
	seed  uint32
	off   int64 // where the next record begins
	limit int64 // where the readable bytes end
	base  int64 // place of buf in the file
	buf   []byte
}

// rawRecord is a record as it lies in the file. The payload is valid until the
// next call of the scanner.
type rawRecord struct {
	off     int64
	kind    byte
	payload []byte
}

const scanChunk = 256 << 10

func newScanner(f io.ReaderAt, salt uint64, off, limit int64, buf []byte) *scanner {
	return &scanner{f: f, seed: seed(salt), off: off, limit: limit, base: off, buf: buf[:0]}
}

// next returns the next record. When there is none, reason says why and off
// stays where the record should begin; err is an error of the file system.
func (s *scanner) next() (rec rawRecord, reason string, err error) {
	if s.off >= s.limit {
		return rec, reasonEnd, nil
	}
	b, err := s.window(recordHead)
	if err != nil {
		return rec, "", err
	}
	if len(b) < recordHead {
		return rec, "record runs over the end", nil
	}
	n, reason := payloadLen(b)
	if reason != "" {
		return rec, reason, nil
	}
	if b, err = s.window(aligned(n)); err != nil {
		return rec, "", err
	}
	payload, kind, reason := decodeRecord(b, s.seed)
	if reason != "" {
		return rec, reason, nil
	}
	rec = rawRecord{off: s.off, kind: kind, payload: payload}
	s.off += int64(aligned(n))
	return rec, "", nil
}

const reasonEnd = "end of the segment"

// window returns the n bytes at off, or fewer at the limit.
func (s *scanner) window(n int) ([]byte, error) {
	if left := s.limit - s.off; int64(n) > left {
		return nil, nil
	}
	if s.off < s.base || s.off+int64(n) > s.base+int64(len(s.buf)) {
		if err := s.fill(n); err != nil {
			return nil, err
		}
	}
	at := int(s.off - s.base)
	if at+n > len(s.buf) {
		return nil, nil
	}
	return s.buf[at : at+n], nil
}

// fill reads at least n bytes from off, as far as they are there.
func (s *scanner) fill(n int) error {
	kept := 0
	if s.off >= s.base && s.off < s.base+int64(len(s.buf)) {
		kept = copy(s.buf, s.buf[s.off-s.base:])
	}
	want := max(n, cap(s.buf))
	if want == 0 {
		want = scanChunk
	}
	want = int(min(int64(want), s.limit-s.off))
	if cap(s.buf) < want {
		bigger := make([]byte, want)
		copy(bigger, s.buf[:kept])
		s.buf = bigger
	}
	s.buf, s.base = s.buf[:want], s.off
	m, err := s.f.ReadAt(s.buf[kept:], s.off+int64(kept))
	s.buf = s.buf[:kept+m]
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read at offset %d: %w", s.off, err)
	}
	return nil
}

// tail is what lies behind the last good record of the youngest segment.
type tail struct {
	reach   int64 // highest reach of the marks found there
	written int64 // end of the last byte that is not zero
}

// readTail looks for marks behind a bad record: records begin at multiples of
// recordAlign, and a mark names its salt and its own offset.
func readTail(f io.ReaderAt, salt uint64, from, size int64) (tail, error) {
	t := tail{written: from}
	sum := seed(salt)
	buf := make([]byte, min(scanChunk, size-from))
	for pos := from; pos < size; {
		n, err := f.ReadAt(buf[:min(int64(len(buf)), size-pos)], pos)
		if err != nil && !errors.Is(err, io.EOF) {
			return t, fmt.Errorf("read at offset %d: %w", pos, err)
		}
		if n == 0 {
			return t, nil
		}
		b := buf[:n]
		for at := 0; at < n; at += recordAlign {
			if at+recordAlign <= n && binary.LittleEndian.Uint64(b[at:]) == 0 {
				continue
			}
			if m, ok := markAt(b[at:], sum, salt, pos+int64(at)); ok {
				t.reach = max(t.reach, m.reach)
			}
			for k := at; k < min(at+recordAlign, n); k++ {
				if b[k] != 0 {
					t.written = pos + int64(k) + 1
				}
			}
		}
		if pos+int64(n) >= size {
			return t, nil
		}
		// Chunks overlap by a mark, which may lie across their border.
		pos += max(recordAlign, (int64(n)-markRecord)&^(recordAlign-1))
	}
	return t, nil
}

func markAt(b []byte, seed uint32, salt uint64, offset int64) (mark, bool) {
	if len(b) < recordHead+markLen || b[8] != kindMark {
		return mark{}, false
	}
	payload, kind, reason := decodeRecord(b, seed)
	if reason != "" || kind != kindMark {
		return mark{}, false
	}
	m := decodeMark(payload)
	return m, m.salt == salt && m.offset == offset
}
