package stomp

import (
	"sync"
	"time"

	"github.com/quorate/quorate/broker"
	"github.com/quorate/quorate/stomp/frame"
)

const (
	fullBuffer = 64 << 10              // written at once
	bigBody    = 32 << 10              // written without copying it
	leasePause = 10 * time.Millisecond // between two questions for the lease
)

// buffers are lent to a connection while it writes.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

// An item is one frame in the queue of the writer. One of the fields is set.
type item struct {
	delivery *broker.Delivery
	sub      *subscription // of the delivery
	receipt  string
	frame    []byte // encoded: CONNECTED, ERROR
	last     bool   // nothing follows; frame may be empty
}

// A writer is the writing half of a session: a queue and, while there is
// something in it, a goroutine. Deliveries in the queue are bounded by the
// prefetch, receipts by maxUnread. Its fields are guarded by session.mu, but
// for the last block.
type writer struct {
	s        *session
	queue    []item
	receipts int  // in the queue or being written
	beat     bool // a heart-beat is due
	running  bool
	broken   bool // the connection is over
	wrote    time.Time

	interval time.Duration // of heart-beats; 0 is none
	timer    *time.Timer

	// Of the goroutine alone.
	buf    []byte
	leased bool   // buf holds what may only leave under the lease
	sent   []item // deliveries in buf
}

// push queues items and makes sure that somebody writes them. session.mu is held.
func (w *writer) push(items ...item) {
	if w.broken {
		return
	}
	w.queue = append(w.queue, items...)
	w.wake()
}

func (w *writer) wake() {
	if !w.running && !w.broken {
		w.running = true
		w.s.work.Go(w.run)
	}
}

// run writes what is queued, as much as is there with one call, until nothing
// is left.
func (w *writer) run() {
	s := w.s
	lent := buffers.Get().(*[]byte)
	w.buf = (*lent)[:0]
	var spare []item
	for {
		s.mu.Lock()
		batch, beat := w.queue, w.beat
		w.queue, w.beat = spare[:0], false
		if w.broken || len(batch) == 0 && !beat {
			buf := w.buf // the next goroutine has its own
			w.running, w.queue, w.buf = false, nil, nil
			s.mu.Unlock()
			if cap(buf) <= 2*fullBuffer {
				*lent = buf[:0]
				buffers.Put(lent)
			}
			return
		}
		s.mu.Unlock()
		if err := w.writeAll(batch, beat); err != nil {
			s.end(err)
		}
		if clear(batch); cap(batch) <= 1024 {
			spare = batch
		}
	}
}

func (w *writer) writeAll(batch []item, beat bool) error {
	receipts := 0
	for i := range batch {
		it := &batch[i]
		if it.receipt != "" {
			receipts++
		}
		if err := w.encode(it); err != nil {
			return err
		}
		if it.last {
			return w.finish()
		}
		if len(w.buf) >= fullBuffer {
			if err := w.flush(); err != nil {
				return err
			}
		}
	}
	if len(w.buf) == 0 && beat {
		w.buf = append(w.buf, '\n')
	}
	err := w.flush()
	w.s.mu.Lock()
	w.receipts -= receipts
	w.s.room.Broadcast()
	w.s.mu.Unlock()
	return err
}

func (w *writer) encode(it *item) error {
	s := w.s
	switch {
	case it.delivery != nil:
		if it.sub.closed.Load() {
			it.delivery.Written()
			return nil
		}
		w.leased = true
		w.buf = s.appendMessage(w.buf, it.sub, it.delivery)
		body := deliveredBody(it.delivery)
		if len(body) >= bigBody {
			if err := w.bigBody(body); err != nil {
				return err
			}
		} else {
			w.buf = frame.Close(w.buf, body)
		}
		w.sent = append(w.sent, *it)
	case it.receipt != "":
		w.leased = true
		w.buf = frame.Open(w.buf, frame.Receipt)
		w.buf = s.version.AppendHeader(w.buf, "receipt-id", it.receipt)
		w.buf = frame.Close(w.buf, nil)
	default:
		w.buf = append(w.buf, it.frame...)
	}
	return nil
}

// bigBody writes a body from where it lies.
func (w *writer) bigBody(b []byte) error {
	w.buf = append(w.buf, '\n')
	if err := w.flush(); err != nil {
		return err
	}
	if err := w.write(b); err != nil {
		return err
	}
	w.buf = append(w.buf, 0, '\n')
	return nil
}

// flush writes what is encoded and acknowledges what was delivered by it to
// subscriptions in auto mode. What needs the lease waits for it.
func (w *writer) flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	if w.leased {
		if err := w.awaitLease(); err != nil {
			return err
		}
	}
	err := w.write(w.buf)
	w.buf, w.leased = w.buf[:0], false
	if err == nil {
		w.delivered()
	}
	return err
}

func (w *writer) write(b []byte) error {
	s := w.s
	if s.opt.WriteTimeout > 0 {
		s.mu.Lock()
		if !s.mu.ending {
			_ = s.conn.SetWriteDeadline(time.Now().Add(s.opt.WriteTimeout))
		}
		s.mu.Unlock()
	}
	_, err := s.conn.Write(b)
	s.mu.Lock()
	w.wrote = time.Now()
	s.mu.Unlock()
	return err
}

// awaitLease waits until this node may deliver and confirm. There is nobody
// who could signal it: the lease is a matter of the time that has passed.
// Heart-beats go on meanwhile.
func (w *writer) awaitLease() error {
	s := w.s
	if s.opt.Leased() {
		return nil
	}
	t := time.NewTicker(leasePause)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-s.over:
			return errOver
		}
		if s.opt.Leased() {
			return nil
		}
		s.mu.Lock()
		beat := w.beat
		w.beat = false
		s.mu.Unlock()
		if beat && w.betweenFrames() {
			if err := w.write([]byte{'\n'}); err != nil {
				return err
			}
		}
	}
}

// betweenFrames reports whether what was written so far ended with a frame.
// Only what follows a big body begins with its NUL.
func (w *writer) betweenFrames() bool { return w.buf[0] != 0 }

// delivered lets go of what was written, so that a backlog which the client
// has and did not acknowledge holds no bodies. In auto mode that was all: the
// last delivery of a subscription is acknowledged for all before it.
func (w *writer) delivered() {
	for i := range w.sent {
		it := &w.sent[i]
		it.delivery.Message = nil
		it.delivery.Written()
		if it.sub.mode != ackAuto || it.delivery.End {
			continue
		}
		if i+1 == len(w.sent) || w.sent[i+1].sub != it.sub || w.sent[i+1].delivery.End {
			it.sub.calls.Lock()
			it.delivery.Sub.Ack(it.delivery, true, nil, w.s.ackDone)
			it.sub.calls.Unlock()
		}
	}
	clear(w.sent)
	w.sent = w.sent[:0]
}

// finish writes the last frame and leaves the client a moment to read it: a
// socket closed over unread bytes would take the frame back. The broker knows
// of the end before the client does, so that what the connection had to itself,
// its client id for one, is free when the client comes again.
func (w *writer) finish() error {
	s := w.s
	if s.bc != nil {
		s.bc.Close()
	}
	if err := w.flush(); err != nil {
		return err
	}
	half, ok := s.conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return errOver
	}
	s.mu.Lock()
	s.mu.linger = true
	_ = s.conn.SetReadDeadline(time.Now().Add(lastReading))
	s.mu.Unlock()
	return nil
}

// startBeating makes the writer send a heart-beat when it was silent for the
// interval.
func (w *writer) startBeating(interval time.Duration) {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	w.interval = interval
	w.timer = time.AfterFunc(interval, w.tick)
}

func (w *writer) tick() {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	if w.broken {
		return
	}
	idle := time.Since(w.wrote)
	if idle >= w.interval {
		w.beat = true
		w.wake()
		idle = 0
	}
	w.timer.Reset(w.interval - idle)
}

func (w *writer) stopBeating() {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	if w.timer != nil {
		w.timer.Stop()
	}
}
