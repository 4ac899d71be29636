package broker

import (
	"errors"

	"github.com/quorate/quorate/broker/queue"
	"github.com/quorate/quorate/message"
	"github.com/quorate/quorate/store"
)

// Spill keeps non-persistent messages on disk that do not fit into memory
// [S18]: a list for each key, in order of places. It is wiped when the node
// starts.
type Spill interface {
	Append(key uint64, p store.SpillPlace, header, body []byte) error
	// Load reads the next n messages behind after, or fewer when they exceed
	// maxBytes, at least one; none if there are none. They stay in the list.
	Load(key uint64, after store.SpillPlace, n, maxBytes int) ([]store.Spilled, error)
	Remove(key uint64, places ...store.SpillPlace) error
	Drop(key uint64) error
	Usage() int64 // bytes on disk
}

// spillKey is the list of a mailbox; 0 is one that does not exist.
type spillKey uint64

// spill has e written to disk by the loader, which also reads: what happens to
// a list happens in one order. The bytes on their way count as in flight, so
// that a disk slower than its producers slows them down.
func (s *shard) spill(box *mailbox, e *queue.Entry) {
	if box.spill == 0 {
		box.spill = spillKey(s.r.ids.Add(1))
	}
	s.r.admission.take(int64(e.Size))
	s.loader.inbox.post(request{box: box, key: box.spill, spill: e})
}

// write spills one message.
func (l *loader) write(q *request) {
	defer l.s.r.admission.release(int64(q.spill.Size))
	m := q.spill.Value.(*message.Message)
	if err := l.s.r.cfg.Spill.Append(uint64(q.key), spillPlace(q.spill.Place), m.AppendHeader(nil), m.Body); err != nil {
		q.box.stats.volatile.Add(-1)
		l.s.r.cfg.Logger.Error("cannot spill a non-persistent message, it is lost", "destination", q.box.dest.String(), "err", err)
		return
	}
	q.box.stats.spilled.Add(int64(q.spill.Size))
	l.s.r.usage.temp.Store(l.s.r.cfg.Spill.Usage()) // senders must not run far past the limit until the next look
}

func spillPlace(p queue.Place) store.SpillPlace {
	return store.SpillPlace{Lane: p.Lane, Seq: p.Seq, Sub: p.Sub}
}

// spilled reads a page of what a mailbox has on disk. What is read for the
// machine leaves the disk: it would not survive a restart there either.
func (l *loader) spilled(p *page) error {
	if p.key == 0 {
		p.end = true
		return nil
	}
	for !p.full() {
		n, bytes := p.next()
		list, err := l.s.r.cfg.Spill.Load(uint64(p.key), spillPlace(p.last), n, bytes)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			p.end = true
			break
		}
		for i := range list {
			e, err := unspilled(p.box, &list[i])
			if err != nil {
				return err
			}
			p.last = e.Place
			p.looked++
			if p.query.Match == nil || p.query.Match(e) {
				p.take(e)
			}
			if p.full() {
				break
			}
		}
	}
	if p.keep || len(p.entries) == 0 {
		return nil
	}
	places := make([]store.SpillPlace, len(p.entries))
	for i, e := range p.entries {
		places[i] = spillPlace(e.Place)
		p.box.stats.spilled.Add(-int64(e.Size))
	}
	return l.s.r.cfg.Spill.Remove(uint64(p.key), places...)
}

func unspilled(box *mailbox, r *store.Spilled) (*queue.Entry, error) {
	m, err := message.DecodeHeader(r.Header)
	if err != nil {
		return nil, err
	}
	m.Body = r.Body
	e := box.entryAt(queue.Place{Lane: r.Place.Lane, Seq: r.Place.Seq, Sub: r.Place.Sub}, m)
	e.Volatile = true
	return e, nil
}

// clearSpill drops what a mailbox has on disk.
func (s *shard) clearSpill(box *mailbox) {
	if box.spill != 0 {
		s.loader.inbox.post(request{box: box, key: box.spill, drop: true})
		box.spill = 0
	}
}

func (l *loader) drop(k spillKey) {
	if err := l.s.r.cfg.Spill.Drop(uint64(k)); err != nil {
		l.s.r.cfg.Logger.Warn("cannot drop spilled messages", "err", err)
	}
}

// dropSpill drops all that the reign spilled. The loops have ended.
func (s *shard) dropSpill() {
	for box := range s.boxes {
		if box.spill != 0 {
			s.loader.drop(box.spill)
		}
	}
}

// ignoreMissing turns the error for a message that has gone into none.
func ignoreMissing(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}
