package store

import (
	"bytes"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// FuzzBatch decodes hostile batches, and applies those that decode: nothing of
// it may panic, and the store must not fail.
func FuzzBatch(f *testing.F) {
	b := &Batch{}
	b.CreateQueue(KindSubscription, "n", &Subscription{Client: "c", Name: "n", Topic: "t", Selector: "a = 1", NoLocal: true})
	b.Enqueue(Enqueue{Targets: []Target{{1, 2}, {2, 0}}, Header: []byte("h"), Body: []byte("body"), Producer: "p", Sequence: 3})
	b.Remove(1, Pos{2, 1})
	b.Move(1, Pos{2, 1}, 2, 3, []byte("h2"))
	b.SetCount(1, Pos{2, 1}, 7)
	b.PurgeQueue(1)
	b.DeleteQueue(1)
	b.DeleteIdle(2)
	b.Reign(1, 2, -3)
	b.Limits(5)
	b.Pause(1, true)
	b.Enqueue(Enqueue{Targets: []Target{{1, 2}}, Header: []byte("h"), Body: []byte("body"), ID: "id"})
	b.LimitIDs(5)
	b.Schedule(Schedule{Due: 9, Spec: []byte("s"), Header: []byte("h"), Body: []byte("body"), Producer: "p", Sequence: 4})
	b.Fire(Fire{Job: 1, Due: 9, Targets: []Target{{1, 2}}, Header: []byte("h2"), Next: 10, Spec: []byte("s2")})
	b.Unschedule(1)
	f.Add(bytes.Clone(frame(b.buf, b.version, b.Len())))
	p := proposal{}
	ops := b.buf[headRoom:b.ends[4]]
	f.Add(frame(append(p.control(opStage, opaqueID{1, 1}, 0, len(ops)), ops...), 1, 1))
	ops = b.buf[b.ends[10]:]
	f.Add(frame(append(p.control(opStage, opaqueID{1, 1}, 0, len(ops)), ops...), b.version, 1))
	f.Add(frame(append(p.control(opPart, opaqueID{1, 1}, 0, 3), "abc"...), 1, 1))
	f.Add(frame(p.control(opCommit, opaqueID{1, 1}, 1, 0), 1, 1))
	f.Add([]byte{batchMagic, batchVersion, 0})

	fs := vfs.NewMem()
	log := &memLog{t: nil}
	s, err := Open("store", Options{FS: fs, GenerationEntries: 100})
	if err != nil {
		f.Fatal(err)
	}
	defer s.Close()
	s.SetLog(log)
	log.store = s
	f.Fuzz(func(t *testing.T, batch []byte) {
		ops, err := decodeBatch(nil, batch)
		if cap(ops) > 2*len(batch)+16 {
			t.Fatalf("room for %d operations of %d bytes", cap(ops), len(batch))
		}
		if err != nil {
			return
		}
		r, ok := log.commit(batch)[0].(*Result)
		if !ok || s.Failed() != nil {
			t.Fatalf("%v", s.Failed())
		}
		for _, o := range ops {
			if o.typ != opCommit && len(r.Ops) < len(ops) {
				t.Fatalf("%d outcomes of %d operations", len(r.Ops), len(ops))
			}
		}
	})
}

// FuzzRecords reads hostile values of the index; what can be read is written
// the same again.
func FuzzRecords(f *testing.F) {
	e := entryRecord{index: 9, count: 1, size: 5, shared: true, body: bodyID{3, 4}, header: []byte("h")}
	m := metaRecord{applied: 5, term: 1, membership: []byte("m"), reign: reign{1, 2, 3, -4}, lastQueue: 7, clock: 8, limit: 9}
	q := queueRecord{kind: KindSubscription, name: "n", sub: &Subscription{Client: "c"}, next: 3, depth: 1, heads: []Seq{1, 2}}
	w := window{last: 70}
	w.mark(70)
	w.mark(3)
	u := uploadState{body: bodyID{1, 2}, parts: 3, size: 4}
	so := stagedOp{op: op{typ: opEnqueue, targets: []byte{1, 0}, ntargets: 1, header: []byte("h"), size: 3}, src: bodyID{1, 2}}
	sj := stagedOp{op: op{typ: opSchedule, once: []byte("id"), due: 5, spec: []byte("s"), header: []byte("h")}}
	j := Job{JobPos: JobPos{5, 1}, Index: 2, Spec: []byte("s"), Header: []byte("h"), BodySize: 3, body: bodyID{1, 2}}
	q2, m2 := q, m
	q2.paused, m2.jobs = true, jobCounters{1, 2, 3}
	m2.ids = idCounters{1, 2, 3}
	for _, b := range [][]byte{sj.append(nil), j.append(nil), appendJobDue(nil, 5), q2.append(nil), m2.append(nil), e.append(nil), m.append(nil), q.append(nil), w.append(nil), u.append(nil), so.append(nil),
		appendAhead(nil, []QueueID{1, 2}), appendStageHead(nil, 1, 2, true)} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		again := func(what string, err error, enc func() []byte, dec func([]byte) error) {
			if err != nil {
				return
			}
			x := enc()
			if err := dec(x); err != nil {
				t.Fatalf("%s: what was read cannot be read again: %v", what, err)
			}
		}
		e, err := decodeEntry(b)
		again("entry", err, func() []byte { return e.append(nil) }, func(b []byte) error { _, err := decodeEntry(b); return err })
		m, err := decodeMeta(b)
		again("meta", err, func() []byte { return m.append(nil) }, func(b []byte) error { _, err := decodeMeta(b); return err })
		q, err := decodeQueue(b)
		again("queue", err, func() []byte { return q.append(nil) }, func(b []byte) error { _, err := decodeQueue(b); return err })
		w, err := decodeWindow("w", b)
		again("window", err, func() []byte { return w.append(nil) }, func(b []byte) error { _, err := decodeWindow("w", b); return err })
		u, err := decodeUpload(b)
		again("upload", err, func() []byte { return u.append(nil) }, func(b []byte) error { _, err := decodeUpload(b); return err })
		so, err := decodeStaged(b)
		again("staged", err, func() []byte { return so.append(nil) }, func(b []byte) error { _, err := decodeStaged(b); return err })
		j, err := decodeJob(JobPos{}, b)
		again("job", err, func() []byte { return j.append(nil) }, func(b []byte) error { _, err := decodeJob(JobPos{}, b); return err })
		_, _ = decodeJobDue(b)
		_, _ = decodeSentID(b)
		_, _ = decodeAhead(b)
		_, _, _, _ = decodeStageHead(b)
		_, _ = decodeCheckpointMeta(b)
		for _, k := range []byte{keyMeta, keyAhead, keyQueue, inEntries, inBodies, keyChunk, keyRef, keyWindow, keyStage, keyUpload, keyGrave, keyJobPos, keyJob, keySentID} {
			_ = describe(append([]byte{k}, b...), b)
		}
	})
}
