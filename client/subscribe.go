package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/quorate/quorate/stomp/frame"
)

// ErrUnsubscribed ends Receive after Unsubscribe.
var ErrUnsubscribed = errors.New("the subscription has ended")

// A Spec says what to subscribe to.
type Spec struct {
	Destination string
	// Cumulative makes Ack confirm everything before, too.
	Cumulative bool
	Prefetch   int            // 0 is the broker's default
	Selector   string         //
	Durable    string         // name of a durable subscription; needs Options.ClientID
	Browse     bool           // look without taking
	Headers    []frame.Header // anything else
}

// A Subscription receives messages, on each new connection again.
type Subscription struct {
	c     *Client
	id    string
	frame []byte // SUBSCRIBE

	mu struct {
		sync.Mutex
		inbox []*Delivery // bounded by the prefetch
		err   error
	}
	wake chan struct{} // holds a token when something changed
}

// A Delivery is a message received. Its strings and body belong to the caller.
type Delivery struct {
	Headers []frame.Header
	Body    []byte
	// End marks the end of what a browser sees; nothing is to be acknowledged.
	End  bool
	link *link
	ack  string
}

// Header returns the value of a header, "" if it is not there.
func (d *Delivery) Header(name string) string {
	for _, h := range d.Headers {
		if h.Name == name {
			return h.Value
		}
	}
	return ""
}

// Redelivered reports whether the message may have been delivered before.
func (d *Delivery) Redelivered() bool { return d.Header("redelivered") == "true" }

// Subscribe subscribes and returns once the broker has said so.
func (c *Client) Subscribe(ctx context.Context, spec Spec) (*Subscription, error) {
	s := &Subscription{c: c, wake: make(chan struct{}, 1)}
	c.mu.Lock()
	c.mu.subNo++
	s.id = strconv.Itoa(c.mu.subNo)
	receipt := c.receipt()
	c.mu.Unlock()
	f := spec.frame(s.id)
	s.frame = f.Append(nil, frame.V12)
	f.Headers = append(f.Headers, frame.Header{Name: "receipt", Value: receipt})
	first := f.Append(nil, frame.V12)
	for {
		l, err := c.current(ctx)
		if err != nil {
			return nil, err
		}
		if err = c.firstSubscribe(ctx, s, l, receipt, first); err == nil {
			return s, nil
		} else if !errors.Is(err, ErrUnknown) {
			return nil, err
		}
		select {
		case <-l.lost:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// firstSubscribe subscribes on one link. The subscription is known before the
// frame leaves, because messages may come before the receipt.
func (c *Client) firstSubscribe(ctx context.Context, s *Subscription, l *link, receipt string, frame []byte) error {
	result := make(chan error, 1)
	c.mu.Lock()
	if c.mu.link != l {
		c.mu.Unlock()
		return ErrUnknown
	}
	c.mu.subs = append(c.mu.subs, s)
	c.mu.Unlock()
	l.request(receipt, frame, func(err error) { result <- err })
	var err error
	select {
	case err = <-result:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		c.dropSubscription(s)
	}
	return err
}

func (c *Client) dropSubscription(s *Subscription) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.subs = slices.DeleteFunc(c.mu.subs, func(o *Subscription) bool { return o == s })
}

func (spec *Spec) frame(id string) *frame.Frame {
	f := &frame.Frame{Command: frame.Subscribe}
	add := func(name, value string) {
		if value != "" {
			f.Headers = append(f.Headers, frame.Header{Name: name, Value: value})
		}
	}
	add("id", id)
	add("destination", spec.Destination)
	mode := "client-individual"
	if spec.Cumulative {
		mode = "client"
	}
	add("ack", mode)
	if spec.Prefetch > 0 {
		add("activemq.prefetchSize", strconv.Itoa(spec.Prefetch))
	}
	add("selector", spec.Selector)
	add("activemq.subscriptionName", spec.Durable)
	if spec.Browse {
		add("browser", "true")
	}
	f.Headers = append(f.Headers, spec.Headers...)
	return f
}

// deliver gives a MESSAGE to its subscription.
func (c *Client) deliver(l *link, f *frame.Frame) {
	d := &Delivery{Headers: slices.Clone(f.Headers), Body: f.Body, link: l, ack: f.Value("ack"), End: f.Value("browser") == "end"}
	id := f.Value("subscription")
	c.mu.Lock()
	var to *Subscription
	for _, s := range c.mu.subs {
		if s.id == id {
			to = s
		}
	}
	if to != nil && !d.End {
		c.mu.stats.Received++
	}
	c.mu.Unlock()
	if to == nil {
		return // it has just ended; the broker gives the message to others
	}
	to.mu.Lock()
	to.mu.inbox = append(to.mu.inbox, d)
	to.mu.Unlock()
	to.signal()
}

func (s *Subscription) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// end makes Receive return err once the inbox is empty.
func (s *Subscription) end(err error) {
	s.mu.Lock()
	if s.mu.err == nil {
		s.mu.err = err
	}
	s.mu.Unlock()
	s.signal()
}

// Receive waits for the next message. Those of a connection that is gone are
// skipped, because they come again. For one goroutine at a time.
func (s *Subscription) Receive(ctx context.Context) (*Delivery, error) {
	for {
		s.mu.Lock()
		for len(s.mu.inbox) > 0 {
			d := s.mu.inbox[0]
			s.mu.inbox[0] = nil
			s.mu.inbox = s.mu.inbox[1:]
			if d.link.isBroken() {
				continue
			}
			s.mu.Unlock()
			return d, nil
		}
		err := s.mu.err
		s.mu.Unlock()
		if err != nil {
			return nil, err
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (l *link) isBroken() bool {
	select {
	case <-l.broken:
		return true
	default:
		return false
	}
}

// Unsubscribe ends the subscription; what was not acknowledged goes to others.
func (s *Subscription) Unsubscribe(ctx context.Context) error {
	s.c.dropSubscription(s)
	s.end(ErrUnsubscribed)
	err := s.c.call(ctx, nil, frame.Unsubscribe, frame.Header{Name: "id", Value: s.id})
	if errors.Is(err, ErrUnknown) || errors.Is(err, ErrLost) {
		return nil // it went with the connection
	}
	return err
}

// call sends a frame on link l, or the present one, and waits for its receipt.
func (c *Client) call(ctx context.Context, l *link, command string, headers ...frame.Header) error {
	result := make(chan error, 1)
	if err := c.callAsync(ctx, l, command, func(err error) { result <- err }, headers...); err != nil {
		return err
	}
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// callAsync is call without the waiting. Without done no receipt is asked for.
func (c *Client) callAsync(ctx context.Context, l *link, command string, done func(error), headers ...frame.Header) error {
	if l == nil {
		var err error
		if l, err = c.current(ctx); err != nil {
			return err
		}
	} else if l.isBroken() {
		return ErrLost
	}
	f := frame.Frame{Command: command, Headers: headers}
	if done == nil {
		l.write(f.Append(nil, frame.V12))
		return nil
	}
	c.mu.Lock()
	receipt := c.receipt()
	c.mu.Unlock()
	f.Headers = append(f.Headers, frame.Header{Name: "receipt", Value: receipt})
	l.request(receipt, f.Append(nil, frame.V12), done)
	return nil
}

// Ack acknowledges and waits until the broker has confirmed. ErrLost and
// ErrUnknown mean that the message may come again, marked as redelivered.
func (d *Delivery) Ack(ctx context.Context) error {
	return d.link.c.call(ctx, d.link, frame.Ack, frame.Header{Name: "id", Value: d.ack})
}

// AckAsync acknowledges without waiting. done may be nil.
func (d *Delivery) AckAsync(done func(error)) error {
	return d.link.c.callAsync(context.Background(), d.link, frame.Ack, done, frame.Header{Name: "id", Value: d.ack})
}

// Nack refuses the message: the broker tries it again or buries it.
func (d *Delivery) Nack(ctx context.Context) error {
	return d.link.c.call(ctx, d.link, frame.Nack, frame.Header{Name: "id", Value: d.ack})
}

// String names the message, for logs.
func (d *Delivery) String() string {
	return fmt.Sprintf("%s from %s", d.Header("message-id"), d.Header("destination"))
}
