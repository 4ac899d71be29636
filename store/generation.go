package store

import (
	"github.com/quorate/quorate/wal"
)

// A generation is what the operations of a run of log entries changed, folded.
// The active one is changed by Apply; a closing one is not changed any more and
// is being written to the index.
type generation struct {
	number  uint64
	deltas  []*delta
	shared  map[bodyID]*sharedBody
	windows []*window // changed
	evicted map[string]struct{}
	stages  map[opaqueID]*stageDelta
	uploads map[opaqueID]uploadState // as it stands; parts 0: gone
	jobs    jobChanges
	firstID uint64 // the first that was remembered when it began
	nextID  uint64 // the ids from this number on are new

	memory  int64 // what it holds
	bodies  int64 // of that, bytes of bodies
	log     int64 // bytes of the log's entries in it
	entries int64 // added or removed
	freed   int64 // bytes of older messages that are gone: the index takes their room until this generation is written
	last    wal.Index
}

func newGeneration(number uint64, ids *sentIDs) *generation {
	return &generation{
		number:  number,
		firstID: ids.first,
		nextID:  ids.next,
		shared:  make(map[bodyID]*sharedBody),
		evicted: make(map[string]struct{}),
		stages:  make(map[opaqueID]*stageDelta),
		uploads: make(map[opaqueID]uploadState),
	}
}

// A delta is what a generation changed in one queue.
type delta struct {
	queue   *queue
	first   Seq // messages from here on entered in this generation
	lanes   []laneDelta
	counts  map[Pos]uint32 // of messages that entered before
	created bool
	deleted bool
	purged  bool // all that entered before
}

const deltaMemory = 256

// laneDelta is the part of a delta in one lane.
type laneDelta struct {
	lane  Lane
	added entryList
	gone  goneSet // messages that entered before
}

// lane gives the part of d in lane l or nil.
func (d *delta) lane(l Lane) *laneDelta {
	for i := range d.lanes {
		if d.lanes[i].lane == l {
			return &d.lanes[i]
		}
	}
	return nil
}

// laneFor gives the part of d in lane l, made if need be.
func (d *delta) laneFor(l Lane) *laneDelta {
	if p := d.lane(l); p != nil {
		return p
	}
	i := 0
	for i < len(d.lanes) && d.lanes[i].lane < l {
		i++
	}
	d.lanes = append(d.lanes, laneDelta{})
	copy(d.lanes[i+1:], d.lanes[i:])
	d.lanes[i] = laneDelta{lane: l}
	return &d.lanes[i]
}

// removed reports whether d knows that a message which entered before is gone.
func (d *delta) removed(p Pos) bool {
	if d.purged || d.deleted {
		return true
	}
	l := d.lane(p.Lane)
	return l != nil && l.gone.has(p.Seq)
}

// find gives the live message of that place that entered in this generation.
func (d *delta) find(p Pos) *entry {
	if l := d.lane(p.Lane); l != nil {
		return l.added.find(p.Seq)
	}
	return nil
}

// A sharedBody is what a generation knows of a body in the shared range: one
// that several queues hold, one that was uploaded, or one that is staged.
type sharedBody struct {
	born   bool             // its first byte came in this generation
	chunks map[uint32]chunk // those that came in this generation
	refs   []refChange      // in the order of the log
	live   int              // references added less those removed
}

// A chunk is a run of bytes of a shared body, as it came with an entry of the
// log; data is nil when it is not kept in memory.
type chunk struct {
	at   bodyID
	size uint32
	data []byte
}

// A ref is one holder of a shared body.
type ref struct {
	kind refKind
	lane Lane
	a, b uint64 // queue and seq; term and counter of an upload or transaction; or a job and 0
	n    uint32 // number of the operation in the transaction
}

type refKind uint8

const (
	refQueue  refKind = 'q'
	refUpload refKind = 'u'
	refStage  refKind = 't'
	refJob    refKind = 'j'
)

type refChange struct {
	ref ref
	add bool
}

const refMemory = 40

// body gives what g knows of a shared body, made if need be.
func (g *generation) body(id bodyID) *sharedBody {
	b := g.shared[id]
	if b == nil {
		b = &sharedBody{}
		g.shared[id] = b
		g.memory += deltaMemory
	}
	return b
}

// refer adds a reference to a shared body.
func (g *generation) refer(id bodyID, r ref) {
	b := g.body(id)
	b.refs = append(b.refs, refChange{r, true})
	b.live++
	g.memory += refMemory
}

// release takes a reference away. A body that was born in this generation and
// that nobody holds any more is forgotten at once.
func (g *generation) release(id bodyID, r ref) {
	b := g.body(id)
	b.live--
	if b.born && b.live == 0 {
		g.forget(id, b)
		return
	}
	b.refs = append(b.refs, refChange{r, false})
	g.memory += refMemory
}

func (g *generation) forget(id bodyID, b *sharedBody) {
	for _, c := range b.chunks {
		g.memory -= chunkMemory + int64(len(c.data))
		g.bodies -= int64(len(c.data))
	}
	g.memory -= deltaMemory + refMemory*int64(len(b.refs))
	delete(g.shared, id)
}

const chunkMemory = 96

// addChunk adds the bytes of a part. data is kept if there is room for it.
func (g *generation) addChunk(id bodyID, n uint32, at bodyID, data []byte, room int64) {
	c := chunk{at: at, size: uint32(len(data))}
	if g.bodies+int64(len(data)) <= room {
		c.data = append([]byte(nil), data...)
		g.bodies += int64(len(data))
		g.memory += int64(len(data))
	}
	g.memory += chunkMemory
	b := g.body(id)
	if b.chunks == nil {
		b.chunks = make(map[uint32]chunk)
	}
	b.chunks[n] = c
	if n == 0 {
		b.born = true
	}
}
