package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// recover reads the state that the index holds, contents of queues excepted,
// after it threw away what a crash left ahead of it.
func (ix *index) recover() (state, error) {
	st, err := readState(ix.db)
	if err != nil {
		return st, fmt.Errorf("recover: %w", err)
	}
	if err := ix.cutAhead(&st); err != nil {
		return st, fmt.Errorf("recover: %w", err)
	}
	return st, nil
}

// readState reads everything whose size does not depend on the backlog.
func readState(r pebble.Reader) (state, error) {
	st := newState()
	if err := readMeta(r, &st); err != nil {
		return st, err
	}
	for _, f := range []func(pebble.Reader, *state) error{readQueues, readWindows, readStages, readUploads, readSentIDs} {
		if err := f(r, &st); err != nil {
			return st, err
		}
	}
	return st, nil
}

func readMeta(r pebble.Reader, st *state) error {
	v, c, err := r.Get([]byte{keyMeta})
	if errors.Is(err, pebble.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	m, err := decodeMeta(v)
	if err = errors.Join(err, c.Close()); err != nil {
		return fmt.Errorf("meta: %w", err)
	}
	st.applied, st.term, st.membership = m.applied, m.term, m.membership
	st.reign, st.lastQueue = m.reign, m.lastQueue
	st.producers.clock, st.producers.limit = m.clock, m.limit
	st.jobCounters = m.jobs
	st.sentIDs.idCounters = m.ids
	return nil
}

func readQueues(r pebble.Reader, st *state) error {
	return scan(r, []byte{keyQueue}, []byte{keyQueue + 1}, func(k, v []byte) error {
		if len(k) != 9 {
			return fmt.Errorf("%w: queue key of %d bytes", ErrCorrupt, len(k))
		}
		rec, err := decodeQueue(v)
		if err != nil {
			return fmt.Errorf("queue: %w", err)
		}
		q := &queue{
			id: QueueID(binary.BigEndian.Uint64(k[1:])), kind: rec.kind, name: rec.name, sub: rec.sub,
			next: rec.next, purged: rec.purged, depth: rec.depth, bytes: rec.bytes, shared: rec.shared,
			flushed: rec.next - 1, indexDepth: rec.depth, heads: rec.heads, paused: rec.paused,
		}
		st.queues[q.id] = q
		st.byName[queueName{q.kind, q.name}] = q.id
		return nil
	})
}

func readWindows(r pebble.Reader, st *state) error {
	var all []*window
	err := scan(r, []byte{keyWindow}, []byte{keyWindow + 1}, func(k, v []byte) error {
		w, err := decodeWindow(string(k[1:]), v)
		if err != nil {
			return fmt.Errorf("producer %q: %w", k[1:], err)
		}
		all = append(all, w)
		return nil
	})
	slices.SortFunc(all, func(a, b *window) int {
		if a.use < b.use {
			return -1
		}
		return 1
	})
	for _, w := range all {
		st.producers.byName[w.name] = w
		st.producers.push(w)
	}
	return err
}

func readStages(r pebble.Reader, st *state) error {
	var cur *stage
	var want uint64
	check := func() error {
		if cur != nil && uint64(len(cur.ops)) != want {
			return fmt.Errorf("%w: transaction %s has %d of %d operations", ErrCorrupt, cur.id, len(cur.ops), want)
		}
		return nil
	}
	err := scan(r, []byte{keyStage}, []byte{keyStage + 1}, func(k, v []byte) error {
		if len(k) == 17 {
			if err := check(); err != nil {
				return err
			}
			cur = &stage{id: opaqueID{binary.BigEndian.Uint64(k[1:]), binary.BigEndian.Uint64(k[9:])}}
			var err error
			cur.pieces, want, cur.prepared, err = decodeStageHead(v)
			st.stages[cur.id] = cur
			return err
		}
		if cur == nil {
			return fmt.Errorf("%w: a staged operation without a transaction", ErrCorrupt)
		}
		so, err := decodeStaged(v)
		cur.ops = append(cur.ops, so)
		return err
	})
	if err != nil {
		return fmt.Errorf("staged: %w", err)
	}
	return check()
}

func readUploads(r pebble.Reader, st *state) error {
	return scan(r, []byte{keyUpload}, []byte{keyUpload + 1}, func(k, v []byte) error {
		if len(k) != 17 {
			return fmt.Errorf("%w: upload key of %d bytes", ErrCorrupt, len(k))
		}
		u, err := decodeUpload(v)
		if err != nil {
			return fmt.Errorf("upload: %w", err)
		}
		st.uploads[opaqueID{binary.BigEndian.Uint64(k[1:]), binary.BigEndian.Uint64(k[9:])}] = u
		return nil
	})
}

// cutAhead removes bodies of a generation that did not get to its end. The log
// brings them again, but perhaps folded differently: some never come back, and
// nobody would ever remove them.
func (ix *index) cutAhead(st *state) error {
	v, err := ix.get([]byte{keyAhead})
	if errors.Is(err, pebble.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	queues, err := decodeAhead(v)
	if err != nil {
		return fmt.Errorf("bodies ahead: %w", err)
	}
	b := ix.db.NewBatch()
	cut := func(lo, hi []byte) { err = errors.Join(err, b.DeleteRange(lo, hi, nil)) }
	for _, id := range queues {
		q := st.queues[id]
		if q == nil {
			continue
		}
		for l := Lane(0); l < Lanes; l++ {
			cut(appendPosKey(nil, id, inBodies, Pos{l, q.next}), appendPosKey(nil, id, inBodies, Pos{l + 1, 0}))
		}
	}
	lo, _ := partRange(st.lastQueue+1, inBodies)
	cut(lo, []byte{inBodies + 1})
	cut(appendChunkKey(nil, bodyID{index: st.applied + 1}, 0), []byte{keyChunk + 1})
	for _, u := range st.uploads {
		cut(appendChunkKey(nil, u.body, u.parts), after(appendBodyID([]byte{keyChunk}, u.body)))
	}
	err = errors.Join(err, b.Delete([]byte{keyAhead}, nil))
	if err != nil {
		return err
	}
	return ix.db.Apply(b, noSync)
}
