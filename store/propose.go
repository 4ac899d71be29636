package store

import (
	"encoding/binary"
	"fmt"
)

// Propose offers a batch to the log; the batch must not be used again. done is
// called exactly once, with an outcome for each operation, or with ErrRefused
// (nothing happened), ErrUnknown (it may still happen), ErrTooLarge or
// ErrInvalid.
// Proposals of one goroutine are applied, and their done called, in its order;
// the last two alone are told at once.
//
// Bodies above PartSize go ahead in parts, and a batch that is too big for one
// entry goes ahead in staged pieces: either becomes visible with the last small
// proposal or not at all.
func (s *Store) Propose(b *Batch, done func(Result, error)) {
	if err := s.check(b); err != nil {
		done(Result{}, err)
		return
	}
	l := s.wlog.Load()
	if l == nil {
		done(Result{}, fmt.Errorf("%w: no log", ErrRefused))
		return
	}
	s.propose(*l, b, done)
}

// ProposeTo is Propose to another view of the store's log, such as one that is
// good for a single reign.
func (s *Store) ProposeTo(l Log, b *Batch, done func(Result, error)) {
	if err := s.check(b); err != nil {
		done(Result{}, err)
		return
	}
	s.propose(l, b, done)
}

func (s *Store) propose(l Log, b *Batch, done func(Result, error)) {
	if staged := len(b.buf) > stageSize && len(b.ends) > 1; staged || len(b.uploads) > 0 {
		p := &proposal{s: s, log: l, b: b}
		p.upload()
		if staged {
			p.stage(done)
			return
		}
	}
	if len(b.ends) == 0 {
		b.buf = make([]byte, headRoom)
	}
	l.Propose(frame(b.buf, b.version, len(b.ends)), func(r any, err error) { finish(r, err, done) })
}

func (s *Store) check(b *Batch) error {
	if b.err != nil {
		return b.err
	}
	if int64(b.bytes) > s.o.MaxTransaction {
		return fmt.Errorf("%w: a transaction of %d bytes, at most %d are allowed", ErrTooLarge, b.bytes, s.o.MaxTransaction)
	}
	if len(b.ends) > s.o.MaxTransactionOps {
		return fmt.Errorf("%w: a transaction of %d operations, at most %d are allowed", ErrTooLarge, len(b.ends), s.o.MaxTransactionOps)
	}
	if b.solo && len(b.buf) > stageSize {
		return fmt.Errorf("%w: a reign or limits in a transaction of %d bytes", ErrTooLarge, len(b.buf))
	}
	for _, u := range b.uploads {
		if int64(len(u.body)) > s.o.MaxBody {
			return fmt.Errorf("%w: a body of %d bytes, at most %d are allowed", ErrTooLarge, len(u.body), s.o.MaxBody)
		}
	}
	return nil
}

func finish(r any, err error, done func(Result, error)) {
	if err != nil {
		done(Result{}, err)
		return
	}
	res, ok := r.(*Result)
	if !ok || res == nil { // the store failed while applying
		done(Result{}, ErrUnknown)
		return
	}
	done(*res, nil)
}

// proposal is a batch that takes several entries. What goes ahead needs no
// outcome of its own: the last proposal meets its absence.
type proposal struct {
	s   *Store
	log Log
	b   *Batch
}

func (p *proposal) newID() opaqueID {
	p.s.mu.RLock()
	term := p.s.mu.reign.term
	p.s.mu.RUnlock()
	return opaqueID{term, p.s.counter.Add(1)}
}

func ignore(any, error) {}

// upload sends the big bodies ahead.
func (p *proposal) upload() {
	for _, u := range p.b.uploads {
		id := p.newID()
		appendWide(appendWide(p.b.buf[:u.at], id.term), id.counter)
		for n := 0; n*PartSize < len(u.body); n++ {
			part := u.body[n*PartSize : min((n+1)*PartSize, len(u.body))]
			buf := p.control(opPart, id, uint64(n), len(part))
			p.log.Propose(frame(append(buf, part...), 1, 1), ignore)
		}
	}
}

// control begins a batch of one operation about an upload or a transaction,
// with room for n bytes that the caller appends.
func (p *proposal) control(t opType, id opaqueID, number uint64, n int) []byte {
	size := uvarintLen(id.term) + uvarintLen(id.counter) + uvarintLen(number)
	if t != opCommit {
		size += stringLen(n)
	}
	buf := make([]byte, headRoom, headRoom+1+uvarintLen(uint64(size))+size)
	buf = append(buf, byte(t))
	for _, v := range []uint64{uint64(size), id.term, id.counter, number} {
		buf = binary.AppendUvarint(buf, v)
	}
	if t != opCommit {
		buf = binary.AppendUvarint(buf, uint64(n))
	}
	return buf
}

// stage sends the operations ahead in pieces, and then the commit.
func (p *proposal) stage(done func(Result, error)) {
	id := p.newID()
	var pieces uint64
	from := headRoom
	send := func(to int) {
		buf := p.control(opStage, id, pieces, to-from)
		p.log.Propose(frame(append(buf, p.b.buf[from:to]...), p.b.version, 1), ignore)
		pieces++
		from = to
	}
	for i, end := range p.b.ends {
		if i > 0 && end-from > stageSize && p.b.ends[i-1] > from {
			send(p.b.ends[i-1])
		}
	}
	send(len(p.b.buf))
	p.log.Propose(frame(p.control(opCommit, id, pieces, 0), 1, 1), func(r any, err error) {
		finish(r, err, func(r Result, err error) { done(staged(r, len(p.b.ends)), err) })
	})
}

// staged takes the commit's own outcome off the end. If it did not happen,
// every operation gets that outcome.
func staged(r Result, n int) Result {
	k := len(r.Ops)
	if k == 0 {
		return r
	}
	last := r.Ops[k-1]
	if last.Code == Done {
		return Result{Ops: r.Ops[:k-1]}
	}
	r.Ops = make([]Outcome, n)
	for i := range r.Ops {
		r.Ops[i] = last
	}
	return r
}
