package wal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"strconv"
	"strings"
)

const (
	magic      = "QUORWAL\n"
	version    = 1
	headerLen  = 96
	segmentExt = ".wal"
	tempExt    = ".tmp"
	lockName   = "LOCK"

	maxIndex = 1 << 62 // leaves room for arithmetic
)

// header is what a segment begins with; doc.go draws it.
type header struct {
	seq      uint64
	salt     uint64
	first    Index
	prevTerm uint64
	prevSeq  uint64
	prevEnd  int64
	front    uint64
	state    State
}

// newSalt draws a salt. Its lowest bit tells whether the segment's file held
// another segment before: what lies behind the last record then says nothing.
func newSalt(reused bool) uint64 {
	if reused {
		return rand.Uint64() | 1
	}
	return rand.Uint64() &^ 1
}

func (h *header) reused() bool { return h.salt&1 != 0 }

func (h *header) encode() []byte {
	b := make([]byte, 0, headerLen)
	b = append(b, magic...)
	b = binary.LittleEndian.AppendUint32(b, version)
	b = append(b, 0, 0, 0, 0)
	for _, v := range []uint64{h.seq, h.salt, uint64(h.first), h.prevTerm, h.prevSeq, uint64(h.prevEnd), h.front} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	b = appendStateFields(b, h.state)
	binary.LittleEndian.PutUint32(b[12:], headerChecksum(b))
	return b
}

func headerChecksum(b []byte) uint32 {
	return crc32.Update(crc32.Checksum(b[:12], castagnoli), castagnoli, b[16:headerLen])
}

// decodeHeader reads the header of the segment called name. It returns a
// CorruptError or an ErrVersion.
func decodeHeader(name string, b []byte) (header, error) {
	bad := func(offset int64, reason string) (header, error) {
		return header{}, &CorruptError{Segment: name, Offset: offset, Reason: reason}
	}
	if len(b) < headerLen {
		return bad(int64(len(b)), "shorter than its header")
	}
	if string(b[:8]) != magic {
		return bad(0, "not a log segment (magic number)")
	}
	sum := binary.LittleEndian.Uint32(b[12:])
	if v := binary.LittleEndian.Uint32(b[8:]); v != version {
		// A flipped bit in a header of ours must not pass for the future.
		ours := append([]byte(nil), b[:headerLen]...)
		binary.LittleEndian.PutUint32(ours[8:], version)
		if headerChecksum(ours) == sum {
			return bad(8, "version is damaged")
		}
		return header{}, fmt.Errorf("%w: segment %s has version %d, this program knows %d", ErrVersion, name, v, version)
	}
	if headerChecksum(b) != sum {
		return bad(0, "checksum of the header does not match")
	}
	u := func(at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }
	h := header{
		seq: u(16), salt: u(24), first: Index(u(32)), prevTerm: u(40),
		prevSeq: u(48), prevEnd: int64(u(56)), front: u(64), state: decodeState(b[72:]),
	}
	if reason := h.implausible(); reason != "" {
		return bad(16, reason)
	}
	return h, nil
}

func (h *header) implausible() string {
	switch {
	case h.seq == 0 || h.first == 0:
		return "sequence or first index is zero"
	case h.first > maxIndex || h.seq > maxIndex:
		return "sequence or first index is impossible"
	case h.prevSeq >= h.seq || h.front > h.seq || h.front == 0:
		return "refers to a younger segment"
	case h.prevSeq != 0 && h.prevSeq < h.front:
		return "refers to a dropped segment"
	case h.prevSeq == 0 && h.front != h.seq:
		return "names no predecessor"
	case h.prevSeq != 0 && (h.prevEnd < headerLen || h.prevEnd%recordAlign != 0):
		return "end of the predecessor is impossible"
	case h.state.Commit >= h.first:
		return "commit index is not below the first entry"
	}
	return ""
}

func segmentName(seq uint64) string { return fmt.Sprintf("%016d%s", seq, segmentExt) }

func tempName(seq uint64) string { return fmt.Sprintf("%016d%s", seq, tempExt) }

// parseName returns the sequence in the name of a segment.
func parseName(name string) (seq uint64, ok bool) {
	digits, found := strings.CutSuffix(name, segmentExt)
	if !found || len(digits) < 16 {
		return 0, false
	}
	seq, err := strconv.ParseUint(digits, 10, 64)
	return seq, err == nil && seq > 0 && segmentName(seq) == name
}
