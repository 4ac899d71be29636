package client

import (
	"context"
	"strconv"
	"time"

	"github.com/quorate/quorate/stomp/frame"
)

// A Message is what is sent.
type Message struct {
	Destination string // "/queue/orders"
	Persistent  bool
	Headers     []frame.Header // anything else
	Body        []byte
	Text        bool // the body is UTF-8 text, else bytes
}

// frame encodes a SEND.
func (m *Message) frame(more ...frame.Header) []byte {
	f := frame.Frame{Command: frame.Send, Body: m.Body, Counted: !m.Text, Headers: make([]frame.Header, 0, 6+len(m.Headers))}
	f.Headers = append(f.Headers, frame.Header{Name: "destination", Value: m.Destination})
	if m.Persistent {
		f.Headers = append(f.Headers, frame.Header{Name: "persistent", Value: "true"})
	}
	f.Headers = append(append(f.Headers, more...), m.Headers...)
	return f.Append(make([]byte, 0, 256+len(m.Body)), frame.V12)
}

// A send is a message that is not confirmed yet.
type send struct {
	receipt    string
	frame      []byte
	done       func(error)
	prev, next *send
}

// Send sends and waits for the confirmation, across any change of master. When
// ctx ends first the message may be sent all the same.
func (c *Client) Send(ctx context.Context, m *Message) error {
	result := make(chan error, 1)
	if err := c.SendAsync(ctx, m, func(err error) { result <- err }); err != nil {
		return err
	}
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// SendAsync sends without waiting but for room in the window. done is called
// once, by a goroutine of the client that must not be kept: nil when the
// broker confirmed, a *ServerError when it refused, ErrClosed when the client
// ended. Without an error a later call's message stands behind an earlier one's.
func (c *Client) SendAsync(ctx context.Context, m *Message, done func(error)) error {
	select {
	case c.window <- struct{}{}:
	case <-c.ended:
		return c.reason()
	case <-ctx.Done():
		return ctx.Err()
	}
	c.mu.Lock()
	if c.mu.err != nil {
		c.mu.Unlock()
		<-c.window
		return c.reason()
	}
	defer c.mu.Unlock()
	c.mu.sequence++
	s := &send{receipt: c.receipt(), done: done}
	s.frame = m.frame(frame.Header{Name: "receipt", Value: s.receipt},
		frame.Header{Name: frame.HeaderProducer, Value: c.producer},
		frame.Header{Name: frame.HeaderSequence, Value: strconv.FormatUint(c.mu.sequence, 10)})
	c.append(s)
	c.mu.stats.Sent++
	if c.mu.waiting.IsZero() {
		c.mu.waiting = time.Now()
	}
	if c.mu.link != nil {
		c.mu.link.write(s.frame)
	}
	return nil
}

// append adds to the unconfirmed ones. mu is held.
func (c *Client) append(s *send) {
	c.mu.sends[s.receipt] = s
	if s.prev = c.mu.last; s.prev == nil {
		c.mu.first = s
	} else {
		s.prev.next = s
	}
	c.mu.last = s
}

// remove takes from the unconfirmed ones. mu is held.
func (c *Client) remove(s *send) {
	delete(c.mu.sends, s.receipt)
	if s.prev == nil {
		c.mu.first = s.next
	} else {
		s.prev.next = s.next
	}
	if s.next == nil {
		c.mu.last = s.prev
	} else {
		s.next.prev = s.prev
	}
}

// settleSend gives a send its outcome.
func (c *Client) settleSend(receipt string, err error) {
	c.mu.Lock()
	s := c.mu.sends[receipt]
	if s == nil {
		c.mu.Unlock()
		return
	}
	c.remove(s)
	if err == nil {
		c.confirmed()
	} else if len(c.mu.sends) == 0 {
		c.mu.waiting = time.Time{}
	}
	c.mu.Unlock()
	s.done(err)
	<-c.window
}

// reason is why the client ended.
func (c *Client) reason() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.err
}
