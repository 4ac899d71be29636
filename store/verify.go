package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Verify reads the store in dir, which must not be open, and writes what it
// finds to w, a line each, and a summary. Every block of the index is read and
// its checksum checked; depths, sizes, bodies and references are compared. It
// changes nothing. Any finding gives ErrCorrupt.
func Verify(fs vfs.FS, dir string, w io.Writer) error {
	ix, err := openReadOnly(fs, dir)
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	return errors.Join(verifyIndex(ix.db, w), ix.close())
}

func openReadOnly(fs vfs.FS, dir string) (*index, error) {
	name, err := readCurrent(fs, dir)
	if isNotExist(err) {
		return nil, fmt.Errorf("%s is no store: %w", dir, err)
	}
	if err != nil {
		return nil, err
	}
	o := Options{FS: fs}.withDefaults()
	ix := &index{died: make(chan struct{})}
	po := indexOptions(fs, o, &pebbleLogger{log: o.Logger, fail: func(error) {}, died: ix.died})
	po.ReadOnly = true
	if err := ix.open(fs.PathJoin(dir, name), po); err != nil {
		return nil, err
	}
	return ix, nil
}

// verify checks everything and says whether something is wrong.
func (ix *index) verify() error { return verifyIndex(ix.db, io.Discard) }

func verifyIndex(db pebble.Reader, w io.Writer) error {
	st, err := readState(db)
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	v := verifier{db: db, w: w, st: &st, graves: make(map[QueueID]Seq)}
	for _, f := range []func() error{v.readGraves, v.queues, v.strays, v.jobs, v.refs, v.chunks} {
		if err := f(); err != nil {
			return fmt.Errorf("verify: %w", err)
		}
	}
	fmt.Fprintf(w, "applied %d, term %d: %d queues, %d messages, %d bytes, %d jobs, %d producers, %d staged, %d uploads\n",
		st.applied, st.term, len(st.queues), v.messages, v.bytes, st.jobs, len(st.producers.byName), len(st.stages), len(st.uploads))
	if v.findings > 0 {
		return fmt.Errorf("%w: %d findings", ErrCorrupt, v.findings)
	}
	return nil
}

type verifier struct {
	db       pebble.Reader
	w        io.Writer
	st       *state
	graves   map[QueueID]Seq
	findings int
	messages uint64
	bytes    uint64
}

func (v *verifier) report(format string, args ...any) {
	v.findings++
	fmt.Fprintf(v.w, format+"\n", args...)
}

func (v *verifier) readGraves() error {
	return scan(v.db, []byte{keyGrave}, []byte{keyGrave + 1}, func(k, val []byte) error {
		r := reader{b: val}
		r.version()
		upTo := Seq(r.uvarint())
		if len(k) != 9 || r.end() != nil {
			v.report("grave %x: malformed", k)
			return nil
		}
		v.graves[QueueID(binary.BigEndian.Uint64(k[1:]))] = upTo
		return nil
	})
}

// queues compares each queue's record with its messages.
func (v *verifier) queues() error {
	for id, q := range v.st.queues {
		if q.id > v.st.lastQueue {
			v.report("queue %d %q: ids were given up to %d only", id, q.name, v.st.lastQueue)
		}
		depth, bytes, err := v.entries(q)
		if err != nil {
			return err
		}
		if depth != q.depth || bytes != q.bytes {
			v.report("queue %d %q: %d messages and %d bytes, %d and %d are counted", id, q.name, depth, bytes, q.depth, q.bytes)
		}
		v.messages += depth
		v.bytes += bytes
	}
	return nil
}

func (v *verifier) entries(q *queue) (depth, bytes uint64, err error) {
	lo, hi := partRange(q.id, inBodies)
	bodies, err := v.db.NewIter(&pebble.IterOptions{LowerBound: lo, UpperBound: hi})
	if err != nil {
		return 0, 0, err
	}
	bodies.First()
	lo, hi = partRange(q.id, inEntries)
	err = scan(v.db, lo, hi, func(k, val []byte) error {
		_, p, ok := posOfKey(k)
		e, derr := decodeEntry(val)
		switch {
		case !ok || derr != nil:
			v.report("queue %d: entry %x: %v", q.id, k, derr)
			return nil
		case p.Seq <= q.purged:
			if p.Seq > v.graves[q.id] {
				v.report("queue %d: message %s was purged and is not in a grave", q.id, p)
			}
			return nil
		case p.Seq >= q.next:
			v.report("queue %d: message %s, the next is %d", q.id, p, q.next)
		case p.Seq < q.head(p.Lane):
			v.report("queue %d: message %s before the head %d", q.id, p, q.head(p.Lane))
		}
		depth++
		bytes += uint64(len(e.header)) + uint64(e.size)
		if e.size == 0 {
			return nil
		}
		if e.shared {
			return v.sharedEntry(q.id, p, &e)
		}
		return v.ownBody(q.id, p, &e, bodies)
	})
	return depth, bytes, errors.Join(err, bodies.Close())
}

// ownBody checks that the body of an entry is there. The iterator over bodies
// follows the entries; bodies without one wait for a range deletion.
func (v *verifier) ownBody(id QueueID, p Pos, e *entryRecord, bodies *pebble.Iterator) error {
	k := appendPosKey(nil, id, inBodies, p)
	for bodies.Valid() && string(bodies.Key()) < string(k) {
		bodies.Next()
	}
	if !bodies.Valid() || string(bodies.Key()) != string(k) {
		v.report("queue %d: message %s has no body of %d bytes", id, p, e.size)
		return bodies.Error()
	}
	b, err := bodies.ValueAndErr()
	if err == nil && len(b) != int(e.size) {
		v.report("queue %d: message %s has a body of %d bytes, not %d", id, p, len(b), e.size)
	}
	return err
}

func (v *verifier) sharedEntry(id QueueID, p Pos, e *entryRecord) error {
	if !v.st.queues[id].shared {
		v.report("queue %d: message %s has a shared body, the queue does not know", id, p)
	}
	_, c, err := v.db.Get(appendRefKey(nil, e.body, queueRef(id, p)))
	if errors.Is(err, pebble.ErrNotFound) {
		v.report("queue %d: message %s does not hold its body %d/%d", id, p, e.body.index, e.body.offset)
		return nil
	}
	if err != nil {
		return err
	}
	if err := c.Close(); err != nil {
		return err
	}
	return v.sharedSize(e.body, uint64(e.size))
}

func (v *verifier) sharedSize(id bodyID, size uint64) error {
	lo := appendBodyID([]byte{keyChunk}, id)
	var n uint64
	err := scan(v.db, lo, after(lo), func(_, b []byte) error { n += uint64(len(b)); return nil })
	if err == nil && n != size {
		v.report("body %d/%d has %d bytes, not %d", id.index, id.offset, n, size)
	}
	return err
}

// uploadSize checks an upload; parts behind those it counts were written ahead.
func (v *verifier) uploadSize(u uploadState) error {
	var n uint64
	err := scan(v.db, appendChunkKey(nil, u.body, 0), appendChunkKey(nil, u.body, u.parts),
		func(_, b []byte) error { n += uint64(len(b)); return nil })
	if err == nil && n != u.size {
		v.report("upload at %d/%d has %d bytes, not %d", u.body.index, u.body.offset, n, u.size)
	}
	return err
}

// strays finds entries and bodies of queues that do not exist.
func (v *verifier) strays() error {
	return errors.Join(v.straysIn(inEntries), v.straysIn(inBodies))
}

func (v *verifier) straysIn(part byte) error {
	it, err := v.db.NewIter(&pebble.IterOptions{LowerBound: []byte{part}, UpperBound: []byte{part + 1}})
	if err != nil {
		return err
	}
	for ok := it.First(); ok; {
		k := it.Key()
		if len(k) != posKeyLen {
			v.report("key %x: malformed", k)
			ok = it.Next()
			continue
		}
		id := QueueID(binary.BigEndian.Uint64(k[1:]))
		_, grave := v.graves[id]
		if v.st.queues[id] == nil && !grave && id <= v.st.lastQueue {
			v.report("queue %d does not exist and has messages", id)
		}
		_, hi := partRange(id, part)
		ok = it.SeekGE(hi)
	}
	return errors.Join(it.Error(), it.Close())
}

// refs checks that every reference is somebody's.
func (v *verifier) refs() error {
	return scan(v.db, []byte{keyRef}, []byte{keyRef + 1}, func(k, _ []byte) error {
		id, r, ok := refOfKey(k)
		if !ok {
			v.report("reference %x: malformed", k)
			return nil
		}
		switch r.kind {
		case refQueue:
			return v.queueRef(id, r)
		case refUpload:
			if u, ok := v.st.uploads[opaqueID{r.a, r.b}]; !ok || u.body != id {
				v.report("body %d/%d is held by upload %d.%d, which is gone", id.index, id.offset, r.a, r.b)
			} else {
				return v.uploadSize(u)
			}
		case refStage:
			st := v.st.stages[opaqueID{r.a, r.b}]
			if st == nil || int(r.n) >= len(st.ops) || st.ops[r.n].src != id {
				v.report("body %d/%d is held by transaction %d.%d, which is gone", id.index, id.offset, r.a, r.b)
			} else {
				return v.sharedSize(id, st.ops[r.n].size)
			}
		case refJob:
			return v.jobRef(id, r)
		default:
			v.report("reference %x: unknown kind", k)
		}
		return nil
	})
}

func (v *verifier) queueRef(id bodyID, r ref) error {
	q, p := QueueID(r.a), Pos{r.lane, Seq(r.b)}
	b, c, err := v.db.Get(appendPosKey(nil, q, inEntries, p))
	if errors.Is(err, pebble.ErrNotFound) {
		v.report("body %d/%d is held by message %s of queue %d, which is gone", id.index, id.offset, p, q)
		return nil
	}
	if err != nil {
		return err
	}
	if e, err := decodeEntry(b); err != nil || !e.shared || e.body != id {
		v.report("body %d/%d is held by message %s of queue %d, which has another", id.index, id.offset, p, q)
	}
	return c.Close()
}

// chunks finds shared bodies that nobody holds.
func (v *verifier) chunks() error {
	var last bodyID
	return scan(v.db, []byte{keyChunk}, []byte{keyChunk + 1}, func(k, _ []byte) error {
		if len(k) != 17 {
			v.report("chunk %x: malformed", k)
			return nil
		}
		id := bodyIDOf(k[1:])
		if id == last || id.index > v.st.applied {
			return nil
		}
		last = id
		held := false
		lo := appendRefPrefix(nil, id)
		err := scan(v.db, lo, after(lo), func(_, _ []byte) error { held = true; return errEnough })
		if err != nil && !errors.Is(err, errEnough) {
			return err
		}
		if !held {
			v.report("body %d/%d is held by nobody", id.index, id.offset)
		}
		return nil
	})
}
