package broker

import (
	"fmt"
	"strings"
	"testing"

	"github.com/quorate/quorate/message"
)

// All open transactions together have a bound, too, whose error tells how much
// there is. What ends gives its part back.
func TestBoundOfOpenTransactions(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Limits.Transaction = 10000 })
	var open []*Tx
	body := strings.Repeat("x", 9000)
	send := func() error {
		a := r.connect("")
		tx, err := a.c.Begin()
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, tx)
		m := persistent(queueNamed("q"), body)
		m.ID = "ID:1"
		return a.trySend(m, tx)
	}
	for range maxGathered / 2 {
		if err := send(); err != nil {
			t.Fatal(err)
		}
	}
	for range maxGathered {
		if err := send(); err != nil {
			wantKind(t, err, KindResourceLimit)
			if !strings.Contains(err.Error(), "the limit for them is 40000") {
				t.Fatal(err)
			}
			break
		}
	}
	for i, tx := range open {
		end := tx.Commit
		if i%2 == 0 {
			end = tx.Rollback
		}
		if err := wait(t, end); err != nil {
			t.Fatal(err)
		}
	}
	if n := r.b.current().gathered.Load(); n != 0 {
		t.Fatalf("%d bytes are left", n)
	}
	if err := send(); err != nil {
		t.Fatal(err)
	}
	open[len(open)-1].c.Close()
	if n := r.b.current().gathered.Load(); n != 0 {
		t.Fatalf("%d bytes are left of a connection that has ended", n)
	}
}

// A connection has a bounded number of temporary destinations, and room again
// when one of them is deleted.
func TestBoundOfTemporaryDestinations(t *testing.T) {
	r := newRig(t, nil)
	a := r.connect("")
	var last message.Destination
	for i := range maxTemps {
		d, err := a.c.TempDestination(message.TempQueue, fmt.Sprint(i))
		if err != nil {
			t.Fatal(err)
		}
		last = d
	}
	_, err := a.c.TempDestination(message.TempTopic, "more")
	wantKind(t, err, KindResourceLimit)
	if _, err := a.c.TempDestination(message.TempQueue, last.Name); err != nil {
		t.Fatal(err) // it is there
	}
	if err := a.c.DeleteTemp(last); err != nil {
		t.Fatal(err)
	}
	if _, err := a.c.TempDestination(message.TempTopic, "more"); err != nil {
		t.Fatal(err)
	}
}

// Who leaves a topic has only the part of its own shard copied.
func TestLeavingATopicLeavesOtherShardsAlone(t *testing.T) {
	r := newRig(t, nil)
	a := r.connect("")
	subs := map[*shard][]*Subscription{}
	for range 40 {
		s := a.subscribe(Spec{Destination: topicNamed("t")})
		subs[s.box.shard] = append(subs[s.box.shard], s)
	}
	tp := r.b.current().directory.topics["t"]
	before := tp.audience.Load()
	gone := before.parts[0].shard
	if err := wait(t, subs[gone][0].Close); err != nil {
		t.Fatal(err)
	}
	after := tp.audience.Load()
	if after.n != 39 || len(after.parts[0].links) != len(before.parts[0].links)-1 {
		t.Fatalf("%d are left", after.n)
	}
	for i := 1; i < len(before.parts); i++ {
		if &before.parts[i].links[0] != &after.parts[i].links[0] {
			t.Fatal("the part of another shard was copied")
		}
	}
	for _, list := range subs {
		for _, s := range list {
			s.Close(nil)
		}
	}
	if r.quiet(); tp.audience.Load() != nil {
		t.Fatal("somebody is left")
	}
}
