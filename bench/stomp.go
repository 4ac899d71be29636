package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// A stompConn is a lean STOMP 1.2 client for brokers that speak it: receipts
// come in the order of the sends, and bodies begin with the time they were sent.
type stompConn struct {
	c net.Conn
	r *bufio.Reader
	w *bufio.Writer

	destination string
	headers     string // further headers of each SEND and of SUBSCRIBE
	window      int
	size        int
	queue       chan int
}

func dialStomp(addr, login string) (*stompConn, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	s := &stompConn{c: c, r: bufio.NewReaderSize(c, 256<<10), w: bufio.NewWriterSize(c, 64<<10)}
	fmt.Fprintf(s.w, "CONNECT\naccept-version:1.2\nhost:/\n%s\n\x00", login)
	if err := s.w.Flush(); err != nil {
		return nil, err
	}
	f, err := s.frame()
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(f, []byte("CONNECTED")) {
		return nil, fmt.Errorf("%.200s", f)
	}
	return s, nil
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
	head := make([]byte, 0, 512)
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
		return append(head, body[:len(body)-1]...), nil
	}
	n := len(head)
	head = append(head, make([]byte, length+1)...)
	_, err := io.ReadFull(s.r, head[n:])
	return head[:n+length], err
}

// Send pipelines n messages, at most window unconfirmed.
func (s *stompConn) Send(n int, lat *latencies) error {
	slots := make(chan struct{}, s.window)
	sent := make(chan time.Time, s.window)
	done := make(chan error, 1)
	go func() {
		ds := make([]time.Duration, 0, n)
		for range n {
			f, err := s.frame()
			if err == nil && !bytes.HasPrefix(f, []byte("RECEIPT")) {
				err = fmt.Errorf("%.300s", f)
			}
			if err != nil {
				done <- err
				s.c.Close()
				return
			}
			ds = append(ds, time.Since(<-sent))
			<-slots
		}
		lat.add(ds)
		done <- nil
	}()
	body := make([]byte, s.size)
	for i := range n {
		select {
		case slots <- struct{}{}:
		default:
			if err := s.w.Flush(); err != nil {
				return firstOf(done, err)
			}
			select {
			case slots <- struct{}{}:
			case err := <-done:
				return err
			}
		}
		now := time.Now() // a message that waits for its turn is not under way yet
		sent <- now
		binary.BigEndian.PutUint64(body, uint64(now.UnixNano()))
		fmt.Fprintf(s.w, "SEND\ndestination:%s\npersistent:true\nreceipt:%d\ncontent-length:%d\n%s\n", s.destination, i, s.size, s.headers)
		s.w.Write(body)
		s.w.WriteByte(0)
		if s.window == 1 {
			if err := s.w.Flush(); err != nil {
				return firstOf(done, err)
			}
		}
	}
	if err := s.w.Flush(); err != nil {
		return firstOf(done, err)
	}
	return <-done
}

func firstOf(done chan error, err error) error {
	select {
	case e := <-done:
		return e
	default:
		return err
	}
}

func (s *stompConn) subscribe(prefetch int) error {
	fmt.Fprintf(s.w, "SUBSCRIBE\nid:1\ndestination:%s\nack:client-individual\nactivemq.prefetchSize:%d\nprefetch-count:%d\n%s\n\x00",
		s.destination, prefetch, prefetch, s.headers)
	return s.w.Flush()
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

// Receive takes n messages, acknowledges each, and waits for the receipt of
// the last acknowledgement.
func (s *stompConn) Receive(n int, lat *latencies) error {
	ds := make([]time.Duration, 0, n)
	for i := 0; i < n; i++ {
		f, err := s.frame()
		if err != nil {
			return err
		}
		if !bytes.HasPrefix(f, []byte("MESSAGE")) {
			return fmt.Errorf("%.300s", f)
		}
		at := bytes.Index(f, []byte("\n\n"))
		sent := int64(binary.BigEndian.Uint64(f[at+2:]))
		ds = append(ds, time.Duration(time.Now().UnixNano()-sent))
		_, id, _ := bytes.Cut(f[:at+1], []byte("\nack:"))
		id, _, _ = bytes.Cut(id, []byte("\n"))
		receipt := ""
		if i == n-1 {
			receipt = "receipt:last\n"
		}
		fmt.Fprintf(s.w, "ACK\nid:%s\n%s\n\x00", id, receipt)
		if s.drained() || i == n-1 {
			if err := s.w.Flush(); err != nil {
				return err
			}
		}
	}
	if _, err := s.frame(); err != nil {
		return err
	}
	lat.add(ds)
	return nil
}

func (s *stompConn) Close() { s.c.Close() }
