package store

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"maps"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/quorate/quorate/wal"
)

// Digest gives a sum over the logical state at one index: queues, their
// messages with counts, headers and bodies, jobs, producers, what is staged and
// uploaded, the reign. It is the same on every node that applied the same
// entries, whatever its generations were. The membership is not part of it. It
// closes the generation and reads everything that is pending.
func (s *Store) Digest() (at wal.Index, sum [sha256.Size]byte, err error) {
	var snap *pebble.Snapshot
	var ix *index
	meta, err := s.atState(func(i *index, _ metaRecord) error {
		i.users.Add(1)
		ix, snap = i, i.db.NewSnapshot()
		return nil
	})
	if err != nil {
		return 0, sum, fmt.Errorf("digest: %w", err)
	}
	defer ix.users.Done()
	d := digester{r: snap, h: sha256.New()}
	err = errors.Join(d.run(), snap.Close())
	if err != nil {
		return 0, sum, fmt.Errorf("digest: %w", err)
	}
	return meta.applied, [sha256.Size]byte(d.h.Sum(nil)), nil
}

type digester struct {
	r pebble.Reader
	h hash.Hash
	b []byte
}

func (d *digester) numbers(v ...uint64) {
	d.b = d.b[:0]
	for _, n := range v {
		d.b = binary.BigEndian.AppendUint64(d.b, n)
	}
	d.h.Write(d.b)
}

func (d *digester) bytes(b []byte) {
	d.numbers(uint64(len(b)))
	d.h.Write(b)
}

func (d *digester) run() error {
	st, err := readState(d.r)
	if err != nil {
		return err
	}
	d.numbers(uint64(st.applied), st.term, uint64(st.reign.index), st.reign.term, st.reign.node, uint64(st.reign.wall),
		uint64(st.lastQueue), st.producers.clock, st.producers.limit,
		uint64(st.lastJob), st.jobs, st.jobBytes, st.sentIDs.first, st.sentIDs.next, st.sentIDs.limit)
	for _, id := range slices.Sorted(maps.Keys(st.queues)) {
		if err := d.queue(st.queues[id]); err != nil {
			return fmt.Errorf("queue %d: %w", id, err)
		}
	}
	for w := st.producers.newest; w != nil; w = w.older {
		d.bytes([]byte(w.name))
		d.bytes(w.append(nil))
	}
	for _, id := range st.sentIDs.order {
		d.bytes([]byte(id))
	}
	if err := d.stages(st.stages); err != nil {
		return err
	}
	if err := d.uploads(st.uploads); err != nil {
		return err
	}
	return d.jobs()
}

func (d *digester) jobs() error {
	return scan(d.r, []byte{keyJobPos}, []byte{keyJobPos + 1}, func(k, v []byte) error {
		p, ok := jobPosOfKey(k)
		if !ok {
			return fmt.Errorf("%w: job key %x", ErrCorrupt, k)
		}
		j, err := decodeJob(p, v)
		if err != nil {
			return err
		}
		d.numbers(uint64(j.Due), uint64(j.ID), uint64(j.Index), uint64(j.BodySize))
		d.bytes(j.Spec)
		d.bytes(j.Header)
		return d.shared(j.body, uint64(j.BodySize))
	})
}

func (d *digester) queue(q *queue) error {
	rec := queueRecord{kind: q.kind, name: q.name, sub: q.sub, next: q.next, depth: q.depth, bytes: q.bytes, paused: q.paused}
	d.numbers(uint64(q.id))
	d.bytes(rec.append(nil))
	lo, hi := partRange(q.id, inEntries)
	return scan(d.r, lo, hi, func(k, v []byte) error {
		_, p, ok := posOfKey(k)
		if !ok {
			return fmt.Errorf("%w: entry key %x", ErrCorrupt, k)
		}
		if p.Seq <= q.purged {
			return nil
		}
		e, err := decodeEntry(v)
		if err != nil {
			return err
		}
		d.numbers(uint64(p.Lane), uint64(p.Seq), uint64(e.index), uint64(e.count), uint64(e.size))
		d.bytes(e.header)
		if e.size == 0 {
			return nil
		}
		if e.shared {
			return d.shared(e.body, uint64(e.size))
		}
		return d.value(appendPosKey(nil, q.id, inBodies, p))
	})
}

// value adds one value; that it is missing is an error.
func (d *digester) value(k []byte) error {
	v, c, err := d.r.Get(k)
	if err != nil {
		return fmt.Errorf("%w: key %x: %w", ErrCorrupt, k, err)
	}
	d.h.Write(v)
	return c.Close()
}

// shared adds the bytes of a shared body, chunk after chunk.
func (d *digester) shared(id bodyID, size uint64) error {
	if size == 0 {
		return nil
	}
	lo := appendBodyID([]byte{keyChunk}, id)
	var n uint64
	err := scan(d.r, lo, after(lo), func(_, v []byte) error {
		n += uint64(len(v))
		d.h.Write(v)
		return nil
	})
	if err == nil && n != size {
		err = fmt.Errorf("%w: shared body %d/%d has %d of %d bytes", ErrCorrupt, id.index, id.offset, n, size)
	}
	return err
}

func (d *digester) stages(all map[opaqueID]*stage) error {
	for _, id := range slices.SortedFunc(maps.Keys(all), opaqueID.compare) {
		st := all[id]
		d.numbers(id.term, id.counter, st.pieces, uint64(len(st.ops)), uint64(bit(st.prepared)))
		for i := range st.ops {
			so := &st.ops[i]
			d.bytes(so.append(nil))
			if so.hasBody() && !so.noBody {
				if err := d.shared(so.src, so.size); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (d *digester) uploads(all map[opaqueID]uploadState) error {
	for _, id := range slices.SortedFunc(maps.Keys(all), opaqueID.compare) {
		u := all[id]
		d.numbers(id.term, id.counter, uint64(u.parts))
		if err := d.shared(u.body, u.size); err != nil {
			return err
		}
	}
	return nil
}

func (id opaqueID) compare(o opaqueID) int {
	return cmp.Or(cmp.Compare(id.term, o.term), cmp.Compare(id.counter, o.counter))
}
