package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/quorate/quorate/stomp/frame"
)

// A link is one connection that has logged in.
type link struct {
	c       *Client
	conn    net.Conn
	address string
	reader  *frame.Reader
	silence time.Duration // after which the broker is taken for dead; 0 is never
	beat    time.Duration // between heart-beats of ours; 0 is none

	mu struct {
		sync.Mutex
		buf     []byte // not written yet
		waiting map[string]func(error)
	}
	wake   chan struct{} // holds a token when buf is not empty
	once   sync.Once
	broken chan struct{}
	cause  error         // set before broken is closed
	lost   chan struct{} // closed when the client knows
	work   sync.WaitGroup
}

// dial connects to one address and logs in.
func (c *Client) dial(ctx context.Context, address string) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opt.DialTimeout)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	l := &link{c: c, conn: conn, address: address, wake: make(chan struct{}, 1), broken: make(chan struct{}), lost: make(chan struct{})}
	l.reader = frame.NewReader(source{l})
	err = l.login(address)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("%s: %w", address, err)
	}
	return l, nil
}

// login sends CONNECT and reads CONNECTED.
func (l *link) login(address string) error {
	o := &l.c.opt
	host, _, _ := net.SplitHostPort(address)
	f := frame.Frame{Command: frame.Connect, Headers: []frame.Header{
		{Name: "accept-version", Value: "1.2"}, {Name: "host", Value: host},
		{Name: "heart-beat", Value: ms(o.HeartBeat[0]) + "," + ms(o.HeartBeat[1])},
	}}
	for _, h := range []frame.Header{{Name: "login", Value: o.Login}, {Name: "passcode", Value: o.Passcode}, {Name: "client-id", Value: o.ClientID}} {
		if h.Value != "" {
			f.Headers = append(f.Headers, h)
		}
	}
	if _, err := l.conn.Write(f.Append(nil, frame.V10)); err != nil {
		return err
	}
	answer, err := l.reader.Read()
	if err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	switch answer.Command {
	case frame.Connected:
	case frame.Error:
		return serverError(answer)
	default:
		return fmt.Errorf("log in: %s instead of CONNECTED", answer.Command)
	}
	if v := answer.Value("version"); v != frame.V12.String() {
		return fmt.Errorf("log in: the broker speaks version %q, this client 1.2", v)
	}
	l.reader.SetVersion(frame.V12)
	return l.heartBeats(answer.Value("heart-beat"))
}

// heartBeats takes what both sides can do [STOMP 1.2 Heart-beating].
func (l *link) heartBeats(v string) error {
	if v == "" {
		return nil
	}
	x, y, _ := strings.Cut(v, ",")
	sends, err1 := strconv.ParseUint(x, 10, 31)
	wants, err2 := strconv.ParseUint(y, 10, 31)
	if err1 != nil || err2 != nil {
		return fmt.Errorf("log in: heart-beat %q", v)
	}
	if mine := l.c.opt.HeartBeat[0]; mine > 0 && wants > 0 {
		l.beat = max(mine, time.Duration(wants)*time.Millisecond)
	}
	if mine := l.c.opt.HeartBeat[1]; mine > 0 && sends > 0 {
		l.silence = 2 * max(mine, time.Duration(sends)*time.Millisecond)
	}
	return nil
}

func ms(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

func serverError(f *frame.Frame) *ServerError {
	return &ServerError{Message: f.Value("message"), Detail: strings.TrimSpace(string(f.Body))}
}

// source counts every byte as a sign of life.
type source struct{ l *link }

func (s source) Read(p []byte) (int, error) {
	if s.l.silence > 0 {
		_ = s.l.conn.SetReadDeadline(time.Now().Add(s.l.silence))
	}
	return s.l.conn.Read(p)
}

// start starts the reader and the writer; run waits for them.
func (l *link) start() {
	l.work.Go(l.read)
	l.work.Go(l.writeLoop)
}

// fail breaks the link, once.
func (l *link) fail(err error) {
	l.once.Do(func() {
		l.cause = err
		close(l.broken)
		l.conn.Close()
	})
}

// write queues the bytes of a frame. What is queued is bounded by the window
// of sends and the prefetch of subscriptions.
func (l *link) write(frame []byte) {
	l.mu.Lock()
	l.mu.buf = append(l.mu.buf, frame...)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// request queues a frame whose receipt is waited for.
func (l *link) request(receipt string, frame []byte, done func(error)) {
	l.mu.Lock()
	if l.mu.waiting == nil {
		l.mu.waiting = make(map[string]func(error))
	}
	l.mu.waiting[receipt] = done
	l.mu.Unlock()
	l.write(frame)
	select {
	case <-l.broken: // nobody may be left to take it
		if done := l.take(receipt); done != nil {
			done(ErrUnknown)
		}
	default:
	}
}

// take gives the callback of a receipt, nil if there is none (any more).
func (l *link) take(receipt string) func(error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	done := l.mu.waiting[receipt]
	delete(l.mu.waiting, receipt)
	return done
}

func (l *link) takeWaiting() map[string]func(error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	waiting := l.mu.waiting
	l.mu.waiting = nil
	return waiting
}

func (l *link) writeLoop() {
	var beats <-chan time.Time
	if l.beat > 0 {
		t := time.NewTicker(l.beat * 3 / 4)
		defer t.Stop()
		beats = t.C
	}
	var spare []byte
	for {
		select {
		case <-l.wake:
		case <-beats:
			if _, err := l.conn.Write([]byte{'\n'}); err != nil {
				l.fail(err)
				return
			}
			continue
		case <-l.broken:
			return
		}
		l.mu.Lock()
		buf := l.mu.buf
		l.mu.buf = spare[:0]
		l.mu.Unlock()
		if _, err := l.conn.Write(buf); err != nil {
			l.fail(err)
			return
		}
		if spare = buf; cap(spare) > 1<<20 {
			spare = nil
		}
	}
}

func (l *link) read() {
	for {
		f, err := l.reader.Read()
		if err != nil {
			var ne net.Error
			if errors.As(err, &ne) && ne.Timeout() {
				err = fmt.Errorf("the broker was silent for %v", l.silence)
			}
			l.fail(err)
			return
		}
		switch f.Command {
		case frame.Message:
			l.c.deliver(l, f)
		case frame.Receipt:
			l.settle(f.Value("receipt-id"), nil)
		case frame.Error:
			err := serverError(f)
			l.settle(f.Value("receipt-id"), err)
			l.fail(err)
			return
		}
	}
}

// settle gives an outcome to whoever waits for it.
func (l *link) settle(receipt string, err error) {
	if done := l.take(receipt); done != nil {
		done(err)
		return
	}
	l.c.settleSend(receipt, err)
}

// goodbye disconnects so that everything sent before was processed.
func (l *link) goodbye() {
	const receipt = "bye"
	said := make(chan struct{})
	f := frame.Frame{Command: frame.Disconnect, Headers: []frame.Header{{Name: "receipt", Value: receipt}}}
	l.request(receipt, f.Append(nil, frame.V12), func(error) { close(said) })
	t := time.NewTimer(2 * time.Second)
	defer t.Stop()
	select {
	case <-said:
	case <-l.broken:
	case <-t.C:
	}
}
