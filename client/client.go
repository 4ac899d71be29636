// Package client is a STOMP 1.2 client that survives a change of master: it
// connects again, subscribes again, and sends again what was not confirmed,
// numbered so that the broker recognises what it has already. Our own commands
// use it.
//
// A Client has one connection at a time, a link. Three goroutines serve it: one
// keeps a link, and each link has a reader and a writer. Methods may be called
// by any goroutine.
package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ErrClosed is returned after Close, or after the last attempt to connect.
var ErrClosed = errors.New("the client is closed")

// ErrLost is returned for what ended with its connection: a delivery that will
// come again, a transaction that was rolled back.
var ErrLost = errors.New("the connection it belonged to is gone")

// ErrUnknown is returned for a COMMIT whose receipt did not come: the
// transaction happened as a whole or not at all, and nobody knows which.
var ErrUnknown = errors.New("the connection broke before the outcome was known")

// A ServerError is what an ERROR frame said.
type ServerError struct{ Message, Detail string }

// Error gives both parts in one line.
func (e *ServerError) Error() string {
	if e.Detail == "" || e.Detail == e.Message {
		return e.Message
	}
	return e.Message + " " + e.Detail
}

// Options say who the client is and how it behaves. The zero value is usable.
type Options struct {
	Login, Passcode, ClientID string
	// HeartBeat is what the client sends and wants to receive; after twice the
	// latter in silence the connection is taken for dead. Zero is 5 s and
	// 500 ms, negative is none.
	HeartBeat [2]time.Duration
	// Window is how many sends may be unconfirmed; 1,000 if zero, at most 2,000.
	Window int
	// DialTimeout bounds connecting and logging in at one address; 1 s if zero.
	DialTimeout time.Duration
	// Changed, if set, is told of each connection made and lost, on the
	// goroutine that connects.
	Changed func(Event)
	// Failed, if set, is told after each round of addresses of which none let
	// the client in, on the goroutine that connects.
	Failed func(error)
}

// An Event is a connection made, or lost for the reason Err.
type Event struct {
	Address string
	Err     error
}

func (o Options) withDefaults() Options {
	for i, d := range []time.Duration{5 * time.Second, 500 * time.Millisecond} {
		if o.HeartBeat[i] == 0 {
			o.HeartBeat[i] = d
		}
		o.HeartBeat[i] = max(o.HeartBeat[i], 0)
	}
	if o.Window <= 0 {
		o.Window = 1000
	}
	o.Window = min(o.Window, 2000)
	if o.DialTimeout <= 0 {
		o.DialTimeout = time.Second
	}
	if o.Changed == nil {
		o.Changed = func(Event) {}
	}
	return o
}

// A Client is a connection to a broker, wherever its master is.
type Client struct {
	target   Target
	opt      Options
	producer string // unique, names this client for the duplicate check
	cancel   context.CancelFunc
	window   chan struct{} // a token for each unconfirmed send
	ended    chan struct{} // closed when the client gave up or was closed

	mu struct {
		sync.Mutex
		link     *link            // nil while there is none
		linked   chan struct{}    // closed when there is one again
		err      error            // why the client ended
		sends    map[string]*send // unconfirmed, by receipt
		first    *send            // and in their order
		last     *send
		sequence uint64
		receipts uint64
		subs     []*Subscription
		subNo    int
		stats    Stats
		waiting  time.Time // since when a confirmation is overdue; zero if none is
	}
}

// Dial connects, trying again as the URL says, and returns once it is
// connected. An ERROR frame in answer to the login ends it at once.
func Dial(ctx context.Context, url string, o Options) (*Client, error) {
	t, err := ParseURL(url)
	if err != nil {
		return nil, err
	}
	o = o.withDefaults()
	c := &Client{target: t, opt: o, producer: rand.Text(), window: make(chan struct{}, o.Window), ended: make(chan struct{})}
	c.mu.linked = make(chan struct{})
	c.mu.sends = make(map[string]*send)
	l, err := c.connect(ctx, t.StartupAttempts, true)
	if err != nil {
		return nil, err
	}
	life, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	c.begin(l)
	go c.run(life, l)
	return c, nil
}

// run keeps a link until the client is closed.
func (c *Client) run(ctx context.Context, l *link) {
	defer close(c.ended)
	for {
		select {
		case <-l.broken:
		case <-ctx.Done():
			l.fail(ErrClosed)
		}
		l.work.Wait()
		c.lose(l)
		if ctx.Err() != nil {
			c.giveUp(ErrClosed)
			return
		}
		next, err := c.connect(ctx, c.target.MaxAttempts, false)
		if err != nil {
			if ctx.Err() != nil {
				err = ErrClosed
			} else {
				err = fmt.Errorf("%w: %w", ErrClosed, errors.Join(l.cause, err))
			}
			c.giveUp(err)
			return
		}
		l = next
		c.begin(l)
	}
}

// begin makes a link the current one: subscriptions first, then what was not
// confirmed, in its order, before anybody else can send.
func (c *Client) begin(l *link) {
	c.mu.Lock()
	for _, s := range c.mu.subs {
		l.write(s.frame)
	}
	for s := c.mu.first; s != nil; s = s.next {
		l.write(s.frame)
	}
	c.mu.link = l
	c.mu.stats.Address = l.address
	c.mu.stats.Connects++
	close(c.mu.linked)
	c.mu.Unlock()
	l.start()
	c.opt.Changed(Event{Address: l.address})
}

// lose ends what belonged to the link.
func (c *Client) lose(l *link) {
	c.mu.Lock()
	c.mu.link, c.mu.linked = nil, make(chan struct{})
	c.mu.stats.Address = ""
	waiting := l.takeWaiting()
	close(l.lost)
	c.mu.Unlock()
	for _, done := range waiting {
		done(ErrUnknown)
	}
	c.opt.Changed(Event{Address: l.address, Err: l.cause})
}

// giveUp ends every send and subscription with err.
func (c *Client) giveUp(err error) {
	c.mu.Lock()
	c.mu.err = err
	first := c.mu.first
	c.mu.first, c.mu.last = nil, nil
	clear(c.mu.sends)
	subs := c.mu.subs
	c.mu.subs = nil
	close(c.mu.linked)
	c.mu.Unlock()
	for s := first; s != nil; s = s.next {
		s.done(err)
		<-c.window
	}
	for _, s := range subs {
		s.end(err)
	}
}

// current waits for a link.
func (c *Client) current(ctx context.Context) (*link, error) {
	for {
		c.mu.Lock()
		l, linked, err := c.mu.link, c.mu.linked, c.mu.err
		c.mu.Unlock()
		if l != nil || err != nil {
			return l, err
		}
		select {
		case <-linked:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Close says goodbye if it can, and ends everything. Unconfirmed sends end
// with ErrClosed.
func (c *Client) Close() error {
	c.mu.Lock()
	l := c.mu.link
	c.mu.Unlock()
	if l != nil {
		l.goodbye()
	}
	c.cancel()
	<-c.ended
	return nil
}

// receipt makes an identifier for a receipt. mu is held.
func (c *Client) receipt() string {
	c.mu.receipts++
	return fmt.Sprintf("r%d", c.mu.receipts)
}
