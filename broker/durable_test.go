package broker

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/quorate/quorate/message"
)

// A client removes its durable subscription and goes before the log has told
// so. When it subscribes again it must not get the remains of the one that is
// deleted, which nothing enters any more.
func TestDurableRemovedByOneWhoWent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		d := topicNamed("t")
		spec := Spec{Destination: d, DurableName: "sub"}
		b := r.connect("B")
		if err := wait(t, b.subscribe(spec).Close); err != nil {
			t.Fatal(err)
		}
		resume := r.log.pause()
		removed := make(chan error, 1)
		go b.c.RemoveDurable("B", "sub", func(err error) { removed <- err })
		synctest.Wait()
		b.c.Close()
		await(t, removed)
		resume()
		synctest.Wait() // while the removal is under way the name is in use
		b = r.connect("B")
		s := b.subscribe(spec)
		r.connect("").send(persistent(d, "1"), nil)
		ack(t, b.expect("1")[0], false)
		if err := wait(t, s.Close); err != nil {
			t.Fatal(err)
		}
	})
}

// A message that enters right behind a purge is delivered, also if the one who
// asked for the purge has given up. Without the order of the log the machine
// forgets it, and the store keeps it.
func TestPurgeByOneWhoWent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		d := queueNamed("q")
		a := r.connect("")
		a.send(persistent(d, "old"), nil)
		resume := r.log.pause()
		ctx, cancel := context.WithCancel(context.Background())
		purged := make(chan error, 1)
		go func() { purged <- r.b.Purge(ctx, "q") }()
		synctest.Wait()
		cancel()
		if err := await(t, purged); !errors.Is(err, ErrUnknown) {
			t.Fatal(err)
		}
		sent := make(chan error, 1)
		if err := a.c.Send(persistent(d, "new"), nil, func(err error) { sent <- err }); err != nil {
			t.Fatal(err)
		}
		resume()
		if err := await(t, sent); err != nil {
			t.Fatal(err)
		}
		a.subscribe(Spec{Destination: message.Destination{Kind: message.Queue, Name: "q"}})
		a.expect("new")
	})
}
