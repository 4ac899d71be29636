package replica

import (
	"crypto/rand"
	"encoding/binary"
	"sync"
)

const (
	entryFormat  = 1
	entryHeader  = 17      // format, nonce, first sequence
	maxEntry     = 1 << 20 // bytes of an entry's data [M10]
	maxBatch     = maxEntry - entryHeader - binary.MaxVarintLen32
	maxUnflushed = 2 // entries on their way to the disk; what comes meanwhile gathers in the next
)

type proposal struct {
	batch []byte
	done  func(any, error)
}

// A reign is one term of this node as leader, as its proposers see it. Their
// proposals end in the order in which they came: applied in log order, then, at
// the end of the reign, unknown for those in the log and refused for the rest.
type reign struct {
	term  uint64
	nonce uint64

	// guarded by proposals.mu
	waiting []proposal   // not in the log
	refused []proposal   // taken from waiting, but raft would not have them
	flight  [][]proposal // in the log, one element an entry, not applied
	first   uint64       // sequence of the first batch of flight[0]
	next    uint64       // sequence of the next batch
	bytes   int64        // data of the entries in flight

	// loop's own
	paused bool // a hand-over is under way: nothing enters the log
	broken bool // raft dropped a proposal: nothing more enters the log
}

// proposals keeps the reigns. done functions are called by the applier's
// goroutine, except for a refusal that has none to wait for.
type proposals struct {
	node   *Node
	mu     sync.Mutex
	reign  *reign            // the present one, nil when not leading
	last   *reign            // ended, but not all of its proposals are
	nonces map[uint64]*reign // those with proposals that have not ended
	buf    []byte            // loop's own: the entry in the making
}

func (p *proposals) init(n *Node) {
	p.node = n
	p.nonces = make(map[uint64]*reign)
}

// Propose puts batch into the log, together with others that wait. It never
// blocks; done is called exactly once: with the result of Machine.Apply on the
// apply goroutine, in the order of the proposals, or with ErrRefused or
// ErrUnknown. batch belongs to the node until then. After a refusal in one
// reign every later proposal of that reign is refused too.
func (n *Node) Propose(batch []byte, done func(result any, err error)) {
	n.ProposeIn(0, batch, done)
}

// ProposeIn is Propose for who serves in the reign of one term: in any other
// reign of this node the batch is refused. A node may lead again before those
// who served in its last reign have heard of its end; without the term their
// later proposals would enter the log where earlier ones were refused [M11].
// Term 0 is any.
func (n *Node) ProposeIn(term uint64, batch []byte, done func(result any, err error)) {
	if len(batch) > maxBatch {
		done(nil, ErrTooLarge)
		return
	}
	if !n.props.add(term, proposal{batch, done}) {
		done(nil, ErrRefused)
		return
	}
	n.inbox.poke()
}

// add queues q and reports whether somebody will end it.
func (p *proposals) add(term uint64, q proposal) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.reign
	if r == nil || term != 0 && r.term != term {
		r = p.last // refused, but not before those ahead of it have ended
	}
	if r == nil {
		return false
	}
	r.waiting = append(r.waiting, q)
	return true
}

func (p *proposals) begin(term uint64) *reign {
	var b [8]byte
	_, _ = rand.Read(b[:])
	r := &reign{term: term, nonce: binary.LittleEndian.Uint64(b[:])}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reign = r
	p.nonces[r.nonce] = r
	return r
}

// end closes the reign. Its proposals are ended by the applier, behind what is
// committed already.
func (p *proposals) end(r *reign) {
	p.mu.Lock()
	present := p.reign == r
	if present {
		p.reign, p.last = nil, r
	}
	p.mu.Unlock()
	if present {
		p.node.applier.push(applyTask{end: r})
	}
}

// abort ends the present reign, if there is one, from any goroutine.
func (p *proposals) abort() {
	p.mu.Lock()
	r := p.reign
	p.mu.Unlock()
	if r != nil {
		p.end(r)
	}
}

// gather builds the data of the next entry out of what waits; nil when nothing
// does, or when enough is in flight. The slice is good until the next call.
func (p *proposals) gather(r *reign) []byte {
	p.mu.Lock()
	if p.reign != r || len(r.waiting) == 0 || r.bytes >= p.node.cfg.Limits.InFlightBytes {
		p.mu.Unlock()
		return nil
	}
	n, size := 0, entryHeader
	for n < len(r.waiting) {
		size += binary.MaxVarintLen32 + len(r.waiting[n].batch)
		if size > maxEntry && n > 0 {
			break
		}
		n++
	}
	taken := r.waiting[:n:n]
	r.waiting = r.waiting[n:]
	if len(r.waiting) == 0 {
		r.waiting = nil
	}
	if len(r.flight) == 0 {
		r.first = r.next
	}
	first := r.next
	r.next += uint64(n)
	r.flight = append(r.flight, taken)
	for _, q := range taken {
		r.bytes += int64(uvarintLen(uint64(len(q.batch))) + len(q.batch))
	}
	r.bytes += entryHeader
	p.mu.Unlock()

	p.buf = appendEntryHeader(p.buf[:0], r.nonce, first)
	for _, q := range taken {
		p.buf = binary.AppendUvarint(p.buf, uint64(len(q.batch)))
		p.buf = append(p.buf, q.batch...)
	}
	return p.buf
}

// drop takes back the entry that gather built last: raft would not have it.
func (p *proposals) drop(r *reign, size int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := len(r.flight) - 1
	r.refused = append(r.refused, r.flight[k]...)
	r.flight = r.flight[:k]
	r.bytes -= int64(size)
}

// applied returns the proposals of an entry that is being applied, nil when it
// is not of a reign of this process or the reign's proposals have ended.
func (p *proposals) applied(nonce, first uint64, size int) []proposal {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.nonces[nonce]
	if r == nil || len(r.flight) == 0 || r.first != first {
		return nil
	}
	qs := r.flight[0]
	r.flight[0] = nil
	r.flight = r.flight[1:]
	r.first += uint64(len(qs))
	r.bytes -= int64(size)
	return qs
}

// idle reports whether nothing of r is in the log and not applied.
func (p *proposals) idle(r *reign) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(r.flight) == 0
}

// conclude ends what is left of r: unknown, then refused. Called by the
// applier.
func (p *proposals) conclude(r *reign) {
	p.mu.Lock()
	flight, refused := r.flight, r.refused
	r.flight, r.refused = nil, nil
	delete(p.nonces, r.nonce)
	p.mu.Unlock()
	for _, qs := range flight {
		endAll(qs, ErrUnknown)
	}
	endAll(refused, ErrRefused)
	for {
		p.mu.Lock()
		waiting := r.waiting
		r.waiting = nil
		if len(waiting) == 0 {
			if p.last == r {
				p.last = nil
			}
			p.mu.Unlock()
			return
		}
		p.mu.Unlock()
		endAll(waiting, ErrRefused)
	}
}

// finish ends everything, after all goroutines have ended.
func (p *proposals) finish() {
	p.mu.Lock()
	p.reign = nil
	var open []*reign
	for _, r := range p.nonces {
		open = append(open, r)
	}
	p.mu.Unlock()
	for _, r := range open {
		p.conclude(r)
	}
}

func endAll(qs []proposal, err error) {
	for _, q := range qs {
		q.done(nil, err)
	}
}

func appendEntryHeader(b []byte, nonce, first uint64) []byte {
	b = append(b, entryFormat)
	b = binary.LittleEndian.AppendUint64(b, nonce)
	return binary.LittleEndian.AppendUint64(b, first)
}

func uvarintLen(v uint64) int {
	n := 1
	for v >= 0x80 {
		v >>= 7
		n++
	}
	return n
}
