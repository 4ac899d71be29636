package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// aheadBatch is how many bytes of bodies go to the index in one batch.
const aheadBatch = 1 << 20

// flush writes one generation.
type flush struct {
	s      *Store
	ctx    context.Context
	ix     *index
	sl     *sealed
	live   map[bodyID]bool // shared bodies that the generation touched: held by somebody
	b      *pebble.Batch
	k, v   []byte           // scratch
	tabled map[QueueID]bool // queues whose bodies are in tables of their own
	err    error

	entry     []byte // data of the log's entry that was read last
	entryFrom uint64
}

// writeGeneration brings the index from the state before the generation to the
// state at its end: bodies first, then everything else in one batch with the
// log index, then a flush. The log is not cut before this returned nil.
func (s *Store) writeGeneration(ctx context.Context, ix *index, sl *sealed) error {
	f := &flush{s: s, ctx: ctx, ix: ix, sl: sl, live: make(map[bodyID]bool)}
	if err := f.decideShared(); err != nil {
		return err
	}
	if err := f.bodiesAhead(); err != nil {
		return fmt.Errorf("bodies: %w", err)
	}
	f.b = ix.db.NewBatch()
	for i := range sl.gen.deltas {
		if err := f.queue(i); err != nil {
			return errors.Join(fmt.Errorf("queue %d: %w", sl.gen.deltas[i].queue.id, err), f.b.Close())
		}
	}
	f.sharedRefs()
	f.producers()
	f.sentIDs()
	f.stages()
	f.uploads()
	if err := f.jobs(); err != nil {
		return errors.Join(err, f.b.Close())
	}
	f.del([]byte{keyAhead})
	f.v = sl.meta.append(f.v[:0])
	f.set([]byte{keyMeta}, f.v)
	if f.err != nil {
		return errors.Join(f.err, f.b.Close())
	}
	if err := ix.db.Apply(f.b, noSync); err != nil {
		return err
	}
	return s.flushIndex(ctx, ix)
}

// flushIndex waits until everything written is durable.
func (s *Store) flushIndex(ctx context.Context, ix *index) error {
	flushed, err := ix.db.AsyncFlush()
	if err != nil {
		return err
	}
	select {
	case <-flushed:
		return s.Failed()
	case <-s.failing:
		return s.Failed()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *flush) set(k, v []byte) {
	if f.err == nil {
		f.err = f.b.Set(k, v, nil)
	}
}

func (f *flush) del(k []byte) {
	if f.err == nil {
		f.err = f.b.Delete(k, nil)
	}
}

func (f *flush) delRange(lo, hi []byte) {
	if f.err == nil {
		f.err = f.b.DeleteRange(lo, hi, nil)
	}
}

// posKey builds a key in the scratch.
func (f *flush) posKey(q QueueID, part byte, p Pos) []byte {
	f.k = appendPosKey(f.k[:0], q, part, p)
	return f.k
}

// queue writes what the generation changed in one queue.
func (f *flush) queue(i int) error {
	d, rec := f.sl.gen.deltas[i], &f.sl.queues[i]
	id := d.queue.id
	if d.deleted {
		if !d.created {
			f.bury(id, rec.shared, ^Seq(0)>>1, d.first)
			f.del(appendQueueKey(nil, id))
		}
		return f.err
	}
	if d.purged && d.first > 1 {
		f.bury(id, rec.shared, d.first-1, d.first)
	}
	for j := range d.lanes {
		l := &d.lanes[j]
		if l.gone.n > 0 && !d.purged {
			if err := f.removed(id, l, d.first, rec); err != nil {
				return err
			}
		}
	}
	if err := f.counts(d); err != nil {
		return err
	}
	for j := range d.lanes {
		f.added(id, &d.lanes[j], rec)
	}
	f.v = rec.append(f.v[:0])
	f.set(appendQueueKey(nil, id), f.v)
	return f.err
}

// bury removes all of a queue that entered before first. Where entries may
// refer to shared bodies, a grave remembers that somebody has to look at them.
func (f *flush) bury(id QueueID, shared bool, upTo, first Seq) {
	if shared {
		f.v = binary.AppendUvarint(append(f.v[:0], recordVersion), uint64(upTo))
		f.set(appendGraveKey(nil, id), f.v)
	}
	for l := Lane(0); l < Lanes; l++ {
		if !shared {
			f.delRange(appendPosKey(nil, id, inEntries, Pos{l, 0}), appendPosKey(nil, id, inEntries, Pos{l, first}))
		}
		f.delRange(appendPosKey(nil, id, inBodies, Pos{l, 0}), appendPosKey(nil, id, inBodies, Pos{l, first}))
	}
}

// shortRun is the longest run of consumed messages that is deleted one by one.
const shortRun = 8

// removed deletes what was consumed in a lane: everything before the new head
// as one range, longer runs behind it as ranges, the rest one by one.
func (f *flush) removed(id QueueID, l *laneDelta, first Seq, rec *queueRecord) error {
	for int(l.lane) >= len(rec.heads) {
		rec.heads = append(rec.heads, 0)
	}
	old := max(rec.heads[l.lane], rec.purged+1)
	head, err := f.newHead(id, l, old, first)
	if err != nil {
		return err
	}
	rec.heads[l.lane] = head
	if head > old {
		f.deleteRun(id, l.lane, old, head-1)
	}
	return l.gone.runs(func(lo, hi Seq) error {
		lo = max(lo, head)
		if lo > hi {
			return f.err
		}
		if hi-lo >= shortRun {
			f.deleteRun(id, l.lane, lo, hi)
			return f.err
		}
		for seq := lo; seq <= hi; seq++ {
			f.del(f.posKey(id, inEntries, Pos{l.lane, seq}))
			f.del(f.posKey(id, inBodies, Pos{l.lane, seq}))
		}
		return f.err
	})
}

func (f *flush) deleteRun(id QueueID, l Lane, lo, hi Seq) {
	for _, part := range []byte{inEntries, inBodies} {
		f.delRange(appendPosKey(nil, id, part, Pos{l, lo}), appendPosKey(nil, id, part, Pos{l, hi + 1}))
	}
}

// newHead finds the first message of a lane that is still there, among those
// that entered before first.
func (f *flush) newHead(id QueueID, l *laneDelta, old, first Seq) (Seq, error) {
	it, err := f.ix.db.NewIter(&pebble.IterOptions{
		LowerBound: appendPosKey(nil, id, inEntries, Pos{l.lane, old}),
		UpperBound: appendPosKey(nil, id, inEntries, Pos{l.lane, first}),
	})
	if err != nil {
		return 0, err
	}
	head := first
	for ok := it.First(); ok; {
		_, p, good := posOfKey(it.Key())
		if !good {
			return 0, errors.Join(fmt.Errorf("%w: entry key %x", ErrCorrupt, it.Key()), it.Close())
		}
		if !l.gone.has(p.Seq) {
			head = p.Seq
			break
		}
		if next := l.gone.next(p.Seq); next > p.Seq+shortRun {
			ok = it.SeekGE(appendPosKey(nil, id, inEntries, Pos{l.lane, next}))
		} else {
			ok = it.Next()
		}
	}
	return head, errors.Join(it.Error(), it.Close())
}

// counts rewrites the entries whose count changed.
func (f *flush) counts(d *delta) error {
	for p, n := range d.counts {
		e, err := f.ix.entry(d.queue.id, p)
		if err != nil {
			return fmt.Errorf("count of message %s: %w", p, err)
		}
		e.count = n
		f.v = e.append(f.v[:0])
		f.set(f.posKey(d.queue.id, inEntries, p), f.v)
	}
	return f.err
}

func (f *flush) added(id QueueID, l *laneDelta, rec *queueRecord) {
	l.added.from(0, func(e *entry) bool {
		r := entryRecord{index: e.index, count: e.count, size: e.size, header: e.header()}
		if e.state&entryShared != 0 {
			r.shared, r.body, rec.shared = true, e.body, true
		}
		f.v = r.append(f.v[:0])
		f.set(f.posKey(id, inEntries, Pos{l.lane, e.seq}), f.v)
		return f.err == nil
	})
}

func (f *flush) producers() {
	for i := range f.sl.windows {
		w := &f.sl.windows[i]
		f.v = w.append(f.v[:0])
		f.set(append([]byte{keyWindow}, w.name...), f.v)
	}
	for _, name := range f.sl.evicted {
		f.del(append([]byte{keyWindow}, name...))
	}
}

func (f *flush) stages() {
	for i := range f.sl.stages {
		st := &f.sl.stages[i]
		if st.wipe {
			k := appendOpaqueKey(nil, keyStage, st.id)
			f.delRange(k, after(k))
		}
		if !st.alive {
			continue
		}
		f.v = appendStageHead(f.v[:0], st.pieces, uint64(len(st.ops)), st.prepared)
		f.set(appendOpaqueKey(nil, keyStage, st.id), f.v)
		for n := st.from; n < len(st.ops); n++ {
			f.v = st.ops[n].append(f.v[:0])
			f.set(appendStageOpKey(nil, st.id, n), f.v)
		}
	}
}

func (f *flush) uploads() {
	for id, u := range f.sl.uploads {
		k := appendOpaqueKey(nil, keyUpload, id)
		if u.parts == 0 {
			f.del(k)
			continue
		}
		f.v = u.append(f.v[:0])
		f.set(k, f.v)
	}
}
