package client

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/quorate/quorate/stomp/frame"
)

func dial(t *testing.T, p *peer, o Options) (*Client, *wire) {
	t.Helper()
	type result struct {
		c   *Client
		err error
	}
	done := make(chan result, 1)
	go func() {
		c, err := Dial(context.Background(), p.url(), o)
		done <- result{c, err}
	}()
	w := p.accept()
	r := <-done
	if r.err != nil {
		t.Fatal(r.err)
	}
	return r.c, w
}

// end answers the goodbye and waits for Close.
func end(t *testing.T, c *Client, w *wire) {
	t.Helper()
	if _, err := c.current(context.Background()); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { c.Close(); close(done) }()
	w.receipt(w.expect(frame.Disconnect))
	<-done
}

func TestUnconfirmedIsSentAgain(t *testing.T) {
	p := listen(t)
	c, w := dial(t, p, Options{})
	out := newTally()
	for _, name := range []string{"a", "b", "c"} {
		if err := c.SendAsync(context.Background(), &Message{Destination: "/queue/q", Persistent: true, Body: []byte(name)}, out.done(name)); err != nil {
			t.Fatal(err)
		}
	}
	var numbers []string
	for range 3 {
		f := w.expect(frame.Send)
		numbers = append(numbers, f.Value(frame.HeaderProducer)+f.Value(frame.HeaderSequence))
		if string(f.Body) == "b" {
			w.receipt(f)
		}
	}
	out.wait(1)
	w.Close()
	w = p.accept()
	for _, i := range []int{0, 2} {
		f := w.expect(frame.Send)
		if again := f.Value(frame.HeaderProducer) + f.Value(frame.HeaderSequence); again != numbers[i] {
			t.Errorf("%q is numbered %s the second time, %s the first", f.Body, again, numbers[i])
		}
		w.receipt(f)
	}
	if got := out.wait(2); got != "b a c" {
		t.Errorf("outcomes %s", got)
	}
	if s := c.Stats(); s.Sent != 3 || s.Confirmed != 3 || s.Connects != 2 || s.Waiting != 0 || s.LongestGap <= 0 {
		t.Errorf("%+v", s)
	}
	end(t, c, w)
}

func TestRefusedSendEndsAlone(t *testing.T) {
	p := listen(t)
	c, w := dial(t, p, Options{})
	out := newTally()
	for _, name := range []string{"a", "b"} {
		c.SendAsync(context.Background(), &Message{Destination: "/queue/q"}, out.done(name))
	}
	f := w.expect(frame.Send)
	w.reply("ERROR\nmessage:no room\nreceipt-id:" + f.Value("receipt") + "\n\n\x00")
	out.wait(1)
	w = p.accept()
	w.receipt(w.expect(frame.Send))
	if got := out.wait(1); got != "a!no room b" {
		t.Errorf("outcomes %s", got)
	}
	end(t, c, w)
}

func TestSubscribesAgain(t *testing.T) {
	p := listen(t)
	c, w := dial(t, p, Options{})
	ctx := context.Background()
	got := make(chan *Subscription)
	go func() {
		s, err := c.Subscribe(ctx, Spec{Destination: "/queue/q", Prefetch: 7})
		if err != nil {
			t.Error(err)
		}
		got <- s
	}()
	w.receipt(w.expect(frame.Subscribe))
	s := <-got
	w.reply("MESSAGE\nsubscription:1\nack:k1\nmessage-id:m1\n\none\x00")
	d, err := s.Receive(ctx)
	if err != nil || string(d.Body) != "one" {
		t.Fatal(d, err)
	}
	w.reply("MESSAGE\nsubscription:1\nack:k2\nmessage-id:m2\n\ntwo\x00")
	w.Close()
	w = p.accept()
	if f := w.expect(frame.Subscribe); f.Value("id") != "1" || f.Value("activemq.prefetchSize") != "7" {
		t.Errorf("subscribed again as %v", f.Headers)
	}
	if err := d.Ack(ctx); !errors.Is(err, ErrLost) {
		t.Errorf("ACK of a delivery of before: %v", err)
	}
	w.reply("MESSAGE\nsubscription:1\nack:k3\nmessage-id:m1\nredelivered:true\n\none\x00")
	if d, err = s.Receive(ctx); err != nil || string(d.Body) != "one" || !d.Redelivered() {
		t.Fatalf("%v %v: a message of the lost connection was not skipped", d, err)
	}
	acked := make(chan error)
	go func() { acked <- d.Ack(ctx) }()
	f := w.expect(frame.Ack)
	if f.Value("id") != "k3" {
		t.Errorf("acknowledged %v", f.Headers)
	}
	w.receipt(f)
	if err := <-acked; err != nil {
		t.Error(err)
	}
	end(t, c, w)
	if _, err := s.Receive(ctx); !errors.Is(err, ErrClosed) {
		t.Errorf("receive after close: %v", err)
	}
}

func TestCommitIsUnknownWhenTheConnectionBreaks(t *testing.T) {
	p := listen(t)
	c, w := dial(t, p, Options{})
	ctx := context.Background()
	tx, err := c.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	w.expect(frame.Begin)
	tx.Send(&Message{Destination: "/queue/q"})
	f := w.expect(frame.Send)
	if _, ok := f.Get(frame.HeaderProducer); ok || f.Value("transaction") == "" {
		t.Errorf("in a transaction: %v", f.Headers)
	}
	done := make(chan error)
	go func() { done <- tx.Commit(ctx) }()
	w.expect(frame.Commit)
	w.Close()
	if err := <-done; !errors.Is(err, ErrUnknown) {
		t.Errorf("commit: %v", err)
	}
	w = p.accept()
	if err := tx.Send(&Message{Destination: "/queue/q"}); !errors.Is(err, ErrLost) {
		t.Errorf("send in it afterwards: %v", err)
	}
	end(t, c, w)
}

func TestDialTellsWhyTheLoginFailed(t *testing.T) {
	p := listen(t)
	go func() {
		c, err := p.l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		frame.NewReader(c).Read()
		c.Write([]byte("ERROR\nmessage:User name [x] or password is invalid.\n\n\x00"))
	}()
	_, err := Dial(context.Background(), p.url(), Options{Login: "x"})
	if err == nil || !strings.Contains(err.Error(), "User name [x]") {
		t.Fatal(err)
	}
}

func TestSilentBrokerIsGivenUp(t *testing.T) {
	p := listen(t)
	lost := make(chan error, 10)
	var c *Client
	done := make(chan error)
	go func() {
		var err error
		c, err = Dial(context.Background(), p.url(), Options{HeartBeat: [2]time.Duration{-1, 20 * time.Millisecond}, Changed: func(e Event) {
			if e.Err != nil {
				lost <- e.Err
			}
		}})
		done <- err
	}()
	conn, err := p.l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	w := &wire{t, conn, frame.NewReader(conn)}
	if f := w.expect(frame.Connect); f.Value("heart-beat") != "0,20" {
		t.Errorf("heart-beat %s", f.Value("heart-beat"))
	}
	w.reply("CONNECTED\nversion:1.2\nheart-beat:20,0\n\n\x00")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if e := <-lost; !strings.Contains(e.Error(), "silent for 40ms") {
		t.Errorf("lost: %v", e)
	}
	end(t, c, p.accept())
}

func TestPlainURLEndsWithItsConnection(t *testing.T) {
	p := listen(t)
	var c *Client
	done := make(chan error)
	go func() {
		var err error
		c, err = Dial(context.Background(), "stomp://"+p.l.Addr().String(), Options{})
		done <- err
	}()
	w := p.accept()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	out := newTally()
	c.SendAsync(context.Background(), &Message{Destination: "/queue/q"}, out.done("a"))
	w.expect(frame.Send)
	w.Close()
	if got := out.wait(1); !strings.Contains(got, "the client is closed") {
		t.Errorf("outcome %s", got)
	}
	if err := c.Send(context.Background(), &Message{}); !errors.Is(err, ErrClosed) {
		t.Errorf("send afterwards: %v", err)
	}
	c.Close()
}
