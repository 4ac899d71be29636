package store

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/quorate/quorate/wal"
)

// model is the store as one would write it without a thought for memory or
// disk: maps, copies, one message after the other.
type model struct {
	last    QueueID
	queues  map[QueueID]*modelQueue
	windows []*modelWindow // by last use, oldest first
	limit   int
	stages  map[opaqueID]*modelStage
	uploads map[opaqueID][][]byte
	reign   wal.Index
	lastJob JobID
	ids     []string // remembered, the oldest first
	idLimit int
	jobs    map[JobID]*modelJob
}

type modelJob struct {
	due    int64
	index  wal.Index
	spec   []byte
	header []byte
	body   []byte
}

type modelQueue struct {
	kind Kind
	name string
	sub  *Subscription
	next Seq
	msgs map[Pos]modelMessage

	paused bool
}

type modelMessage struct {
	index  wal.Index
	count  uint32
	header []byte
	body   []byte
}

type modelWindow struct {
	name string
	last uint64
	seen map[uint64]bool
}

type modelStage struct {
	pieces uint64
	ops    []modelOp
}

// modelOp is an operation with its body at hand.
type modelOp struct {
	op
	body []byte
	lost bool
}

func newModel() *model {
	return &model{queues: map[QueueID]*modelQueue{}, limit: defaultProducers,
		stages: map[opaqueID]*modelStage{}, uploads: map[opaqueID][][]byte{}, jobs: map[JobID]*modelJob{}, idLimit: defaultSentIDs}
}

func (m *model) apply(t *testing.T, at wal.Index, batch []byte) []Outcome {
	ops, err := decodeBatch(nil, slices.Clone(batch))
	if err != nil {
		t.Fatalf("model: %v", err)
	}
	var outs []Outcome
	for i := range ops {
		if ops[i].typ == opCommit {
			outs = m.commit(at, &ops[i], outs)
			continue
		}
		outs = append(outs, m.one(at, m.take(&ops[i])))
	}
	return outs
}

// take gets the body of an operation; an upload is used up by it.
func (m *model) take(o *op) modelOp {
	mo := modelOp{op: *o, body: o.body}
	if o.typ != opEnqueue && o.typ != opSchedule || !o.upload {
		return mo
	}
	mo.body = bytes.Join(m.uploads[o.id], nil)
	if m.uploads[o.id] == nil || len(mo.body) != int(o.size) {
		mo.lost = true
	} else {
		delete(m.uploads, o.id)
	}
	return mo
}

func (m *model) commit(at wal.Index, o *op, outs []Outcome) []Outcome {
	st := m.stages[o.id]
	if st == nil || st.pieces != o.n {
		return append(outs, Outcome{Code: NoStage, Index: at})
	}
	delete(m.stages, o.id)
	for _, so := range st.ops {
		outs = append(outs, m.one(at, so))
	}
	return append(outs, Outcome{Index: at})
}

func (m *model) one(at wal.Index, o modelOp) Outcome {
	out := Outcome{Index: at}
	q := m.queues[o.queue]
	switch o.typ {
	case opCreateQueue:
		return m.create(at, &o.op)
	case opEnqueue:
		return m.enqueue(at, o)
	case opDeleteQueue, opDeleteIdle, opPurgeQueue:
		out.Queue = o.queue
		if q == nil {
			out.Code = NoQueue
		} else if o.typ == opDeleteIdle && len(q.msgs) > 0 {
			out.Code = NotEmpty
		} else if o.typ != opPurgeQueue {
			delete(m.queues, o.queue)
		} else {
			clear(q.msgs)
		}
	case opRemove, opMove, opSetCount:
		return m.message(at, &o.op, q)
	case opPause:
		out.Queue = o.queue
		if q == nil {
			out.Code = NoQueue
		} else {
			q.paused = o.on
		}
	case opSchedule, opFire, opUnschedule:
		return m.job(at, o)
	case opPart:
		if uint64(len(m.uploads[o.id])) != o.n || len(o.body) == 0 {
			out.Code = OutOfPlace
		} else {
			m.uploads[o.id] = append(m.uploads[o.id], o.body)
		}
	case opStage:
		return m.stage(at, &o.op)
	case opDrop:
		if o.kind == dropUpload {
			if m.uploads[o.id] == nil {
				out.Code = NoUpload
			}
			delete(m.uploads, o.id)
		} else {
			if m.stages[o.id] == nil {
				out.Code = NoStage
			}
			delete(m.stages, o.id)
		}
	case opReign:
		m.reign = at
		clear(m.stages)
		clear(m.uploads)
	case opLimitIDs:
		m.idLimit = int(o.n)
		m.forget()
	case opLimits:
		m.limit = int(o.n)
		m.evict()
	}
	return out
}

func (m *model) create(at wal.Index, o *op) Outcome {
	for id, q := range m.queues {
		if q.kind == o.kind && q.name == string(o.name) {
			return Outcome{Queue: id, Index: at}
		}
	}
	m.last++
	m.queues[m.last] = &modelQueue{o.kind, string(o.name), o.sub, 1, map[Pos]modelMessage{}, false}
	return Outcome{Created: true, Queue: m.last, Index: at}
}

func (m *model) stage(at wal.Index, o *op) Outcome {
	st := m.stages[o.id]
	if st == nil {
		st = &modelStage{}
	}
	if o.n != st.pieces {
		return Outcome{Code: OutOfPlace, Index: at}
	}
	m.stages[o.id] = st
	st.pieces++
	nested, _ := decodeNested(nil, o.body)
	for i := range nested {
		st.ops = append(st.ops, m.take(&nested[i]))
	}
	return Outcome{Index: at}
}

func (m *model) enqueue(at wal.Index, o modelOp) Outcome {
	out := Outcome{Index: at}
	if o.lost {
		return Outcome{Code: NoUpload, Index: at}
	}
	rest, live := o.targets, 0
	out.Seqs = make([]Seq, o.ntargets)
	var targets []Target
	for range o.ntargets {
		var t Target
		t, rest = nextTarget(rest)
		targets = append(targets, t)
		if m.queues[t.Queue] != nil {
			live++
		}
	}
	if len(targets) > 0 {
		out.Queue = targets[0].Queue
	}
	if live == 0 {
		out.Code, out.Seqs = NoQueue, nil
		return out
	}
	if !m.first(&o.op) {
		out.Code, out.Seqs = Duplicate, nil
		return out
	}
	for i, t := range targets {
		if q := m.queues[t.Queue]; q != nil {
			out.Seqs[i] = q.next
			q.msgs[Pos{t.Lane, q.next}] = modelMessage{at, 0, o.header, o.body}
			q.next++
		}
	}
	return out
}

// first reports whether a message is sent for the first time.
func (m *model) first(o *op) bool {
	if len(o.once) > 0 && slices.Contains(m.ids, string(o.once)) || o.sequence != 0 && !m.admit(string(o.name), o.sequence) {
		return false
	}
	if len(o.once) > 0 {
		m.ids = append(m.ids, string(o.once))
		m.forget()
	}
	return true
}

func (m *model) forget() {
	if n := len(m.ids) - m.idLimit; n > 0 {
		m.ids = slices.Delete(m.ids, 0, n)
	}
}

func (m *model) admit(name string, seq uint64) bool {
	i := slices.IndexFunc(m.windows, func(w *modelWindow) bool { return w.name == name })
	w := &modelWindow{name: name, seen: map[uint64]bool{}}
	if i >= 0 {
		w = m.windows[i]
		if w.seen[seq] && seq+windowSize > w.last {
			return false
		}
		m.windows = slices.Delete(m.windows, i, i+1)
	}
	m.windows = append(m.windows, w)
	w.seen[seq] = true
	w.last = max(w.last, seq)
	m.evict()
	return true
}

func (m *model) evict() {
	if n := len(m.windows) - m.limit; n > 0 {
		m.windows = slices.Delete(m.windows, 0, n)
	}
}

func (m *model) message(at wal.Index, o *op, q *modelQueue) Outcome {
	out := Outcome{Queue: o.queue, Index: at}
	to := m.queues[o.to.Queue]
	if q == nil || o.typ == opMove && to == nil {
		out.Code = NoQueue
		return out
	}
	msg, ok := q.msgs[o.pos]
	if !ok {
		out.Code = NoMessage
		return out
	}
	switch o.typ {
	case opSetCount:
		msg.count = uint32(o.n)
		q.msgs[o.pos] = msg
	case opMove:
		out.Seqs = []Seq{to.next}
		to.msgs[Pos{o.to.Lane, to.next}] = modelMessage{at, 0, o.header, msg.body}
		to.next++
		delete(q.msgs, o.pos)
	case opRemove:
		delete(q.msgs, o.pos)
	}
	return out
}

func (q *modelQueue) order() []Pos {
	ps := make([]Pos, 0, len(q.msgs))
	for p := range q.msgs {
		ps = append(ps, p)
	}
	slices.SortFunc(ps, func(a, b Pos) int {
		if a.Less(b) {
			return -1
		}
		return 1
	})
	return ps
}

// check compares everything that can be seen of the store with the model.
func (m *model) check(s *Store) error {
	infos := s.Queues()
	if len(infos) != len(m.queues) {
		return fmt.Errorf("%d queues, %d expected", len(infos), len(m.queues))
	}
	if s.ReignIndex() != m.reign {
		return fmt.Errorf("reign at %d, %d expected", s.ReignIndex(), m.reign)
	}
	for _, info := range infos {
		q := m.queues[info.ID]
		if q == nil {
			return fmt.Errorf("queue %d should not exist", info.ID)
		}
		if err := q.check(s, info); err != nil {
			return fmt.Errorf("queue %d: %w", info.ID, err)
		}
	}
	if n := s.Usage().IDs; n != len(m.ids) {
		return fmt.Errorf("%d ids are remembered, %d expected", n, len(m.ids))
	}
	return m.checkJobs(s)
}

func (q *modelQueue) check(s *Store, info QueueInfo) error {
	want := QueueInfo{ID: info.ID, Kind: q.kind, Name: q.name, Subscription: q.sub, Depth: uint64(len(q.msgs)), Last: q.next - 1, Paused: q.paused}
	for _, m := range q.msgs {
		want.Bytes += uint64(len(m.header) + len(m.body))
	}
	if !reflect.DeepEqual(info, want) {
		return fmt.Errorf("%+v, %+v expected", info, want)
	}
	order := q.order()
	var after Pos
	for len(order) > 0 {
		got, err := s.Load(info.ID, after, 7, 1<<20)
		if err != nil {
			return err
		}
		if len(got) != min(7, len(order)) {
			return fmt.Errorf("%d messages behind %s, %d expected", len(got), after, min(7, len(order)))
		}
		for i := range got {
			if err := q.checkMessage(s, info.ID, &got[i], order[i]); err != nil {
				return fmt.Errorf("message %s: %w", order[i], err)
			}
		}
		after = got[len(got)-1].Pos
		order = order[len(got):]
	}
	if got, err := s.Load(info.ID, after, 7, 1<<20); err != nil || len(got) > 0 {
		return fmt.Errorf("behind the end %s: %v, %v", after, got, err)
	}
	return nil
}

func (q *modelQueue) checkMessage(s *Store, id QueueID, got *Stored, p Pos) error {
	if got.Pos != p {
		return fmt.Errorf("%s is there", got.Pos)
	}
	want := q.msgs[p]
	if got.Index != want.index || got.Count != want.count || !bytes.Equal(got.Header, want.header) || got.BodySize != len(want.body) {
		return fmt.Errorf("%+v, want %+v", got, want)
	}
	body, err := s.Body(id, got)
	if err != nil {
		return err
	}
	if !bytes.Equal(body, want.body) {
		return fmt.Errorf("body %.40q, want %.40q", body, want.body)
	}
	return nil
}
