package store

import (
	"errors"
	"fmt"
)

// decideShared finds out which of the shared bodies that the generation touched
// are still held by somebody at its end.
func (f *flush) decideShared() error {
	for id, b := range f.sl.gen.shared {
		refs := make(map[ref]struct{})
		if !b.born {
			if err := f.ix.refs(id, func(r ref) bool { refs[r] = struct{}{}; return true }); err != nil {
				return err
			}
		}
		for _, c := range b.refs {
			if c.add {
				refs[c.ref] = struct{}{}
			} else {
				delete(refs, c.ref)
			}
		}
		f.live[id] = len(refs) > 0
	}
	return nil
}

// refs calls fn for each reference to a shared body, until it says false.
func (ix *index) refs(id bodyID, fn func(ref) bool) error {
	lo := appendRefPrefix(nil, id)
	err := scan(ix.db, lo, after(lo), func(k, _ []byte) error {
		_, r, ok := refOfKey(k)
		if !ok {
			return fmt.Errorf("%w: reference key %x", ErrCorrupt, k)
		}
		if !fn(r) {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// sharedRefs writes the changes of references, and deletes bodies that lost
// the last one.
func (f *flush) sharedRefs() {
	for id, b := range f.sl.gen.shared {
		for _, c := range b.refs {
			f.k = appendRefKey(f.k[:0], id, c.ref)
			if c.add {
				f.set(f.k, nil)
			} else {
				f.del(f.k)
			}
		}
		if !f.live[id] && !b.born {
			f.k = appendBodyID(append(f.k[:0], keyChunk), id)
			f.delRange(f.k, after(f.k))
		}
	}
}

// bodiesAhead writes the bodies of what the generation leaves pending.
func (f *flush) bodiesAhead() error {
	if err := f.tablesAhead(); err != nil {
		return err
	}
	f.b = f.ix.db.NewBatch()
	f.set([]byte{keyAhead}, f.ahead())
	set := func(k, v []byte) error {
		f.set(k, v)
		return f.push(aheadBatch)
	}
	for _, d := range f.sl.gen.deltas {
		if d.deleted || f.tabled[d.queue.id] {
			continue
		}
		for i := range d.lanes {
			if err := f.ownBodies(d.queue.id, &d.lanes[i], set); err != nil {
				return err
			}
		}
	}
	for id, b := range f.sl.gen.shared {
		if !f.live[id] {
			continue
		}
		for n, c := range b.chunks {
			data, err := f.bytes(c.data, c.at, c.size)
			if err != nil {
				return err
			}
			f.set(appendChunkKey(nil, id, n), data)
			if err := f.push(aheadBatch); err != nil {
				return err
			}
		}
	}
	return f.push(0)
}

// ahead names the queues that bodies are written for, for the case that the
// generation does not get to its end.
func (f *flush) ahead() []byte {
	var queues []QueueID
	for _, d := range f.sl.gen.deltas {
		if !d.deleted && !d.created {
			queues = append(queues, d.queue.id)
		}
	}
	return appendAhead(nil, queues)
}

// ownBodies hands the bodies of a lane to set, in the order of their keys.
func (f *flush) ownBodies(id QueueID, l *laneDelta, set func(k, v []byte) error) error {
	var err error
	l.added.from(0, func(e *entry) bool {
		if e.size == 0 || e.state&entryShared != 0 {
			return true
		}
		var data []byte
		if e.state&entryMemory != 0 {
			data = e.data[e.hlen:]
		}
		if data, err = f.bytes(data, e.body, e.size); err != nil {
			return false
		}
		err = set(f.posKey(id, inBodies, Pos{l.lane, e.seq}), data)
		return err == nil
	})
	return err
}

// push hands the batch to the index if it has at least min bytes.
func (f *flush) push(min int) error {
	if f.err != nil {
		return f.err
	}
	if f.b.Len() < min {
		return nil
	}
	if err := f.ctx.Err(); err != nil {
		return err
	}
	if err := f.ix.db.Apply(f.b, noSync); err != nil {
		return err
	}
	f.b = f.ix.db.NewBatch()
	return nil
}

// bytes gives a body or a part: from memory, else from the log.
func (f *flush) bytes(data []byte, at bodyID, size uint32) ([]byte, error) {
	if data != nil {
		return data, nil
	}
	if f.entryFrom != uint64(at.index) {
		var err error
		if f.entry, err = f.s.entry(at.index); err != nil {
			return nil, fmt.Errorf("read entry %d of the log: %w", at.index, err)
		}
		f.entryFrom = uint64(at.index)
	}
	return slice(f.entry, at, size)
}

// slice gives the bytes of a body in the data of its entry.
func slice(entry []byte, at bodyID, size uint32) ([]byte, error) {
	lo, hi := uint64(at.offset), uint64(at.offset)+uint64(size)
	if hi > uint64(len(entry)) {
		return nil, fmt.Errorf("%w: body at %d+%d of entry %d, which has %d bytes", ErrCorrupt, lo, size, at.index, len(entry))
	}
	return entry[lo:hi:hi], nil
}
