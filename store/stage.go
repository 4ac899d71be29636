package store

import (
	"encoding/binary"
	"slices"

	"github.com/quorate/quorate/wal"
)

// A stage is a transaction whose operations wait in the log for its commit.
// Bodies of its messages stand in the shared range, held by the transaction.
type stage struct {
	id       opaqueID
	pieces   uint64
	ops      []stagedOp
	prepared bool // a later version's XA branch: a reign leaves it
}

// stagedOp is an operation with everything but the body. An enqueue or a
// schedule names its body; noBody says that its upload was not complete.
type stagedOp struct {
	op
	src    bodyID
	noBody bool
}

const stagedOverhead = 320

// stageDelta is what a generation changed of a stage.
type stageDelta struct {
	existed bool // in the index when the generation began
	wipe    bool // what the index has of it goes
	from    int  // the operations from here on are new
}

// stageDelta gives what the active generation changed of a stage; st is nil if
// there is none yet.
func (s *Store) stageDelta(id opaqueID, st *stage) *stageDelta {
	d := s.mu.active.stages[id]
	if d == nil {
		d = &stageDelta{}
		if st != nil {
			d.existed, d.from = true, len(st.ops)
		}
		s.mu.active.stages[id] = d
	}
	return d
}

// uploadState is an upload in progress.
type uploadState struct {
	body  bodyID // address of its first byte
	parts uint32
	size  uint64
}

// applyPart adds a part to an upload.
func (s *Store) applyPart(at wal.Index, offset int, o *op) Outcome {
	g, st := s.mu.active, &s.mu.state
	u := st.uploads[o.id]
	out := Outcome{Index: at}
	if o.n != uint64(u.parts) || len(o.body) == 0 {
		out.Code = OutOfPlace
		return out
	}
	here := bodyID{at, uint32(offset + o.at)}
	if u.parts == 0 {
		u.body = here
	}
	g.addChunk(u.body, u.parts, here, o.body, s.o.GenerationBodies)
	if u.parts == 0 {
		g.refer(u.body, uploadRef(o.id))
	}
	u.parts++
	u.size += uint64(len(o.body))
	st.uploads[o.id] = u
	g.uploads[o.id] = u
	return out
}

func uploadRef(id opaqueID) ref { return ref{kind: refUpload, a: id.term, b: id.counter} }

// upload gives the body of a complete upload. Who takes it refers to it first
// and ends the upload then.
func (s *Store) upload(o *op) (bodyID, bool) {
	u, ok := s.mu.uploads[o.id]
	return u.body, ok && u.size == o.size
}

func (s *Store) endUpload(id opaqueID) {
	u, ok := s.mu.uploads[id]
	if !ok {
		return
	}
	delete(s.mu.uploads, id)
	s.mu.active.uploads[id] = uploadState{}
	s.mu.active.release(u.body, uploadRef(id))
}

// applyStage keeps the operations of a piece for the commit.
func (s *Store) applyStage(at wal.Index, offset int, o *op) Outcome {
	st := s.mu.stages[o.id]
	if st == nil && o.n != 0 || st != nil && o.n != st.pieces {
		return Outcome{Code: OutOfPlace, Index: at}
	}
	d := s.stageDelta(o.id, st)
	if st == nil {
		d.from = 0
		st = &stage{id: o.id}
		s.mu.stages[o.id] = st
	}
	st.pieces++
	s.scratch.nested, _ = decodeNested(s.scratch.nested[:0], o.body)
	for i := range s.scratch.nested {
		so := s.stageOp(st, at, offset+o.at, &s.scratch.nested[i])
		st.ops = append(st.ops, so)
		s.mu.active.memory += stagedOverhead + int64(len(so.header)+len(so.targets)+len(so.name)+len(so.spec)+len(so.once))
	}
	return Outcome{Index: at}
}

func (s *Store) stageOp(st *stage, at wal.Index, offset int, o *op) stagedOp {
	so := stagedOp{op: *o}
	so.header, so.targets, so.name = slices.Clone(o.header), slices.Clone(o.targets), slices.Clone(o.name)
	so.spec, so.once, so.body = slices.Clone(o.spec), slices.Clone(o.once), nil
	if !o.hasBody() {
		return so
	}
	r := stageRef(st.id, len(st.ops))
	if o.upload {
		id, ok := s.upload(o)
		if so.noBody = !ok; ok {
			so.src = id
			s.mu.active.refer(id, r)
			s.endUpload(o.id)
		}
		return so
	}
	so.src = bodyID{at, uint32(offset + o.at)}
	s.mu.active.addChunk(so.src, 0, so.src, o.body, s.o.GenerationBodies)
	s.mu.active.refer(so.src, r)
	return so
}

func stageRef(id opaqueID, n int) ref {
	return ref{kind: refStage, a: id.term, b: id.counter, n: uint32(n)}
}

// commitStage applies what is staged.
func (s *Store) commitStage(at wal.Index, o *op, outs []Outcome) []Outcome {
	st := s.mu.stages[o.id]
	if st == nil || st.pieces != o.n {
		return append(outs, Outcome{Code: NoStage, Index: at})
	}
	for i := range st.ops {
		outs = append(outs, s.applyStaged(at, &st.ops[i]))
	}
	s.dropStage(st)
	return append(outs, Outcome{Index: at})
}

func (s *Store) applyStaged(at wal.Index, so *stagedOp) Outcome {
	src := bodySource{id: so.src, shared: so.size > 0}
	switch {
	case so.noBody:
		return Outcome{Code: NoUpload, Index: at}
	case so.typ == opEnqueue:
		return s.enqueue(at, &so.op, src)
	case so.typ == opSchedule:
		return s.schedule(at, &so.op, src)
	}
	return s.applyOp(at, 0, &so.op)
}

// dropStage forgets a transaction and lets go of its bodies.
func (s *Store) dropStage(st *stage) {
	d := s.stageDelta(st.id, st)
	d.wipe = d.existed
	for i := range st.ops {
		if so := &st.ops[i]; so.hasBody() && !so.noBody {
			s.mu.active.release(so.src, stageRef(st.id, i))
		}
	}
	delete(s.mu.stages, st.id)
}

func (s *Store) applyDrop(at wal.Index, o *op) Outcome {
	if o.kind == dropUpload {
		if _, ok := s.mu.uploads[o.id]; !ok {
			return Outcome{Code: NoUpload, Index: at}
		}
		s.endUpload(o.id)
		return Outcome{Index: at}
	}
	st := s.mu.stages[o.id]
	if st == nil {
		return Outcome{Code: NoStage, Index: at}
	}
	s.dropStage(st)
	return Outcome{Index: at}
}

// applyReign drops what the master before had not finished. The order does not
// matter: every drop touches its own.
func (s *Store) applyReign(at wal.Index, o *op) Outcome {
	s.mu.reign = reign{at, o.size, o.n, o.wall}
	for _, st := range s.mu.stages {
		if !st.prepared {
			s.dropStage(st)
		}
	}
	for id := range s.mu.uploads {
		s.endUpload(id)
	}
	return Outcome{Index: at}
}

// append encodes a staged operation for the index: version, type, flags, and
// the fields of all types one after the other. Version 2 goes on with those of
// jobs and pauses, and the id of what is sent once.
func (so *stagedOp) append(b []byte) []byte {
	b = append(b, so.version(), byte(so.typ), byte(so.kind), bit(so.noBody), bit(so.sub != nil))
	b = binary.AppendUvarint(b, uint64(so.queue))
	b = append(b, byte(so.pos.Lane))
	b = binary.AppendUvarint(b, uint64(so.pos.Seq))
	b = binary.AppendUvarint(b, uint64(so.to.Queue))
	b = append(b, byte(so.to.Lane))
	for _, v := range []uint64{so.n, so.size, so.sequence, uint64(so.src.index), uint64(so.src.offset), uint64(so.ntargets)} {
		b = binary.AppendUvarint(b, v)
	}
	for _, v := range [][]byte{so.targets, so.name, so.header} {
		b = append(binary.AppendUvarint(b, uint64(len(v))), v...)
	}
	if so.sub != nil {
		b = appendSubscription(b, so.sub)
	}
	if so.version() < 2 {
		return b
	}
	for _, v := range []uint64{uint64(so.job), uint64(so.due), uint64(so.next), uint64(bit(so.on)), uint64(len(so.spec))} {
		b = binary.AppendUvarint(b, v)
	}
	b = append(b, so.spec...)
	return append(binary.AppendUvarint(b, uint64(len(so.once))), so.once...)
}

func (so *stagedOp) version() byte {
	if len(so.once) > 0 {
		return 2
	}
	return so.typ.since()
}

func decodeStaged(b []byte) (stagedOp, error) {
	r := reader{b: b}
	version := r.versionUpTo(2)
	var so stagedOp
	so.typ, so.kind = opType(r.byte()), Kind(r.byte())
	so.noBody = r.bool()
	hasSub := r.bool()
	so.queue, so.pos = QueueID(r.uvarint()), Pos{r.lane(), Seq(r.uvarint())}
	so.to = Target{QueueID(r.uvarint()), r.lane()}
	so.n, so.size, so.sequence = r.uvarint(), r.uvarint(), r.uvarint()
	so.src = bodyID{wal.Index(r.uvarint()), uint32(r.uvarint())}
	so.ntargets = int(r.uvarint())
	so.targets = slices.Clone(r.bytes(maxBatch))
	so.name = slices.Clone(r.bytes(MaxName))
	so.header = slices.Clone(r.bytes(MaxHeader))
	if hasSub {
		so.sub = decodeSubscription(&r)
	}
	if version == 2 {
		so.job, so.due, so.next = JobID(r.uvarint()), r.instant(), r.instant()
		so.on = r.bool()
		so.spec = slices.Clone(r.bytes(MaxSpec))
		so.once = slices.Clone(r.bytes(MaxSentID))
	}
	t := reader{b: so.targets}
	for i := 0; i < so.ntargets && t.err == nil; i++ {
		t.uvarint()
		t.lane()
	}
	if t.end() != nil {
		r.fail("targets")
	}
	return so, r.end()
}
