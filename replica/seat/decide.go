package seat

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// A View is what the leader sees when it asks what the seats need.
type View struct {
	Peers    []Peer                        // every node that it has a link to
	Gone     func(id uint64) time.Duration // since when an identity has no link; 0: it has one
	Ordered  []string                      // seats whose holders, once they have no link, may be replaced by anybody: a person says so
	Surplus  time.Duration                 // a holder is gone that long before a node of another name takes its seat; ≤ 0: never
	Changing bool                          // a change of the membership is under way
}

// A Peer is a node that is linked.
type Peer struct {
	ID          uint64
	Seat        string // the place that it was started for
	Address     string
	Incarnation uint64
	Member      bool // says that it belongs to this cluster
	Replicas    int  // that it is configured for; 0: not known
	CaughtUp    bool // its log is at, or hardly behind, the leader's
}

// A Kind says what to do.
type Kind uint8

// The kinds. AddLearner and DropLearner change one seat's Learner; Swap is the
// joint change that makes the learner a voter and removes the holder; Refuse
// changes nothing and tells an operator why a node is not taken in.
const (
	None Kind = iota
	AddLearner
	Swap
	DropLearner
	Refuse
)

func (k Kind) String() string {
	return [...]string{"none", "add learner", "swap", "drop learner", "refuse"}[k]
}

// An Action is what to propose next.
type Action struct {
	Kind Kind
	Seat string // the seat's name in the table
	Peer Peer   // who is added, swapped in, or refused
	Old  uint64 // who leaves with a Swap or DropLearner
	Why  string
}

// learnerPatience is how long a learner may be away before its place is free.
const learnerPatience = time.Minute

// Decide says what the membership needs next: one small change at a time. The
// voters are never more nor fewer than the seats, and a holder with a link keeps
// its seat. An identity that learns for one seat does not stop the others.
func Decide(t *Table, v View) Action {
	if v.Changing || t == nil {
		return Action{}
	}
	for i := range t.Seats {
		if s := &t.Seats[i]; s.Learner != 0 {
			if a := learning(t, s, v); a.Kind != None {
				return a
			}
		}
	}
	var refused Action
	peers := slices.Clone(v.Peers)
	slices.SortFunc(peers, func(a, b Peer) int { return cmp.Compare(a.ID, b.ID) })
	for _, p := range peers {
		if t.Seat(p.ID) != nil {
			continue
		}
		a := admit(t, p, v)
		if a.Kind == AddLearner {
			return a
		}
		if refused.Kind != Refuse {
			refused = a
		}
	}
	return refused
}

// learning goes on with a seat that somebody is caught up for.
func learning(t *Table, s *Seat, v View) Action {
	i := slices.IndexFunc(v.Peers, func(p Peer) bool { return p.ID == s.Learner })
	if !s.Vacant && v.Gone(s.ID) == 0 {
		return Action{Kind: DropLearner, Seat: s.Name, Old: s.Learner, Why: "the seat's holder has come back"}
	}
	if i < 0 {
		if v.Gone(s.Learner) > learnerPatience {
			return Action{Kind: DropLearner, Seat: s.Name, Old: s.Learner, Why: "the learner has gone"}
		}
		return Action{}
	}
	if p := v.Peers[i]; p.CaughtUp {
		if other := t.Named(p.Seat); other != nil || p.Seat == "" {
			p.Seat = s.Name // its own name is another seat's
		}
		return Action{Kind: Swap, Seat: s.Name, Peer: p, Old: s.ID, Why: "the learner has caught up"}
	}
	return Action{}
}

// admit finds a seat for a node that has none.
func admit(t *Table, p Peer, v View) Action {
	refuse := func(seat, format string, args ...any) Action {
		return Action{Kind: Refuse, Seat: seat, Peer: p, Why: fmt.Sprintf(format, args...)}
	}
	if p.Replicas != 0 && p.Replicas != t.Replicas {
		return refuse("", "it is configured for replicas=%d and the cluster has %d: correct its configuration", p.Replicas, t.Replicas)
	}
	s := t.Named(p.Seat)
	if s == nil {
		return surplus(t, p, v, refuse)
	}
	switch {
	case s.Learner != 0:
		return refuse(s.Name, "another node is being caught up for seat %s: start this one for a place of its own, or stop the other", s.Name)
	case s.Vacant || v.Gone(s.ID) > 0:
		return take(s, p, "it comes to the place of a holder that has gone")
	}
	return refuse(s.Name, "seat %s is held by a live node: start this one for a place of its own, or stop the other", s.Name)
}

func take(s *Seat, p Peer, why string) Action {
	return Action{Kind: AddLearner, Seat: s.Name, Peer: p, Old: s.ID, Why: why}
}

// surplus finds a seat for a node to whose place none belongs.
func surplus(t *Table, p Peer, v View, refuse func(seat, format string, args ...any) Action) Action {
	var longest *Seat
	for i := range t.Seats {
		s := &t.Seats[i]
		switch {
		case s.Learner != 0:
		case s.Vacant:
			return take(s, p, "the seat was never taken")
		case slices.Contains(v.Ordered, s.Name) && v.Gone(s.ID) > 0:
			return take(s, p, "its holder has gone, and a person gave its seat up")
		case longest == nil || v.Gone(s.ID) > v.Gone(longest.ID):
			longest = s
		}
	}
	if longest != nil && v.Surplus > 0 && v.Gone(longest.ID) > v.Surplus {
		return take(longest, p, fmt.Sprintf("its holder has been gone for %v", v.Gone(longest.ID).Round(time.Second)))
	}
	then := "it takes nobody's place, as configured"
	if v.Surplus > 0 {
		then = fmt.Sprintf("it takes the place of a holder that has been gone for %v", v.Surplus)
	}
	return refuse("", "the cluster has %d seats and none is called %q or free: correct the node's hostname, bind or peers; %s", t.Replicas, p.Seat, then)
}
