package stomp

import (
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/quorate/quorate/broker"
	"github.com/quorate/quorate/message"
	"github.com/quorate/quorate/stomp/frame"
)

const (
	maxReplies  = 8192            // receipts owed before no more frames are read
	maxUnread   = 1024            // receipts written faster than the client reads
	lastWrite   = 5 * time.Second // for the last frame to leave
	lastReading = time.Second     // for a client to read it and go
)

// A session is one connection's conversation. It is the broker's Outlet.
//
// What only the reading goroutine touches needs no lock: turns.go sees to it
// that one goroutine at a time handles frames, but for ACK and NACK.
type session struct {
	opt    Options
	conn   net.Conn
	remote string
	id     string // of the connection; message and ack identifiers begin with it
	broker Broker
	reader *frame.Reader

	// Set by CONNECT, constant afterwards.
	version   frame.Version
	clientID  string
	user      string
	bc        *broker.Conn
	done      func(error) // outcome, made once
	ackDone   func(error) // acked, made once
	connected bool
	silence   time.Duration // after which the client is taken for dead; 0 is never

	sequence uint64                         // of the last message sent
	nextSub  uint64                         // number of the last subscription
	temps    map[string]message.Destination // by the client's name of a temporary destination
	txs      map[string]*broker.Tx

	turns turns

	mu struct {
		sync.Mutex
		subs      map[string]*subscription // by the client's id, or destination in 1.0
		numbers   map[uint64]*subscription
		byOwner   map[*broker.Subscription]*subscription
		early     []*broker.Delivery             // came before Subscribe returned
		tempNames map[message.Destination]string // what the client calls its own
		replies   []*reply                       // in the order of the frames
		ending    bool                           // the last frame is queued: nothing is handled any more
		linger    bool                           // the last frame is written: the client may read it
	}
	room *sync.Cond // replies or unread receipts became fewer; on mu
	out  writer

	once  sync.Once
	over  chan struct{} // closed by end
	cause error         // why; set before over is closed
	work  sync.WaitGroup
}

func newSession(conn net.Conn, b Broker, o Options) *session {
	s := &session{opt: o, conn: conn, broker: b, remote: conn.RemoteAddr().String(), over: make(chan struct{})}
	s.id = o.IDPrefix + "-" + strconv.FormatUint(connections.Add(1), 10)
	s.reader = frame.NewReader(source{s})
	s.reader.SetLimits(frame.Login())
	s.room = sync.NewCond(&s.mu)
	s.out.s = s
	s.done, s.ackDone = s.outcome, s.acked
	return s
}

// source reads from the connection; every byte counts as life [STOMP 1.2
// Heart-beating].
type source struct{ s *session }

func (r source) Read(p []byte) (int, error) {
	s := r.s
	if s.silence > 0 {
		s.mu.Lock()
		if !s.mu.linger {
			_ = s.conn.SetReadDeadline(time.Now().Add(s.silence))
		}
		s.mu.Unlock()
	}
	return s.conn.Read(p)
}

// read reads and handles frames until the connection is over, or until
// another goroutine has taken the reading over.
func (s *session) read() {
	me := s.turns.current()
	for {
		f, err := s.reader.Read()
		if err != nil {
			s.readFailed(err)
			return
		}
		s.route(f)
		if s.turns.current() != me {
			s.finish()
			return
		}
		if !s.waitForRoom() {
			return
		}
	}
}

// readFailed ends the conversation: orderly when the client closed it, with an
// ERROR frame when what it sent was no frame.
func (s *session) readFailed(err error) {
	s.mu.Lock()
	ending := s.mu.ending
	s.mu.Unlock()
	switch {
	case ending && (errors.Is(err, frame.ErrMalformed) || errors.Is(err, frame.ErrTooBig)):
		s.discard()
		s.end(nil)
	case errors.Is(err, frame.ErrMalformed), errors.Is(err, frame.ErrTooBig):
		s.fail("", &protocolError{badFrame, err.Error()})
		s.discard()
		s.end(err)
	case ending, err == io.EOF:
		s.end(nil)
	case isTimeout(err):
		s.end(errSilent)
	default:
		s.end(err)
	}
}

// discard reads on for a moment, so that the client gets to see the ERROR frame
// instead of a reset: until the deadline that goes with that frame, or until
// more has come than was on its way.
func (s *session) discard() {
	const onItsWay = 1 << 20
	_, _ = io.CopyN(io.Discard, s.conn, onItsWay)
}

var errSilent = errors.New("the client was silent for longer than its heart-beat allows")

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// waitForRoom holds the reading while the client does not read what it is
// owed. It reports whether to go on.
func (s *session) waitForRoom() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.out.broken && (len(s.mu.replies) >= maxReplies || s.out.receipts >= maxUnread) {
		s.room.Wait()
	}
	return !s.out.broken
}

// Close ends the connection on the broker's behalf. It does not block. When
// the outcome of what is in flight is unknown nothing is said.
func (s *session) Close(err error) {
	if err == nil || silent(err) {
		s.end(err)
		return
	}
	s.fail("", err)
}

// end closes the connection. Only the first call counts.
func (s *session) end(cause error) {
	s.once.Do(func() {
		s.cause = cause
		close(s.over)
		s.conn.Close()
		s.mu.Lock()
		s.out.broken = true
		s.room.Broadcast()
		s.mu.Unlock()
		s.turns.close()
	})
}

// cleanUp runs after end: it tells the broker and waits for every goroutine.
func (s *session) cleanUp() {
	s.out.stopBeating()
	if s.bc != nil {
		s.bc.Close()
	}
	s.work.Wait()
}
