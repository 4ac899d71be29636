package broker

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quorate/quorate/message"
	"github.com/quorate/quorate/store"
)

// delayed gives a message that is to be delivered after ms milliseconds.
func delayed(d message.Destination, body string, ms int) *message.Message {
	m := persistent(d, body)
	m.Properties = []message.Property{{Name: propDelay, Value: fmt.Sprint(ms)}}
	return m
}

// A producer that sends a delayed message twice across a failover has it
// delivered once.
func TestDelayedDuplicate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		d := queueNamed("q")
		send := func() {
			t.Helper()
			c := r.connect("")
			if err := wait(t, func(done func(error)) {
				if err := c.c.SendFrom(Producer{Name: "p", Sequence: 1}, delayed(d, "1", 1000), nil, done); err != nil {
					done(err)
				}
			}); err != nil {
				t.Fatal(err)
			}
		}
		send()
		r.failover()
		send()
		c := r.connect("")
		c.subscribe(Spec{Destination: d})
		time.Sleep(time.Minute)
		c.expect("1")
		c.nothing(r)
	})
}

// A body of several parts is delivered as it was sent, to each queue.
func TestDelayedBigBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		body := string(bytes.Repeat([]byte("0123456789"), store.PartSize/4))
		d := message.Destination{Kind: message.Queue, Name: "a,b"}
		c := r.connect("")
		m := delayed(d, body, 1000)
		m.ID = "ID:1"
		c.send(m, nil)
		r.failover()
		c = r.connect("")
		time.Sleep(2 * time.Second)
		for _, name := range []string{"a", "b"} {
			c.subscribe(Spec{Destination: queueNamed(name)})
			ack(t, c.expect(body)[0], false)
		}
	})
}

// Without the scheduler the properties mean nothing, and the management
// destination is one like others.
func TestNoScheduler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.NoScheduler = true })
		d := queueNamed("q")
		c := r.connect("")
		c.subscribe(Spec{Destination: d})
		c.send(delayed(d, "1", 1000), nil)
		ack(t, c.expect("1")[0], false)
		c.subscribe(Spec{Destination: topicNamed(jobDestination)})
		m := volatileMessage(topicNamed(jobDestination), "2")
		m.Properties = []message.Property{{Name: propAction, Value: actionRemoveAll}}
		c.send(m, nil)
		c.expect("2")
	})
}

// Jobs of many pages that are due at once are delivered in the order in which they
// were sent, each once, and what comes meanwhile with an earlier time goes between.
func TestManyDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		const n = 3000
		d := queueNamed("q")
		c := r.connect("")
		ch := make(chan error, n)
		for i := range n {
			m := persistent(d, fmt.Sprint(i))
			m.Properties = []message.Property{{Name: propDelay, Value: int64(5000)}}
			if err := c.c.Send(m, nil, func(err error) { ch <- err }); err != nil {
				t.Fatal(err)
			}
		}
		for range n {
			if err := await(t, ch); err != nil {
				t.Fatal(err)
			}
		}
		resume := r.log.pause()
		time.Sleep(6 * time.Second)
		early := make(chan error, 1)
		if err := c.c.Send(delayed(d, "early", 0), nil, func(err error) { early <- err }); err != nil {
			t.Fatal(err)
		}
		resume()
		if err := await(t, early); err != nil {
			t.Fatal(err)
		}
		c.subscribe(Spec{Destination: d, Prefetch: 2 * n})
		seen := 0
		for range n + 1 {
			dl := await(t, c.got)
			if body := bodyOf(dl); body != "early" {
				if body != fmt.Sprint(seen) {
					t.Fatalf("got %s, want %d", body, seen)
				}
				seen++
			}
		}
		c.nothing(r)
		if u := r.st.Usage(); u.Jobs != 0 {
			t.Fatalf("%d jobs are left", u.Jobs)
		}
	})
}

// A message that is sent again under its id is kept once, delayed or not, in a
// transaction or not, and across a failover.
func TestDuplicateIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		d := queueNamed("q")
		send := func(m *message.Message, id string, inTx bool) {
			t.Helper()
			c := r.connect("")
			var tx *Tx
			if inTx {
				var err error
				if tx, err = c.c.Begin(); err != nil {
					t.Fatal(err)
				}
			}
			if err := wait(t, func(done func(error)) {
				if err := c.c.SendFrom(Producer{ID: id}, m, tx, done); err != nil {
					done(err)
				}
			}); err != nil {
				t.Fatal(err)
			}
			if inTx {
				if err := wait(t, tx.Commit); err != nil {
					t.Fatal(err)
				}
			}
		}
		for i := range 3 {
			send(persistent(d, "now"), "a", i == 0)
			send(delayed(d, "later", 1000), "b", i == 1)
			r.failover()
		}
		send(persistent(queueNamed("other"), "elsewhere"), "a", false)
		c := r.connect("")
		c.subscribe(Spec{Destination: d})
		ack(t, c.expect("now")[0], false)
		time.Sleep(time.Minute)
		ack(t, c.expect("later")[0], false)
		c.nothing(r)
		c.subscribe(Spec{Destination: queueNamed("other")})
		c.expect("elsewhere")
		wantKind(t, c.c.SendFrom(Producer{ID: string(make([]byte, MaxDuplicateID+1))}, persistent(d, "x"), nil, nil), KindInvalidArgument)
	})
}

// Who meets a full disk learns how much of it is messages that wait.
func TestScheduledMessagesHoldDisk(t *testing.T) {
	r := newRig(t, nil)
	r.connect("").send(delayed(queueNamed("q"), "1", 3600_000), nil)
	top := most(storeHolders(r.b.current()))
	if len(top) != 1 || top[0].n == 0 || !strings.Contains(top[0].String(), "scheduled for later") {
		t.Fatal(top)
	}
}
