package wire

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"
)

// A Refusal is an ERROR frame.
type Refusal struct{ Message, Detail string }

// Error gives both parts in one line.
func (r *Refusal) Error() string { return r.Message + " " + r.Detail }

// A Client sorts what comes on a connection, so that a test waits for one thing
// after the other: messages by subscription, receipts by name. Its methods may
// be called by any goroutine.
type Client struct {
	conn  *Conn
	write sync.Mutex

	mu       sync.Mutex
	messages map[string][]*Frame
	receipts map[string]bool
	numbers  int
	err      error // why the connection ended: a *Refusal if the broker said why
	changed  chan struct{}
}

// clientSilence is how long a Client waits for a heart-beat.
const clientSilence = 15 * time.Second

// DialClient connects and logs in, with further headers of CONNECT.
func DialClient(addr string, headers ...string) (*Client, error) {
	conn, err := Dial(addr, 5*time.Second, headers...)
	if err != nil {
		return nil, err
	}
	conn.idle = clientSilence
	c := &Client{conn: conn, messages: map[string][]*Frame{}, receipts: map[string]bool{}, changed: make(chan struct{})}
	go c.read()
	return c, nil
}

// read ends with the connection.
func (c *Client) read() {
	for {
		f, err := c.conn.Read()
		c.mu.Lock()
		switch {
		case err != nil:
			if c.err == nil {
				c.err = err
			}
		case f.Command == "MESSAGE":
			id := f.Headers["subscription"]
			c.messages[id] = append(c.messages[id], f)
		case f.Command == "RECEIPT":
			c.receipts[f.Headers["receipt-id"]] = true
		default:
			c.err = &Refusal{f.Headers["message"], string(f.Body)}
		}
		close(c.changed)
		c.changed = make(chan struct{})
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// Post sends a frame and waits for nothing.
func (c *Client) Post(command string, body []byte, headers ...string) error {
	c.write.Lock()
	defer c.write.Unlock()
	return c.conn.Write(command, body, headers...)
}

// Do sends a frame and waits for its receipt.
func (c *Client) Do(ctx context.Context, command string, body []byte, headers ...string) error {
	c.mu.Lock()
	c.numbers++
	receipt := "r" + strconv.Itoa(c.numbers)
	c.mu.Unlock()
	err := c.Post(command, body, append([]string{"receipt", receipt}, headers...)...)
	if err == nil || errors.As(c.Err(), new(*Refusal)) {
		err = c.wait(ctx, func() bool { return c.receipts[receipt] })
	}
	if err != nil {
		return fmt.Errorf("%s %v: %w", command, headers, err)
	}
	return nil
}

// Next gives the next message of a subscription.
func (c *Client) Next(ctx context.Context, subscription string) (*Frame, error) {
	err := c.wait(ctx, func() bool { return len(c.messages[subscription]) > 0 })
	if err != nil {
		return nil, fmt.Errorf("a message of %s: %w", subscription, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.messages[subscription][0]
	c.messages[subscription] = c.messages[subscription][1:]
	return f, nil
}

// Waiting gives how many messages of a subscription came that nobody took.
func (c *Client) Waiting(subscription string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.messages[subscription])
}

// Err tells why the connection ended, nil while it lives.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Ended waits until the broker ends the connection and tells why.
func (c *Client) Ended(ctx context.Context) error {
	err := c.wait(ctx, func() bool { return false })
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// Until waits until a test's own condition holds; it is asked again whenever
// something came.
func (c *Client) Until(ctx context.Context, holds func() bool) error {
	for {
		c.mu.Lock()
		err, changed := c.err, c.changed
		c.mu.Unlock()
		if holds() {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// wait waits for something that is seen under mu.
func (c *Client) wait(ctx context.Context, happened func() bool) error {
	return c.Until(ctx, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return happened()
	})
}

// Close breaks the connection as a client does that is gone.
func (c *Client) Close() { c.conn.Close() }
