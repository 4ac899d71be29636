package broker

import (
	"time"

	"github.com/quorate/quorate/broker/queue"
	"github.com/quorate/quorate/message"
	"github.com/quorate/quorate/store"
)

const (
	scanBatch = 512                  // headers that a scan reads at once
	scanBytes = 1 << 20              // bytes of them
	scanTime  = 5 * time.Millisecond // after which a scan answers with what it has
)

// A loader reads pages for one shard, so that the shard never waits for the
// disk.
type loader struct {
	s     *shard
	inbox inbox[request]
}

// A request is something to be read, or something for the spill.
type request struct {
	box   *mailbox
	query *queue.Query
	then  func(*page)  // of a browser or a burial; nil: the machine's
	again bool         // then is to have the page: one that cannot be read is asked for again
	key   spillKey     // of the spill
	keep  bool         // what is read from the spill stays there
	spill *queue.Entry // to be written there
	drop  bool         // the list is not wanted any more
}

// A page is what was read.
type page struct {
	request
	entries []*queue.Entry
	last    queue.Place // up to which everything was looked at
	end     bool        // there is no more behind it
	err     error
	bytes   int
	looked  int
}

func (l *loader) init(s *shard) {
	l.s = s
	l.inbox.init()
}

func (l *loader) run() {
	var requests []request
	for {
		select {
		case <-l.s.r.ctx.Done():
			return
		case <-l.inbox.wake:
		}
		requests = l.inbox.take(requests)
		for i := range requests {
			if l.s.r.ctx.Err() != nil {
				return
			}
			l.serve(&requests[i])
		}
		clear(requests)
	}
}

func (l *loader) serve(q *request) {
	switch {
	case q.spill != nil:
		l.write(q)
		return
	case q.drop:
		q.box.stats.spilled.Store(0)
		l.drop(q.key)
		return
	}
	p := &page{request: *q, last: q.query.After}
	switch {
	case q.query.Entries != nil:
		p.err = l.at(p)
	case q.query.Source == queue.Spilled:
		p.err = l.spilled(p)
	default:
		p.err = l.stored(p)
	}
	l.s.inbox.post(event{kind: evLoaded, box: p.box, page: p})
}

// full reports whether a page has what was asked for.
func (p *page) full() bool {
	q := p.query
	return len(p.entries) >= q.N || p.bytes >= q.Bytes || q.Look > 0 && p.looked >= q.Look
}

// next gives how many messages to read at once, and of how many bytes.
func (p *page) next() (n, bytes int) {
	q := p.query
	if q.Match == nil {
		return q.N - len(p.entries), q.Bytes - p.bytes
	}
	return min(q.Look-p.looked, scanBatch), scanBytes
}

func (p *page) take(e *queue.Entry) {
	p.entries = append(p.entries, e)
	p.bytes += e.Size
}

// stored reads until the page is full or the queue ends. The store's limit
// counts headers, ours counts what is held. A scan decides on headers, and reads
// the bodies of what matches.
func (l *loader) stored(p *page) error {
	st := l.s.r.cfg.Store
	began := time.Now()
	for !p.full() {
		n, bytes := p.next()
		list, err := st.Load(p.box.id, place(p.last), n, bytes)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			p.end = true
			return nil
		}
		for i := range list {
			if err := l.consider(p, &list[i]); err != nil {
				return err
			}
			if p.full() {
				return nil
			}
		}
		if p.query.Match != nil && time.Since(began) > scanTime {
			return nil
		}
	}
	return nil
}

// consider takes one message into the page if it is wanted there.
func (l *loader) consider(p *page, st *store.Stored) error {
	e, err := l.entry(p.box, st)
	if err != nil {
		return err
	}
	p.last = e.Place
	p.looked++
	if p.query.Match != nil && !p.query.Match(e) {
		return nil
	}
	if !p.query.Header {
		if ok, err := l.body(p.box, e, st); !ok || err != nil {
			return err // or it was consumed since the page was read
		}
	}
	p.take(e)
	return nil
}

// at reads the messages at the places wanted. Neighbours are read together.
func (l *loader) at(p *page) error {
	want := p.query.Entries
	for len(want) > 0 {
		list, err := l.s.r.cfg.Store.Load(p.box.id, before(want[0].Place), len(want), scanBytes)
		if err != nil {
			return err
		}
		for i := range list {
			st := &list[i]
			for len(want) > 0 && place(want[0].Place).Less(st.Pos) {
				want = want[1:] // not there any more
			}
			if len(want) == 0 || place(want[0].Place) != st.Pos {
				break
			}
			want = want[1:]
			e, err := l.entry(p.box, st)
			if err != nil {
				return err
			}
			if ok, err := l.body(p.box, e, st); err != nil {
				return err
			} else if ok {
				p.take(e)
			}
		}
		if len(list) == 0 {
			return nil
		}
	}
	return nil
}

// place gives the position in the store that p is at or behind.
func place(p queue.Place) store.Pos {
	return store.Pos{Lane: store.Lane(p.Lane), Seq: store.Seq(p.Seq)}
}

// before gives a position behind which p's message is the first in the store.
func before(p queue.Place) store.Pos {
	pos := place(p)
	pos.Seq--
	return pos
}

// entry makes the entry of a stored message, its body missing.
func (l *loader) entry(box *mailbox, st *store.Stored) (*queue.Entry, error) {
	m, err := message.DecodeHeader(st.Header)
	if err != nil {
		return nil, err
	}
	e := box.entryAt(queue.Place{Lane: uint8(st.Pos.Lane), Seq: uint64(st.Pos.Seq)}, m)
	e.Count = st.Count
	e.Redelivered = st.Count > 0 || st.Index < l.s.r.cfg.Store.ReignIndex()
	return e, nil
}

// body adds the body. It reports false if the message is not there any more.
func (l *loader) body(box *mailbox, e *queue.Entry, st *store.Stored) (bool, error) {
	if st.BodySize == 0 {
		return true, nil
	}
	m := e.Value.(*message.Message)
	body, err := l.s.r.cfg.Store.Body(box.id, st)
	if err != nil {
		return false, ignoreMissing(err)
	}
	m.Body, e.Size = body, e.Size+len(body)
	return true, nil
}

// loaded hands a page to who asked for it.
func (s *shard) loaded(box *mailbox, p *page) {
	if p.err != nil && s.r.ctx.Err() == nil {
		s.r.cfg.Logger.Error("cannot read pending messages", "destination", box.dest.String(), "err", p.err)
	}
	switch {
	case p.then != nil && (p.err == nil || !p.again):
		p.then(p)
	case p.err != nil:
		s.failed = append(s.failed, p)
	case box.machine != nil:
		box.machine.Loaded(p.query, p.entries, p.last, p.end)
	}
}

// again lets the machines ask again for the pages that could not be read, and
// logs the dead letters that were refused.
func (s *shard) again() {
	for _, p := range s.failed {
		if p.box.deleted.Load() {
			continue
		}
		if p.again {
			s.loader.inbox.post(p.request)
		} else if p.box.machine != nil {
			p.box.machine.LoadFailed(p.query)
			s.mark(p.box)
		}
	}
	s.failed = nil
	s.graves.retry(s)
}
