package broker

import (
	"github.com/quorate/quorate/broker/queue"
	"github.com/quorate/quorate/message"
	"github.com/quorate/quorate/store"
)

// A loader reads pages for one shard, so that the shard never waits for the
// disk.
type loader struct {
	s     *shard
	inbox inbox[request]
}

// A request is a page to be read, or something for the spill.
type request struct {
	box    *mailbox
	source queue.Source
	after  queue.Place
	n      int
	bytes  int
	epoch  uint64
	then   func(*page)  // of a browser or a burial; nil: the machine's
	key    spillKey     // of the spill
	spill  *queue.Entry // to be written there
	drop   bool         // the list is not wanted any more
}

// A page is what was read.
type page struct {
	request
	entries []*queue.Entry
	short   bool // there is no more behind it
	err     error
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
		l.drop(q.key)
		return
	}
	p := &page{request: *q}
	if p.source == queue.Spilled {
		p.err = l.spilled(p)
	} else {
		p.err = l.stored(p)
	}
	l.s.inbox.post(event{kind: evLoaded, box: p.box, page: p})
}

// stored reads until the page is full or the queue ends. The store's limit
// counts headers, ours counts what is held.
func (l *loader) stored(p *page) error {
	st := l.s.r.cfg.Store
	reign := st.ReignIndex()
	after := place(p.after)
	for bytes := 0; len(p.entries) < p.n && bytes < p.bytes; {
		list, err := st.Load(p.box.id, after, p.n-len(p.entries), p.bytes-bytes)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			p.short = true
			return nil
		}
		for i := range list {
			e, err := l.entry(p.box, &list[i])
			if err != nil {
				return err
			}
			after = list[i].Pos
			if e == nil {
				continue // consumed since the page was read
			}
			e.Redelivered = e.Redelivered || list[i].Index < reign
			p.entries = append(p.entries, e)
			if bytes += e.Size; bytes >= p.bytes {
				return nil
			}
		}
	}
	return nil
}

// place gives the position in the store that p is at or behind.
func place(p queue.Place) store.Pos {
	return store.Pos{Lane: store.Lane(p.Lane), Seq: store.Seq(p.Seq)}
}

func (l *loader) entry(box *mailbox, st *store.Stored) (*queue.Entry, error) {
	m, err := message.DecodeHeader(st.Header)
	if err != nil {
		return nil, err
	}
	if st.BodySize > 0 {
		if m.Body, err = l.s.r.cfg.Store.Body(box.id, st); err != nil {
			return nil, ignoreMissing(err)
		}
	}
	e := box.entryAt(queue.Place{Lane: uint8(st.Pos.Lane), Seq: uint64(st.Pos.Seq)}, m)
	e.Count, e.Redelivered = st.Count, st.Count > 0
	return e, nil
}

// loaded hands a page to who asked for it.
func (s *shard) loaded(box *mailbox, p *page) {
	if p.err != nil && s.r.ctx.Err() == nil {
		s.r.cfg.Logger.Error("cannot read pending messages", "destination", box.dest.String(), "err", p.err)
	}
	switch {
	case p.then != nil:
		p.then(p)
	case p.err != nil:
		s.failed = append(s.failed, p)
	case box.machine != nil:
		box.machine.Loaded(p.source, p.epoch, p.after, p.entries, p.short)
	}
}

// again lets the machines ask again for the pages that could not be read.
func (s *shard) again() {
	for _, p := range s.failed {
		if p.box.machine != nil {
			p.box.machine.LoadFailed(p.source, p.epoch)
			s.mark(p.box)
		}
	}
	s.failed = nil
}
