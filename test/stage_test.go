package test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quorate/quorate/internal/testkit/proc"
	"github.com/quorate/quorate/internal/testkit/wire"
)

// patience is how long a rule waits for what must come.
const patience = 15 * time.Second

// A stage is where one half of a rule plays: a broker that serves, and what the
// rule has said and seen so far.
type stage struct {
	*testing.T
	c      *proc.Cluster
	addr   string // of the master
	ledger *ledger
	keeper testing.TB // when it ends the connections are broken
	reborn bool       // the master died since the first half, or its process was restarted
}

// wait gives a context for one thing that must come.
func (s *stage) wait() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	s.Cleanup(cancel)
	return ctx
}

// must ends the half on an error.
func (s *stage) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// same compares what came with what had to come.
func (s *stage) same(what string, got, want []string) {
	s.Helper()
	if !slices.Equal(got, want) {
		s.Fatalf("%s:\n got %v\nwant %v", what, short(got), short(want))
	}
}

// short leaves out the middle of a long list, and the ends of long bodies.
func short(list []string) []string {
	list = slices.Clone(list)
	for i, b := range list {
		list[i] = b[:min(len(b), 60)]
	}
	if len(list) <= 24 {
		return list
	}
	return append(append(list[:12:12], fmt.Sprintf("… %d more …", len(list)-24)), list[len(list)-12:]...)
}

// numbered gives prefix with the numbers from..to-1.
func numbered(prefix string, from, to int) []string {
	var list []string
	for i := from; i < to; i++ {
		list = append(list, fmt.Sprintf("%s%d", prefix, i))
	}
	return list
}

// A client is a connection of a rule.
type client struct {
	*wire.Client
	s    *stage
	txs  map[string][]string // what was sent in each open transaction
	subs int
}

// connect logs a client in. It goes, without a farewell, when the half ends, or
// with the master that dies after it.
func (s *stage) connect(headers ...string) *client {
	s.Helper()
	c, err := wire.DialClient(s.addr, headers...)
	for wait := s.wait(); err != nil && strings.Contains(err.Error(), "client id") && wait.Err() == nil; {
		// The broker has not yet seen that the client's last connection is gone.
		time.Sleep(10 * time.Millisecond)
		c, err = wire.DialClient(s.addr, headers...)
	}
	s.must(err)
	s.keeper.Cleanup(c.Close)
	return &client{Client: c, s: s, txs: map[string][]string{}}
}

// do sends a frame that must be confirmed.
func (c *client) do(command, body string, headers ...string) {
	c.s.Helper()
	c.s.must(c.Do(c.s.wait(), command, []byte(body), headers...))
}

// send sends a persistent message and waits until it is confirmed.
func (c *client) send(destination, body string, headers ...string) {
	c.s.Helper()
	c.note(body, headers)
	c.do("SEND", body, append([]string{"destination", destination, "persistent", "true"}, headers...)...)
}

// fill sends messages without waiting for each; all are confirmed at its end.
func (c *client) fill(destination string, bodies []string, headers func(i int) []string) {
	c.s.Helper()
	for i, body := range bodies {
		h := []string{"destination", destination, "persistent", "true"}
		if headers != nil {
			h = append(h, headers(i)...)
		}
		c.note(body, h)
		if i == len(bodies)-1 {
			c.do("SEND", body, h...)
		} else {
			c.s.must(c.Post("SEND", []byte(body), h...))
		}
	}
}

// note writes down what is about to be sent.
func (c *client) note(body string, headers []string) {
	if i := slices.Index(headers, "transaction"); i >= 0 {
		c.txs[headers[i+1]] = append(c.txs[headers[i+1]], body)
		return
	}
	c.s.ledger.sent(body)
}

func (c *client) begin(tx string) { c.s.Helper(); c.do("BEGIN", "", "transaction", tx) }

func (c *client) commit(tx string) {
	c.s.Helper()
	c.s.ledger.sent(c.txs[tx]...)
	c.do("COMMIT", "", "transaction", tx)
}

func (c *client) abort(tx string) { c.s.Helper(); c.do("ABORT", "", "transaction", tx) }

// refused sends a frame that must be answered with an ERROR frame which has all
// of the words.
func (c *client) refused(words []string, command, body string, headers ...string) {
	c.s.Helper()
	err := c.Do(c.s.wait(), command, []byte(body), headers...)
	var r *wire.Refusal
	if !errors.As(err, &r) {
		c.s.Fatalf("%s %v: %v, want an ERROR frame", command, headers, err)
	}
	for _, w := range words {
		if !strings.Contains(r.Error(), w) {
			c.s.Errorf("%s %v: %q does not say %q", command, headers, r.Error(), w)
		}
	}
}

// A sub is a subscription of a client.
type sub struct {
	c      *client
	id     string
	reader string // who reads, for the ledger
}

// subscribe begins a subscription that acknowledges each message by itself.
func (c *client) subscribe(destination string, headers ...string) *sub {
	c.s.Helper()
	c.subs++
	id := fmt.Sprintf("s%d", c.subs)
	h := []string{"id", id, "destination", destination}
	if !slices.Contains(headers, "ack") {
		h = append(h, "ack", "client-individual")
	}
	c.do("SUBSCRIBE", "", append(h, headers...)...)
	b := &sub{c: c, id: id}
	if strings.Contains(destination, "/topic/") {
		b.reader = fmt.Sprintf(" for %p", b)
		if i := slices.Index(headers, "activemq.subscriptionName"); i >= 0 {
			b.reader = " for " + headers[i+1]
		}
	}
	return b
}

// durable begins a durable subscription; its client has a client-id.
func (c *client) durable(topic, name string, headers ...string) *sub {
	c.s.Helper()
	return c.subscribe(topic, append([]string{"activemq.subscriptionName", name}, headers...)...)
}

func (b *sub) unsubscribe() { b.c.s.Helper(); b.c.do("UNSUBSCRIBE", "", "id", b.id) }

// next takes the next message, which must come.
func (b *sub) next() *wire.Frame {
	b.c.s.Helper()
	f, err := b.c.Next(b.c.s.wait(), b.id)
	b.c.s.must(err)
	if f.Headers["browser"] == "" {
		b.c.s.ledger.received(f.Headers["destination"]+b.reader, f)
	}
	return f
}

// ack acknowledges a message; at its return that is confirmed.
func (b *sub) ack(f *wire.Frame, headers ...string) {
	b.c.s.Helper()
	b.c.do("ACK", "", append([]string{"id", f.Headers["ack"]}, headers...)...)
	if !slices.Contains(headers, "transaction") {
		b.c.s.ledger.acked(f.Headers["destination"]+b.reader, f)
	}
}

// fail takes the acknowledgement of a message back: its delivery has failed.
func (b *sub) fail(f *wire.Frame) {
	b.c.s.Helper()
	b.c.subs++
	tx := fmt.Sprintf("fail%d", b.c.subs)
	b.c.begin(tx)
	b.ack(f, "transaction", tx)
	b.c.abort(tx)
}

// nack rejects a message, which makes it a dead letter at once.
func (b *sub) nack(f *wire.Frame) {
	b.c.s.Helper()
	b.c.do("NACK", "", "id", f.Headers["ack"])
}

// take takes n messages, acknowledges them and gives their bodies.
func (b *sub) take(n int) []string {
	b.c.s.Helper()
	var bodies []string
	for i := range n {
		f := b.next()
		bodies = append(bodies, string(f.Body))
		if i < n-1 {
			b.c.s.must(b.c.Post("ACK", nil, "id", f.Headers["ack"]))
			b.c.s.ledger.acked(f.Headers["destination"]+b.reader, f)
		} else {
			b.ack(f)
		}
	}
	return bodies
}

// peek takes n messages and acknowledges none.
func (b *sub) peek(n int) []*wire.Frame {
	b.c.s.Helper()
	var frames []*wire.Frame
	for range n {
		frames = append(frames, b.next())
	}
	return frames
}

// quiet says that nothing came that was not taken. What would have come is
// known to be decided: the caller has seen something later.
func (b *sub) quiet() {
	b.c.s.Helper()
	if n := b.c.Waiting(b.id); n > 0 {
		b.c.s.Fatalf("%d messages came that should not, the first: %s", n, b.next().Body)
	}
}

// bodies gives the bodies of frames.
func bodies(frames []*wire.Frame) []string {
	var list []string
	for _, f := range frames {
		list = append(list, string(f.Body))
	}
	return list
}

// browse gives the bodies of everything in a queue.
func (c *client) browse(queue string, headers ...string) []string {
	c.s.Helper()
	return bodies(c.look(queue, headers...))
}

// look gives everything in a queue.
func (c *client) look(queue string, headers ...string) []*wire.Frame {
	c.s.Helper()
	b := c.subscribe(queue, append([]string{"browser", "true", "ack", "auto"}, headers...)...)
	var frames []*wire.Frame
	for {
		f, err := c.Next(c.s.wait(), b.id)
		c.s.must(err)
		if f.Headers["browser"] == "end" {
			b.unsubscribe()
			return frames
		}
		frames = append(frames, f)
	}
}

// settles waits until a queue holds exactly these bodies: for what happens
// after an acknowledgement, such as a dead letter.
func (c *client) settles(queue string, want []string) {
	c.s.Helper()
	deadline := time.Now().Add(patience)
	got := c.browse(queue)
	for !slices.Equal(got, want) && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond) // there is nothing to wait on outside the broker
		got = c.browse(queue)
	}
	c.s.same(queue, got, want)
}
