package store

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/quorate/quorate/wal"
)

// recordVersion is the first byte of every value in the index but bodies.
const recordVersion = 1

func (r *reader) version() { r.versionUpTo(recordVersion) }

// versionUpTo reads the version of a record whose kind has several: a later one
// is written only where an earlier one cannot say what there is to say.
func (r *reader) versionUpTo(last byte) byte {
	v := r.byte()
	if r.err == nil && (v == 0 || v > last) {
		r.err = fmt.Errorf("record: %w: version %d, this one knows %d", ErrVersion, v, last)
		r.b = nil
	}
	return v
}

// entryRecord is the value of an entry:
//
//	version:1 flags:1 index count size [body index, offset if shared] header
type entryRecord struct {
	index  wal.Index
	count  uint32
	size   uint32
	shared bool
	body   bodyID // of a shared one
	header []byte
}

func (e *entryRecord) append(b []byte) []byte {
	b = append(b, recordVersion, bit(e.shared))
	b = binary.AppendUvarint(b, uint64(e.index))
	b = binary.AppendUvarint(b, uint64(e.count))
	b = binary.AppendUvarint(b, uint64(e.size))
	if e.shared {
		b = binary.AppendUvarint(b, uint64(e.body.index))
		b = binary.AppendUvarint(b, uint64(e.body.offset))
	}
	return append(b, e.header...)
}

// decodeEntry reads an entry; its header points into b.
func decodeEntry(b []byte) (entryRecord, error) {
	r := reader{b: b}
	r.version()
	e := entryRecord{shared: r.bool()}
	e.index, e.count, e.size = wal.Index(r.uvarint()), r.uint32(), r.uint32()
	if e.shared {
		e.body = bodyID{wal.Index(r.uvarint()), r.uint32()}
	}
	e.header = r.b
	return e, r.err
}

func (r *reader) uint32() uint32 {
	v := r.uvarint()
	if v > 1<<32-1 {
		r.fail("number %d", v)
	}
	return uint32(v)
}

// metaRecord is what the index holds besides queues, producers, stages and
// uploads. It is written with each generation, in one batch with it.
type metaRecord struct {
	applied    wal.Index
	term       uint64
	membership []byte
	reign      reign
	lastQueue  QueueID
	clock      uint64 // of the producers
	limit      uint64
	jobs       jobCounters
	ids        idCounters
}

// jobCounters are what the state has of jobs in all.
type jobCounters struct {
	lastJob  JobID
	jobs     uint64
	jobBytes uint64 // specs, headers and bodies
}

// append encodes the record. Version 2 ends with the counters of jobs and of ids;
// it is written when there was one, or another limit than the first.
func (m *metaRecord) append(b []byte) []byte {
	version := byte(recordVersion)
	if m.jobs.lastJob != 0 || m.ids != (idCounters{limit: defaultSentIDs}) {
		version = 2
	}
	b = append(b, version)
	for _, v := range []uint64{uint64(m.applied), m.term, uint64(m.reign.index), m.reign.term, m.reign.node,
		uint64(m.reign.wall), uint64(m.lastQueue), m.clock, m.limit, uint64(len(m.membership))} {
		b = binary.AppendUvarint(b, v)
	}
	b = append(b, m.membership...)
	if version == 2 {
		for _, v := range []uint64{uint64(m.jobs.lastJob), m.jobs.jobs, m.jobs.jobBytes, m.ids.first, m.ids.next, m.ids.limit} {
			b = binary.AppendUvarint(b, v)
		}
	}
	return b
}

func decodeMeta(b []byte) (metaRecord, error) {
	r := reader{b: b}
	version := r.versionUpTo(2)
	m := metaRecord{applied: wal.Index(r.uvarint()), term: r.uvarint(), ids: idCounters{limit: defaultSentIDs}}
	m.reign = reign{wal.Index(r.uvarint()), r.uvarint(), r.uvarint(), int64(r.uvarint())}
	m.lastQueue, m.clock, m.limit = QueueID(r.uvarint()), r.uvarint(), r.uvarint()
	if n := r.uvarint(); n > 0 {
		m.membership = slices.Clone(r.take(n))
	}
	if version == 2 {
		m.jobs = jobCounters{JobID(r.uvarint()), r.uvarint(), r.uvarint()}
		m.ids = idCounters{r.uvarint(), r.uvarint(), r.uvarint()}
	}
	return m, r.end()
}

// queueRecord is a queue at the state of the index.
type queueRecord struct {
	kind   Kind
	name   string
	sub    *Subscription
	next   Seq
	purged Seq
	depth  uint64
	bytes  uint64
	shared bool
	heads  []Seq
	paused bool
}

// append encodes the record; version 2, of a paused queue, has one more flag.
func (q *queueRecord) append(b []byte) []byte {
	if q.paused {
		b = append(b, 2, byte(q.kind), bit(q.shared)|queuePaused)
	} else {
		b = append(b, recordVersion, byte(q.kind), bit(q.shared))
	}
	b = append(binary.AppendUvarint(b, uint64(len(q.name))), q.name...)
	if q.kind == KindSubscription {
		b = appendSubscription(b, q.sub)
	}
	for _, v := range []uint64{uint64(q.next), uint64(q.purged), q.depth, q.bytes, uint64(len(q.heads))} {
		b = binary.AppendUvarint(b, v)
	}
	for _, h := range q.heads {
		b = binary.AppendUvarint(b, uint64(h))
	}
	return b
}

const queuePaused = 2

func decodeQueue(b []byte) (queueRecord, error) {
	r := reader{b: b}
	version := r.versionUpTo(2)
	q := queueRecord{kind: Kind(r.byte())}
	flags := r.byte()
	if flags > 1 && (version < 2 || flags > queuePaused|1) {
		r.fail("flags %d", flags)
	}
	q.shared, q.paused = flags&1 != 0, flags&queuePaused != 0
	q.name = r.string(MaxName)
	switch q.kind {
	case KindQueue:
	case KindSubscription:
		q.sub = decodeSubscription(&r)
	default:
		r.fail("queue of kind %d", q.kind)
	}
	q.next, q.purged = Seq(r.uvarint()), Seq(r.uvarint())
	q.depth, q.bytes = r.uvarint(), r.uvarint()
	n := r.uvarint()
	if n > Lanes {
		r.fail("%d heads", n)
	}
	for i := uint64(0); i < n && r.err == nil; i++ {
		q.heads = append(q.heads, Seq(r.uvarint()))
	}
	return q, r.end()
}

func (u *uploadState) append(b []byte) []byte {
	b = append(b, recordVersion)
	for _, v := range []uint64{uint64(u.body.index), uint64(u.body.offset), uint64(u.parts), u.size} {
		b = binary.AppendUvarint(b, v)
	}
	return b
}

func decodeUpload(b []byte) (uploadState, error) {
	r := reader{b: b}
	r.version()
	u := uploadState{body: bodyID{wal.Index(r.uvarint()), r.uint32()}, parts: r.uint32(), size: r.uvarint()}
	return u, r.end()
}

// appendStageHead encodes what a stage has besides its operations.
func appendStageHead(b []byte, pieces, ops uint64, prepared bool) []byte {
	b = append(b, recordVersion, bit(prepared))
	return binary.AppendUvarint(binary.AppendUvarint(b, pieces), ops)
}

func decodeStageHead(b []byte) (pieces, ops uint64, prepared bool, err error) {
	r := reader{b: b}
	r.version()
	prepared = r.bool()
	pieces, ops = r.uvarint(), r.uvarint()
	return pieces, ops, prepared, r.end()
}

// appendAhead encodes the queues that bodies were written for before the meta
// record covers them.
func appendAhead(b []byte, queues []QueueID) []byte {
	b = append(b, recordVersion)
	b = binary.AppendUvarint(b, uint64(len(queues)))
	for _, q := range queues {
		b = binary.AppendUvarint(b, uint64(q))
	}
	return b
}

func decodeAhead(b []byte) ([]QueueID, error) {
	r := reader{b: b}
	r.version()
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.fail("%d queues", n)
		return nil, r.err
	}
	queues := make([]QueueID, n)
	for i := range queues {
		queues[i] = QueueID(r.uvarint())
	}
	return queues, r.end()
}
