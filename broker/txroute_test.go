package broker

import "testing"

// A message of a transaction is sent when that is committed: to who is there
// then.
func TestTransactionIsSentToWhoIsThereAtCommit(t *testing.T) {
	r := newRig(t, nil)
	a, b := r.connect("a"), r.connect("b")
	topic, gone := topicNamed("t"), queueNamed("gone")
	a.sends(gone, 0, 0)
	tx, err := a.c.Begin()
	if err != nil {
		t.Fatal(err)
	}
	a.send(persistent(topic, "1"), tx)
	a.send(persistent(topicNamed("VirtualTopic.t"), "2"), tx)
	a.send(persistent(gone, "3"), tx)

	b.subscribe(Spec{Destination: topic, DurableName: "d"})
	c := r.connect("c")
	c.subscribe(Spec{Destination: queueNamed("Consumer.C.VirtualTopic.t")})
	if err := r.b.Delete(t.Context(), "gone"); err != nil {
		t.Fatal(err)
	}
	if err := wait(t, tx.Commit); err != nil {
		t.Fatal(err)
	}
	b.expect("1")
	c.expect("2")
	if n := r.depth(gone); n != 1 {
		t.Errorf("%d messages in %s, want 1", n, gone)
	}
}
