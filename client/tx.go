package client

import (
	"context"
	"fmt"

	"github.com/quorate/quorate/stomp/frame"
)

// A Tx is a transaction. It lives on one connection: when that breaks it is
// rolled back, and its calls return ErrLost.
type Tx struct {
	c    *Client
	link *link
	id   frame.Header
}

// Begin begins a transaction.
func (c *Client) Begin(ctx context.Context) (*Tx, error) {
	l, err := c.current(ctx)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	id := fmt.Sprintf("t%s", c.receipt())
	c.mu.Unlock()
	tx := &Tx{c: c, link: l, id: frame.Header{Name: "transaction", Value: id}}
	return tx, c.callAsync(ctx, l, frame.Begin, nil, tx.id)
}

// Send adds a message. It does not wait: what the broker has against it ends
// the connection, and the commit fails.
func (tx *Tx) Send(m *Message) error {
	if tx.link.isBroken() {
		return ErrLost
	}
	tx.link.write(m.frame(tx.id))
	return nil
}

// Ack adds an acknowledgement. The delivery must be of the same connection.
func (tx *Tx) Ack(d *Delivery) error {
	if d.link != tx.link || tx.link.isBroken() {
		return ErrLost
	}
	return tx.c.callAsync(context.Background(), tx.link, frame.Ack, nil, frame.Header{Name: "id", Value: d.ack}, tx.id)
}

// Commit makes it happen, as a whole, and returns when the broker has
// confirmed. ErrLost and a *ServerError mean that it did not happen; after
// ErrUnknown nobody knows.
func (tx *Tx) Commit(ctx context.Context) error {
	return tx.c.call(ctx, tx.link, frame.Commit, tx.id)
}

// Abort rolls back.
func (tx *Tx) Abort(ctx context.Context) error {
	return tx.c.call(ctx, tx.link, frame.Abort, tx.id)
}
