package stomp

import (
	"errors"
	"time"

	"github.com/quorate/quorate/broker"
	"github.com/quorate/quorate/stomp/frame"
)

// errOver ends a conversation that has nothing more to say.
var errOver = errors.New("the conversation is over")

// A reply is a receipt that is owed. Replies leave in the order of their
// frames, each once it is ready and those before it have left.
type reply struct {
	receipt string // may be empty for the last one
	ready   bool
	alone   bool // not in the order
	last    bool // the reply to DISCONNECT: nothing follows
}

// expect owes a receipt for f, if the client wants one; else it returns nil.
// An expedited one leaves as soon as it is ready: a receipt does not say that
// the frames before were processed [STOMP 1.2 RECEIPT].
func (s *session) expect(f *frame.Frame, expedited bool) *reply {
	receipt, ok := f.Get("receipt")
	if !ok {
		return nil
	}
	r := &reply{receipt: receipt, alone: expedited}
	if !expedited {
		s.owe(r)
	}
	return r
}

func (s *session) owe(r *reply) {
	s.mu.Lock()
	s.mu.replies = append(s.mu.replies, r)
	s.mu.Unlock()
}

// ready lets a reply leave. A nil one is nothing.
func (s *session) ready(r *reply) {
	if r == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r.ready = true
	if r.alone {
		s.sendReply(r)
		return
	}
	n := 0
	for n < len(s.mu.replies) && s.mu.replies[n].ready {
		s.sendReply(s.mu.replies[n])
		n++
	}
	clear(s.mu.replies[:n])
	if s.mu.replies = s.mu.replies[n:]; len(s.mu.replies) == 0 {
		s.mu.replies = nil
	}
	if n > 0 {
		s.room.Broadcast()
	}
}

// sendReply queues a reply for the writer. mu is held.
func (s *session) sendReply(r *reply) {
	if s.mu.ending {
		return
	}
	if r.receipt != "" {
		s.out.receipts++
		s.out.push(item{receipt: r.receipt})
	}
	if r.last {
		s.sendLast(nil)
	}
}

// sendLast queues the last frame, which may be empty. mu is held.
func (s *session) sendLast(frame []byte) {
	if s.mu.ending {
		return
	}
	s.mu.ending = true
	_ = s.conn.SetWriteDeadline(time.Now().Add(lastWrite))
	s.out.push(item{frame: frame, last: true})
}

// settle returns what the broker calls with the outcome of a frame.
func (s *session) settle(r *reply) func(error) {
	if r == nil {
		return s.done
	}
	return func(err error) {
		if err != nil {
			s.refuse(r.receipt, err)
			return
		}
		s.ready(r)
	}
}

// outcome is settle for a frame without a receipt.
func (s *session) outcome(err error) {
	if err != nil {
		s.refuse("", err)
	}
}

// acked is outcome for acknowledgements. One of a message that is gone, expired
// or purged meanwhile, has nothing left to do.
func (s *session) acked(err error) {
	if err != nil && broker.KindOf(err) != broker.KindNotFound {
		s.refuse("", err)
	}
}

// settleAck is settle for acknowledgements.
func (s *session) settleAck(r *reply) func(error) {
	if r == nil {
		return s.ackDone
	}
	return func(err error) {
		if err != nil && broker.KindOf(err) != broker.KindNotFound {
			s.refuse(r.receipt, err)
			return
		}
		s.ready(r)
	}
}
