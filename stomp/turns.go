package stomp

import (
	"slices"
	"sync"
	"time"

	"github.com/quorate/quorate/stomp/frame"
)

const (
	sendPatience = 20 * time.Millisecond // of a blocked SEND, before somebody else reads on
	maxWaiting   = 64                    // frames kept behind a blocked SEND
	maxWaitBytes = 1 << 20               // and about so many bytes of them
)

// turns sees to it that a client which produces and consumes on one connection
// does not wait for itself: while its SEND is blocked by flow control, its
// acknowledgements are still read [S4].
//
// Normally the reading goroutine handles each frame itself. When a SEND (or a
// COMMIT) takes
// longer than sendPatience, a second goroutine becomes the reader. It handles
// ACK and NACK at once and keeps a bounded number of other frames for the
// first one, which is only a worker now: it handles them in order as soon as
// its SEND returns, and leaves when none is left. The second one goes on
// reading.
type turns struct {
	mu      sync.Mutex
	room    sync.Cond // waiting became shorter, or closed; on mu
	timer   *time.Timer
	sending bool // the reader is inside a SEND or COMMIT
	reader  int  // counts the goroutines that became the reader
	worker  bool // the goroutine that reads and the one that works are two
	waiting []*frame.Frame
	bytes   int
	closed  bool
}

// route handles a frame, or leaves it to the worker.
func (s *session) route(f *frame.Frame) {
	t := &s.turns
	t.mu.Lock()
	if !t.worker || overtakes(f) {
		expedited := t.worker
		t.mu.Unlock()
		s.handle(f, expedited)
		return
	}
	for t.worker && !t.closed && (len(t.waiting) >= maxWaiting || t.bytes >= maxWaitBytes) {
		t.wait()
	}
	if t.closed {
		t.mu.Unlock()
		return
	}
	if t.worker {
		kept := *f
		kept.Headers = slices.Clone(f.Headers)
		t.waiting = append(t.waiting, &kept)
		t.bytes += len(f.Body)
		t.mu.Unlock()
		return
	}
	t.mu.Unlock()
	s.handle(f, false)
}

// overtakes reports whether a frame may be handled before a blocked SEND. One
// within a transaction keeps its place between BEGIN and COMMIT.
func overtakes(f *frame.Frame) bool {
	if f.Command != frame.Ack && f.Command != frame.Nack {
		return false
	}
	_, tx := f.Get("transaction")
	return !tx
}

// wait waits until room is signalled; mu is held.
func (t *turns) wait() {
	t.room.L = &t.mu
	t.room.Wait()
}

// startBlocking says that a SEND or COMMIT begins, which may block.
func (s *session) startBlocking() {
	t := &s.turns
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.worker || t.closed {
		return
	}
	t.sending = true
	if t.timer == nil {
		t.timer = time.AfterFunc(sendPatience, s.takeOver)
	} else {
		t.timer.Reset(sendPatience)
	}
}

// endBlocking says that it returned.
func (s *session) endBlocking() {
	t := &s.turns
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sending {
		t.sending = false
		t.timer.Stop()
	}
}

// takeOver becomes the reader if the SEND is still blocked.
func (s *session) takeOver() {
	t := &s.turns
	t.mu.Lock()
	if !t.sending || t.closed {
		t.mu.Unlock()
		return
	}
	t.sending, t.worker = false, true
	t.reader++
	s.work.Add(1)
	t.mu.Unlock()
	defer s.work.Done()
	s.read()
}

// current names the reader of now.
func (t *turns) current() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.reader
}

// finish is called by a reader that another one followed: it handles what
// waits, until nothing does.
func (s *session) finish() {
	t := &s.turns
	for {
		t.mu.Lock()
		if len(t.waiting) == 0 || t.closed {
			t.worker, t.waiting = false, nil
			t.signal()
			t.mu.Unlock()
			return
		}
		f := t.waiting[0]
		t.waiting = t.waiting[1:]
		t.bytes -= len(f.Body)
		t.signal()
		t.mu.Unlock()
		s.handle(f, false)
		s.waitForRoom()
	}
}

// close lets everybody go.
func (t *turns) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed, t.sending = true, false
	if t.timer != nil {
		t.timer.Stop()
	}
	t.signal()
}

func (t *turns) signal() {
	if t.room.L != nil {
		t.room.Broadcast()
	}
}
