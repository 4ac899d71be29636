package wal

import (
	"encoding/binary"
	"hash/crc32"
)

// The kinds of records.
const (
	kindEntry byte = 1
	kindState byte = 2
	kindMark  byte = 3
)

const (
	recordAlign = 8
	recordHead  = 9 // length, checksum, kind
	entryHead   = 17
	stateLen    = 24
	markLen     = 33

	markRecord = (recordHead + markLen + recordAlign - 1) &^ (recordAlign - 1)

	flagClean byte = 1
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seed is the checksum of a segment's salt. Every record's checksum goes on from
// it, so that no stale block and no entry's data passes for a record.
func seed(salt uint64) uint32 {
	return crc32.Checksum(binary.LittleEndian.AppendUint64(nil, salt), castagnoli)
}

// checksum covers the length, the kind and the payload of a whole record.
func checksum(seed uint32, rec []byte) uint32 {
	return crc32.Update(crc32.Update(seed, castagnoli, rec[:4]), castagnoli, rec[8:])
}

// aligned returns the bytes that a record with a payload of n bytes takes.
func aligned(n int) int { return (recordHead + n + recordAlign - 1) &^ (recordAlign - 1) }

// begin starts a record; the payload follows, then seal.
func begin(b []byte, kind byte, length int) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(length))
	return append(b, 0, 0, 0, 0, kind)
}

var padding [recordAlign]byte

// seal writes the checksum of the record that begins at start, and pads it.
func seal(b []byte, start int, seed uint32) []byte {
	binary.LittleEndian.PutUint32(b[start+4:], checksum(seed, b[start:]))
	n := len(b) - start
	return append(b, padding[:-n&(recordAlign-1)]...)
}

func appendEntry(b []byte, seed uint32, e *Entry) []byte {
	start := len(b)
	b = begin(b, kindEntry, entryHead+len(e.Data))
	b = append(b, e.Kind)
	b = binary.LittleEndian.AppendUint64(b, uint64(e.Index))
	b = binary.LittleEndian.AppendUint64(b, e.Term)
	b = append(b, e.Data...)
	return seal(b, start, seed)
}

func appendState(b []byte, seed uint32, s State) []byte {
	start := len(b)
	b = begin(b, kindState, stateLen)
	b = appendStateFields(b, s)
	return seal(b, start, seed)
}

func appendStateFields(b []byte, s State) []byte {
	b = binary.LittleEndian.AppendUint64(b, s.Term)
	b = binary.LittleEndian.AppendUint64(b, s.Vote)
	return binary.LittleEndian.AppendUint64(b, uint64(s.Commit))
}

// A mark tells how far the log was durable when it was written. Salt and offset
// make it impossible to forge one inside an entry's data.
type mark struct {
	salt   uint64
	offset int64 // of the mark itself
	reach  int64 // everything below is durable
	front  uint64
	flags  byte
}

func appendMark(b []byte, seed uint32, m mark) []byte {
	start := len(b)
	b = begin(b, kindMark, markLen)
	b = binary.LittleEndian.AppendUint64(b, m.salt)
	b = binary.LittleEndian.AppendUint64(b, uint64(m.offset))
	b = binary.LittleEndian.AppendUint64(b, uint64(m.reach))
	b = binary.LittleEndian.AppendUint64(b, m.front)
	b = append(b, m.flags)
	return seal(b, start, seed)
}

// payloadLen reads the length and kind of the record that b begins with
// (recordHead bytes at least). A reason says why there is none.
func payloadLen(b []byte) (n int, reason string) {
	length, kind := binary.LittleEndian.Uint32(b), b[8]
	if length == 0 && kind == 0 {
		return 0, reasonZero
	}
	switch kind {
	case kindEntry:
		if length < entryHead || length > entryHead+MaxData {
			return 0, "entry of an impossible length"
		}
	case kindState:
		if length != stateLen {
			return 0, "state of an impossible length"
		}
	case kindMark:
		if length != markLen {
			return 0, "mark of an impossible length"
		}
	default:
		return 0, "record of an unknown kind"
	}
	return int(length), ""
}

// reasonZero is the reason where nothing was written.
const reasonZero = "no record"

// decodeRecord returns the payload and kind of the record that b begins with;
// the payload lies in b. A reason says why there is no good record.
func decodeRecord(b []byte, seed uint32) (payload []byte, kind byte, reason string) {
	if len(b) < recordHead {
		return nil, 0, "record runs over the end"
	}
	n, reason := payloadLen(b)
	if reason != "" {
		return nil, 0, reason
	}
	if len(b)-recordHead < n {
		return nil, 0, "record runs over the end"
	}
	rec := b[:recordHead+n]
	if checksum(seed, rec) != binary.LittleEndian.Uint32(rec[4:]) {
		return nil, 0, "checksum does not match"
	}
	return rec[recordHead:], rec[8], ""
}

// decodeEntry reads the payload of an entry record. Data lies in p.
func decodeEntry(p []byte) Entry {
	return Entry{
		Kind:  p[0],
		Index: Index(binary.LittleEndian.Uint64(p[1:])),
		Term:  binary.LittleEndian.Uint64(p[9:]),
		Data:  p[entryHead:],
	}
}

func decodeState(p []byte) State {
	return State{
		Term:   binary.LittleEndian.Uint64(p),
		Vote:   binary.LittleEndian.Uint64(p[8:]),
		Commit: Index(binary.LittleEndian.Uint64(p[16:])),
	}
}

func decodeMark(p []byte) mark {
	return mark{
		salt:   binary.LittleEndian.Uint64(p),
		offset: int64(binary.LittleEndian.Uint64(p[8:])),
		reach:  int64(binary.LittleEndian.Uint64(p[16:])),
		front:  binary.LittleEndian.Uint64(p[24:]),
		flags:  p[32],
	}
}
