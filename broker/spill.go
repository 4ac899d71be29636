package broker

import (
	"encoding/binary"
	"errors"

	"github.com/quorate/quorate/broker/queue"
	"github.com/quorate/quorate/message"
	"github.com/quorate/quorate/store"
)

// Spill keeps non-persistent messages on disk that do not fit into memory
// [S18]: a list for each key, written at its end and read from its front. It is
// wiped when the node starts.
type Spill interface {
	Append(key uint64, header, body []byte) error
	// Take reads and removes the first n messages, or fewer when they exceed
	// maxBytes, at least one; none if there are none.
	Take(key uint64, n, maxBytes int) ([]Spilled, error)
	Drop(key uint64) error
	Usage() int64 // bytes on disk
}

// Spilled is one message that was spilled.
type Spilled struct{ Header, Body []byte }

// spillKey is the list of a mailbox.
type spillKey uint64

// spill writes e to disk. The header of the record begins with its place.
func (s *shard) spill(box *mailbox, e *queue.Entry) {
	if box.spill == nil {
		k := spillKey(s.r.ids.Add(1))
		box.spill = &k
	}
	m := e.Value.(*message.Message)
	h := binary.AppendUvarint(nil, e.Seq)
	h = binary.AppendUvarint(h, e.Sub)
	if err := s.r.cfg.Spill.Append(uint64(*box.spill), m.AppendHeader(h), m.Body); err != nil {
		box.stats.volatile.Add(-1)
		s.r.cfg.Logger.Error("cannot spill a non-persistent message, it is lost", "destination", box.dest.String(), "err", err)
	}
}

// spilled reads the next page of a mailbox back. What is read leaves the disk:
// it would not survive a restart there either.
func (l *loader) spilled(p *page) error {
	for bytes := 0; len(p.entries) < p.n && bytes < p.bytes; {
		list, err := l.s.r.cfg.Spill.Take(uint64(*p.box.spill), p.n-len(p.entries), p.bytes-bytes)
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

func unspilled(r *Spilled) (*queue.Entry, error) {
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
	if box.spill == nil {
		return
	}
	if err := s.r.cfg.Spill.Drop(uint64(*box.spill)); err != nil {
		s.r.cfg.Logger.Warn("cannot drop spilled messages", "destination", box.dest.String(), "err", err)
	}
	box.spill = nil
}

// dropSpill drops all that the reign spilled. The loops have ended.
func (s *shard) dropSpill() {
	for box := range s.boxes {
		s.clearSpill(box)
	}
}

// ignoreMissing turns the error for a message that has gone into none.
func ignoreMissing(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}
