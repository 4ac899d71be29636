package broker

import (
	"testing"

	"github.com/quorate/quorate/store"
)

// What was admitted is given back, however a message ends: a non-persistent one
// that stood behind a refused one as well, alone or in a transaction.
func TestRefusedSendsGiveBackWhatWasAdmitted(t *testing.T) {
	r := newRig(t, nil)
	a := r.connect("")
	q := queueNamed("q")
	a.sends(q, 1, 1)
	tx, err := a.c.Begin()
	if err != nil {
		t.Fatal(err)
	}
	a.send(volatileMessage(q, "in a transaction"), tx)

	resume := r.log.pause()
	done := make(chan error, 3)
	tell := func(err error) { done <- err }
	if err := a.c.Send(persistent(q, "2"), nil, tell); err != nil {
		t.Fatal(err)
	}
	if err := a.c.Send(volatileMessage(q, "3"), nil, tell); err != nil {
		t.Fatal(err)
	}
	tx.Commit(tell)
	r.log.failWith(store.ErrRefused)
	resume()
	for range 3 {
		wantKind(t, await(t, done), KindNotMaster)
	}
	r.log.failWith(nil)
	r.quiet()
	if n := r.b.Usage().InFlight; n != 0 {
		t.Fatalf("%d bytes are in flight for ever", n)
	}
}

// The bytes of a transaction's non-persistent messages are in flight until
// their shard has them.
func TestTransactionStaysAdmittedUntilItsShardHasIt(t *testing.T) {
	r := newRig(t, nil)
	a := r.connect("")
	q := queueNamed("q")
	a.sends(q, 1, 1)
	busy, free := make(chan struct{}), make(chan struct{})
	box := r.b.current().directory.queues["q"]
	box.shard.inbox.post(event{kind: evFunc, call: func() { close(busy); <-free }})
	await(t, busy)
	tx, err := a.c.Begin()
	if err != nil {
		t.Fatal(err)
	}
	a.send(volatileMessage(q, "2"), tx)
	if err := wait(t, tx.Commit); err != nil {
		t.Fatal(err)
	}
	if r.b.Usage().InFlight == 0 {
		t.Error("nothing is in flight, while the shard has not got the message")
	}
	close(free)
	r.quiet()
	if n := r.b.Usage().InFlight; n != 0 {
		t.Errorf("%d bytes are in flight for ever", n)
	}
}

// A non-persistent message stands where it was sent, between two persistent
// ones, also when another goroutine is completing requests of the connection at
// the moment when the first of them is applied [S2].
func TestOrderAcrossKindsWhileAnotherCompletes(t *testing.T) {
	r := newRig(t, nil)
	a, b := r.connect(""), r.connect("")
	q := queueNamed("q")
	a.sends(q, 0, 0)
	busy, free := make(chan struct{}), make(chan struct{})
	go a.c.submit(&op{name: "busy", done: func(error) { close(busy); <-free }})
	await(t, busy)
	done := make(chan error, 3)
	for i, m := range []string{"1", "2", "3"} {
		msg := persistent(q, m)
		msg.Persistent = i != 1
		if err := a.c.Send(msg, nil, func(err error) { done <- err }); err != nil {
			t.Fatal(err)
		}
	}
	r.quiet()
	close(free)
	for range 3 {
		if err := await(t, done); err != nil {
			t.Fatal(err)
		}
	}
	b.subscribe(Spec{Destination: q})
	b.expect("0", "1", "2", "3")
}
