package store

import (
	"encoding/binary"

	"github.com/quorate/quorate/wal"
)

// The keys of the index; numbers are big-endian, so that keys sort as they do.
//
//	'm'                                   meta: applied index, term, membership, reign, …
//	'a'                                   bodies ahead: queues that bodies beyond meta were written for
//	'Q' queue:8                           queue record
//	'q' queue:8 lane:1 seq:8              entry: where, count, header
//	'z' queue:8 lane:1 seq:8              own body of that entry
//	'b' index:8 offset:4 n:4              chunk n of a shared body
//	'r' index:8 offset:4 kind:1 a:8 b:8 lane:1 n:4   reference to a shared body
//	'p' name                              producer window
//	't' term:8 counter:8                  staged transaction; with n:4 behind, operation n of it
//	'u' term:8 counter:8                  upload in progress
//	'g' queue:8                           grave: entries up to a sequence that are to be cleaned
//	'J' due:8 job:8                       job: where, size, spec, header
//	'j' job:8                             its due time
//	'i' n:8                               id of a message, the n-th that is remembered
const (
	keyMeta   = 'm'
	keyAhead  = 'a'
	keyQueue  = 'Q'
	keyChunk  = 'b'
	keyRef    = 'r'
	keyWindow = 'p'
	keyStage  = 't'
	keyUpload = 'u'
	keyGrave  = 'g'
	keyJobPos = 'J'
	keyJob    = 'j'
	keySentID = 'i'

	// Own bodies stand behind everything, so that tables of other keys do not
	// span them and compactions of the small do not rewrite the big.
	inEntries = 'q'
	inBodies  = 'z'
)

func appendQueueKey(b []byte, q QueueID) []byte {
	return binary.BigEndian.AppendUint64(append(b, keyQueue), uint64(q))
}

func appendGraveKey(b []byte, q QueueID) []byte {
	return binary.BigEndian.AppendUint64(append(b, keyGrave), uint64(q))
}

// appendPosKey gives the key of an entry or an own body, as part says.
func appendPosKey(b []byte, q QueueID, part byte, p Pos) []byte {
	b = append(binary.BigEndian.AppendUint64(append(b, part), uint64(q)), byte(p.Lane))
	return binary.BigEndian.AppendUint64(b, uint64(p.Seq))
}

const posKeyLen = 1 + 8 + 1 + 8

// posOfKey gives the place that an entry's or a body's key names.
func posOfKey(k []byte) (QueueID, Pos, bool) {
	if len(k) != posKeyLen {
		return 0, Pos{}, false
	}
	return QueueID(binary.BigEndian.Uint64(k[1:])), Pos{Lane(k[9]), Seq(binary.BigEndian.Uint64(k[10:]))}, true
}

// partRange gives the bounds of all entries or bodies of a queue.
func partRange(q QueueID, part byte) (lo, hi []byte) {
	return binary.BigEndian.AppendUint64([]byte{part}, uint64(q)), binary.BigEndian.AppendUint64([]byte{part}, uint64(q)+1)
}

func appendBodyID(b []byte, id bodyID) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(id.index))
	return binary.BigEndian.AppendUint32(b, id.offset)
}

func bodyIDOf(b []byte) bodyID {
	return bodyID{wal.Index(binary.BigEndian.Uint64(b)), binary.BigEndian.Uint32(b[8:])}
}

func appendChunkKey(b []byte, id bodyID, n uint32) []byte {
	return binary.BigEndian.AppendUint32(appendBodyID(append(b, keyChunk), id), n)
}

func appendRefPrefix(b []byte, id bodyID) []byte { return appendBodyID(append(b, keyRef), id) }

func appendRefKey(b []byte, id bodyID, r ref) []byte {
	b = append(appendRefPrefix(b, id), byte(r.kind))
	b = binary.BigEndian.AppendUint64(b, r.a)
	b = binary.BigEndian.AppendUint64(b, r.b)
	return binary.BigEndian.AppendUint32(append(b, byte(r.lane)), r.n)
}

const refKeyLen = 1 + 12 + 1 + 8 + 8 + 1 + 4

func refOfKey(k []byte) (bodyID, ref, bool) {
	if len(k) != refKeyLen {
		return bodyID{}, ref{}, false
	}
	r := ref{kind: refKind(k[13]), a: binary.BigEndian.Uint64(k[14:]), b: binary.BigEndian.Uint64(k[22:]),
		lane: Lane(k[30]), n: binary.BigEndian.Uint32(k[31:])}
	return bodyIDOf(k[1:]), r, true
}

func appendOpaqueKey(b []byte, kind byte, id opaqueID) []byte {
	b = binary.BigEndian.AppendUint64(append(b, kind), id.term)
	return binary.BigEndian.AppendUint64(b, id.counter)
}

func appendStageOpKey(b []byte, id opaqueID, n int) []byte {
	return binary.BigEndian.AppendUint32(appendOpaqueKey(b, keyStage, id), uint32(n))
}

func appendJobPosKey(b []byte, p JobPos) []byte {
	b = binary.BigEndian.AppendUint64(append(b, keyJobPos), uint64(p.Due))
	return binary.BigEndian.AppendUint64(b, uint64(p.ID))
}

func jobPosOfKey(k []byte) (JobPos, bool) {
	if len(k) != 17 {
		return JobPos{}, false
	}
	return JobPos{int64(binary.BigEndian.Uint64(k[1:])), JobID(binary.BigEndian.Uint64(k[9:]))}, true
}

func appendJobKey(b []byte, id JobID) []byte {
	return binary.BigEndian.AppendUint64(append(b, keyJob), uint64(id))
}

// after gives the first key behind all that begin with prefix.
func after(prefix []byte) []byte {
	b := append([]byte(nil), prefix...)
	for i := len(b) - 1; i >= 0; i-- {
		b[i]++
		if b[i] != 0 {
			return b[:i+1]
		}
	}
	return nil
}
