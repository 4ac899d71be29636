package replica

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

// [M11] Who served in one reign of a node proposes nothing in the next, also
// when the node leads again before that is known. Without the term "b", later
// than the unknown "a" of the same connection, is in the log alone.
func TestReignsDoNotMix(t *testing.T) {
	n := &Node{}
	n.cfg.Limits = n.cfg.Limits.withDefaults()
	n.applier.init(n, 0)
	n.inbox.init()
	n.props.init(n)
	var got []string
	put := func(term uint64, name string) {
		n.ProposeIn(term, []byte(name), func(_ any, err error) { got = append(got, fmt.Sprintf("%s: %v", name, err)) })
	}
	r := n.props.begin(1)
	put(1, "a")
	if n.props.gather(r) == nil {
		t.Fatal("nothing gathered")
	}
	n.props.end(r)
	next := n.props.begin(2)
	put(1, "b")
	n.props.conclude(r)
	put(1, "c")
	put(2, "d")
	if n.props.gather(next) == nil {
		t.Error("the reign's own proposal is not taken")
	}
	n.props.finish()
	want := []string{"a: " + ErrUnknown.Error(), "b: " + ErrRefused.Error(), "c: " + ErrRefused.Error(), "d: " + ErrUnknown.Error()}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// A leader whose process stood still steps down before it takes anything more,
// though nobody else could be elected meanwhile. Without loop.awake it takes
// what lies unread in connections that their clients have given up.
func TestStandstillEndsReign(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCluster(t, seedOf(t), 3)
		defer c.closeAll()
		c.found()
		old := c.leader()
		term := old.node.Status().Term
		outcome := make(chan error, 1)
		old.node.inbox.call(func(l *loop) {
			l.turned -= standstill
			l.n.ProposeIn(term, []byte("late"), func(_ any, err error) { outcome <- err })
		})
		if err := <-outcome; !errors.Is(err, ErrRefused) {
			t.Errorf("taken after a standstill: %v", err)
		}
		c.eventually("a new reign", func() bool { return c.leader().node.Status().Term > term })
		<-time.After(time.Second)
		c.even()
	})
}
