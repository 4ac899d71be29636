package broker

import (
	"encoding/binary"
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
	// Take reads and removes the first n messages, or fewer when they exceed
	// maxBytes, at least one; none if there are none.
	Take(key uint64, n, maxBytes int) ([]store.Spilled, error)
	Drop(key uint64) error
	Usage() int64 // bytes on disk
}

// spillKey is the list of a mailbox.
type spillKey uint64

// spill has e written to disk by the loader, which also reads: what happens to
// a list happens in one order. The bytes on their way count as in flight, so
// that a disk slower than its producers slows them down.
func (s *shard) spill(box *mailbox, e *queue.Entry) {
	if box.spill == nil {
		k := spillKey(s.r.ids.Add(1))
		box.spill = &k
	}
	s.r.admission.take(int64(e.Size))
	s.loader.inbox.post(request{box: box, key: *box.spill, spill: e})
}

// write spills one message. The header of the record begins with its place.
func (l *loader) write(q *request) {
	defer l.s.r.admission.release(int64(q.spill.Size))
	m := q.spill.Value.(*message.Message)
	at := store.SpillPlace{Lane: q.spill.Lane, Seq: q.spill.Seq, Sub: q.spill.Sub}
	h := binary.AppendUvarint(nil, q.spill.Seq)
	h = binary.AppendUvarint(h, q.spill.Sub)
	if err := l.s.r.cfg.Spill.Append(uint64(q.key), at, m.AppendHeader(h), m.Body); err != nil {
		q.box.stats.volatile.Add(-1)
		l.s.r.cfg.Logger.Error("cannot spill a non-persistent message, it is lost", "destination", q.box.dest.String(), "err", err)
	}
}

// spilled reads the next page of a mailbox back. What is read leaves the disk:
// it would not survive a restart there either.
func (l *loader) spilled(p *page) error {
	for bytes := 0; len(p.entries) < p.n && bytes < p.bytes; {
		list, err := l.s.r.cfg.Spill.Take(uint64(p.key), p.n-len(p.entries), p.bytes-bytes)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			p.short = true
			return nil
		}
		for i := range list {
			e, err := unspilled(&list[i])
			if err != nil {
				return err
			}
			p.entries = append(p.entries, e)
			bytes += e.Size
		}
	}
	return nil
}

func unspilled(r *store.Spilled) (*queue.Entry, error) {
	seq, n := binary.Uvarint(r.Header)
	sub, k := binary.Uvarint(r.Header[max(n, 0):])
	if n <= 0 || k <= 0 {
		return nil, errors.New("spilled message without a place")
	}
	m, err := message.DecodeHeader(r.Header[n+k:])
	if err != nil {
		return nil, err
	}
	m.Body = r.Body
	return &queue.Entry{Place: queue.Place{Seq: seq, Sub: sub}, Size: m.Size(), Expires: m.Expiration, Value: m}, nil
}

// clearSpill drops what a mailbox has on disk.
func (s *shard) clearSpill(box *mailbox) {
	if box.spill != nil {
		s.loader.inbox.post(request{box: box, key: *box.spill, drop: true})
		box.spill = nil
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
		if box.spill != nil {
			s.loader.drop(*box.spill)
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
