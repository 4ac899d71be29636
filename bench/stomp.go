package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"time"
)

// A stompConn is a lean STOMP 1.2 client for brokers that speak it: receipts
// come in the order of the sends, and bodies begin with the time they were sent.
type stompConn struct {
	c    net.Conn
	r    *bufio.Reader
	w    *bufio.Writer
	head []byte // the frame read last

	heads  [][]byte // of SEND, one for each destination in turn, up to the receipt's number
	window int
	size   int
	bodies *bodies
}

func dialStomp(addr, login string) (*stompConn, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	s := &stompConn{c: c, r: bufio.NewReaderSize(c, 64<<10), w: bufio.NewWriterSize(c, 64<<10)}
	fmt.Fprintf(s.w, "CONNECT\naccept-version:1.2\nhost:/\n%s\n\x00", login)
	if err := s.w.Flush(); err != nil {
		return nil, err
	}
	f, err := s.frame()
	if err != nil {
		c.Close()
		return nil, err
	}
	if !bytes.HasPrefix(f, []byte("CONNECTED")) {
		c.Close()
		return nil, fmt.Errorf("%.200s", f)
	}
	return s, nil
}

// producer makes the connection send to the destinations, with further headers.
func (s *stompConn) producer(to []destination, headers string, window, size int) *stompConn {
	for _, d := range to {
		s.heads = append(s.heads, fmt.Appendf(nil, "SEND\ndestination:%s\npersistent:true\ncontent-length:%d\n%sreceipt:", d.stomp(), size, headers))
	}
	s.window, s.size, s.bodies = window, size, newBodies(size)
	return s
}

// stomp is the destination as STOMP has it.
func (d destination) stomp() string {
	if d.topic {
		return "/topic/" + d.name
	}
	return "/queue/" + d.name
}

// frame reads one frame, headers and body, without its NUL. It is valid until
// the next call.
func (s *stompConn) frame() ([]byte, error) {
	for {
		b, err := s.r.ReadByte()
		if err != nil {
			return nil, err
		}
		if b != '\n' && b != '\r' {
			if err := s.r.UnreadByte(); err != nil {
				return nil, err
			}
			break
		}
	}
	// Bodies here may hold NUL bytes, so content-length counts.
	head := s.head[:0]
	length := -1
	for {
		line, err := s.r.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		head = append(head, line...)
		if v, ok := bytes.CutPrefix(line, []byte("content-length:")); ok {
			length, err = strconv.Atoi(string(bytes.TrimSpace(v)))
			if err != nil {
				return nil, err
			}
		}
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			break
		}
	}
	if length < 0 {
		body, err := s.r.ReadBytes(0)
		if err != nil {
			return nil, err
		}
		s.head = append(head, body...)
		return s.head[:len(s.head)-1], nil
	}
	n := len(head)
	s.head = slices.Grow(head, length+1)[:n+length+1]
	_, err := io.ReadFull(s.r, s.head[n:])
	return s.head[:n+length], err
}

// Send pipelines messages, at most window unconfirmed.
func (s *stompConn) Send(q *quota, lat *latencies) error {
	slots := make(chan struct{}, s.window)
	sent := make(chan time.Time, s.window)
	done := make(chan error, 1)
	go func() { done <- s.receipts(sent, slots, lat) }()
	err := s.sendAll(q, sent, slots, done)
	close(sent)
	if err != nil {
		s.c.Close() // ends the receipts too
		return errors.Join(err, <-done)
	}
	return <-done
}

// receipts takes one for each message sent; it ends with the channel.
func (s *stompConn) receipts(sent <-chan time.Time, slots <-chan struct{}, lat *latencies) error {
	var ds []time.Duration
	for at := range sent {
		f, err := s.frame()
		if err == nil && !bytes.HasPrefix(f, []byte("RECEIPT")) {
			err = fmt.Errorf("%.300s", f)
		}
		if err != nil {
			s.c.Close()
			return err
		}
		ds = append(ds, time.Since(at))
		<-slots
	}
	lat.add(ds)
	return nil
}

func (s *stompConn) sendAll(q *quota, sent chan<- time.Time, slots chan<- struct{}, done chan error) error {
	for i := 0; ; i++ {
		select {
		case slots <- struct{}{}:
		default:
			if err := s.w.Flush(); err != nil {
				return err
			}
			select {
			case slots <- struct{}{}:
			case err := <-done:
				done <- nil
				return err
			}
		}
		if !q.take() {
			return s.w.Flush()
		}
		now := time.Now() // a message that waits for its turn is not under way yet
		sent <- now
		s.message(i, now)
		if s.window == 1 || q.every > 0 {
			if err := s.w.Flush(); err != nil {
				return err
			}
		}
	}
}

// message writes one SEND; the writer keeps an error for the flush.
func (s *stompConn) message(i int, now time.Time) {
	b := append(s.w.AvailableBuffer(), s.heads[i%len(s.heads)]...)
	b = strconv.AppendInt(b, int64(i), 10)
	_, _ = s.w.Write(append(b, "\n\n"...))
	_, _ = s.w.Write(s.bodies.next(now))
	_ = s.w.WriteByte(0)
}

// subscribe consumes the queues, each message acknowledged by itself.
func (s *stompConn) subscribe(queues []string, headers string) error {
	for i, q := range queues {
		fmt.Fprintf(s.w, "SUBSCRIBE\nid:%d\ndestination:/queue/%s\nack:client-individual\n%s\n\x00", i, q, headers)
	}
	return s.w.Flush()
}

// durable subscribes to a topic and waits until the subscription exists.
func (s *stompConn) durable(topic, headers string) error {
	fmt.Fprintf(s.w, "SUBSCRIBE\nid:0\ndestination:/topic/%s\nack:client-individual\nreceipt:there\n%s\n\x00", topic, headers)
	if err := s.w.Flush(); err != nil {
		return err
	}
	f, err := s.frame()
	if err == nil && !bytes.HasPrefix(f, []byte("RECEIPT")) {
		err = fmt.Errorf("%.300s", f)
	}
	return err
}

// drained reports whether no further frame has come yet; the newlines that
// follow a frame do not count.
func (s *stompConn) drained() bool {
	for s.r.Buffered() > 0 {
		b, err := s.r.Peek(1)
		if err != nil || b[0] != '\n' {
			return false
		}
		_, _ = s.r.Discard(1)
	}
	return true
}

// Receive takes messages and acknowledges each, until the tally is complete;
// then it waits for the receipt of its DISCONNECT, which the broker gives when
// it has done what came before.
func (s *stompConn) Receive(t *tally, lat *latencies) error {
	woken := make(chan struct{})
	go func() { // wakes a reader that waits for messages which others have taken
		defer close(woken)
		<-t.done
		_ = s.c.SetReadDeadline(time.Now())
	}()
	ds, err := s.take(t)
	lat.add(ds)
	if !t.over() {
		t.end()
		<-woken
		return err
	}
	<-woken
	return s.disconnect()
}

func (s *stompConn) take(t *tally) ([]time.Duration, error) {
	var ds []time.Duration
	for !t.over() {
		f, err := s.frame()
		if err != nil {
			return ds, err
		}
		if !bytes.HasPrefix(f, []byte("MESSAGE")) {
			return ds, fmt.Errorf("%.300s", f)
		}
		at := bytes.Index(f, []byte("\n\n"))
		sent := int64(binary.BigEndian.Uint64(f[at+2:]))
		ds = append(ds, time.Duration(time.Now().UnixNano()-sent))
		if t.every > 0 {
			<-time.After(t.every)
		}
		s.answer(f[:at+1], t.refuse)
		if s.drained() {
			if err := s.w.Flush(); err != nil {
				return ds, err
			}
		}
		t.add()
	}
	return ds, nil
}

// answer acknowledges the message with these headers, or refuses it.
func (s *stompConn) answer(head []byte, refuse bool) {
	word := "ACK\nid:"
	if refuse {
		word = "NACK\nid:"
	}
	_, id, _ := bytes.Cut(head, []byte("\nack:"))
	id, _, _ = bytes.Cut(id, []byte("\n"))
	b := append(s.w.AvailableBuffer(), word...)
	_, _ = s.w.Write(append(append(b, id...), "\n\n\x00"...))
}

// disconnect asks for the receipt of everything and skips what comes before it.
func (s *stompConn) disconnect() error {
	if err := s.c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	fmt.Fprintf(s.w, "DISCONNECT\nreceipt:end\n\n\x00")
	if err := s.w.Flush(); err != nil {
		return err
	}
	for {
		f, err := s.frame()
		if err != nil {
			return fmt.Errorf("end of a consumer: %w", err)
		}
		if bytes.HasPrefix(f, []byte("RECEIPT")) {
			return nil
		}
	}
}

func (s *stompConn) Close() { s.c.Close() }
