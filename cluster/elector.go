package cluster

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/quorate/quorate/replica"
)

const (
	// silence is how long a leader may be silent before its followers look for
	// another one [S19]. Its heartbeats come every 100 ms.
	silence = time.Second
	// hinted is the silence that counts when the leader's member has gone as
	// well: two heartbeats [M1].
	hinted = 200 * time.Millisecond
	// letGo is how long the first in rank waits for the others to let go of the
	// leader too: until then they neither vote nor have said how far they are.
	letGo = 30 * time.Millisecond
	// comes is how long a node that hears of a leader waits for its heartbeat.
	comes = 300 * time.Millisecond
	// step is what each rank adds to the delay before a node stands.
	step = 200 * time.Millisecond
	// jitterMax keeps two nodes that think they have the same rank apart.
	jitterMax = 20 * time.Millisecond
	// soon bounds the random time after which a candidacy that nobody answered
	// is repeated, once: somebody may have followed another leader for a moment.
	soonMin, soonMax = 100 * time.Millisecond, 150 * time.Millisecond
	// again bounds the random time after which a node without a leader stands
	// once more.
	againMin, againMax = 300 * time.Millisecond, 900 * time.Millisecond
	// glance is how soon a node that may not stand looks at silence again, which
	// nothing tells it.
	glance = 200 * time.Millisecond
)

// An Elector decides when a node forgets its leader and when it stands. It has
// no clock, no goroutine and no effects: the same inputs give the same
// decisions. The zero value with Weight and Random set is ready.
type Elector struct {
	Weight int
	Random func(n int64) int64 // uniform in [0, n)

	leaderless bool          // an episode without a leader that this node may end
	since      time.Duration // when it began
	jitter     time.Duration // of this episode
	stood      int           // how often, in this episode
	term       uint64        // in which it stood last
	free       int           // voters that had let go of the leader: the fewest since then
	soon, next time.Duration // when it stands again, without and with an answer
	last       replica.ID    // the leader before this episode, this node itself included
	outvoted   bool          // it is well, and yet gone: another node stands in a later term
}

// Input is all that a decision depends on.
type Input struct {
	Now    time.Duration   // a clock that does not jump
	Status *replica.Status // not kept
	Shut   string          // why the driver's gate is shut; empty: it is open
	Few    bool            // with Shut: too few members are there
	Gone   bool            // the driver no longer sees the leader: a hint [M1]
	// Sequence gives the order in which nodes came, 0 for one that has none. It
	// decides last among equals; nil: the identity does.
	Sequence func(replica.ID) uint64
}

// Decision is what to do now.
type Decision struct {
	Forget bool          // forget the leader
	Stand  bool          // ask for votes
	Next   time.Duration // decide again after it, also without a change; 0: only after a change
	Why    string        // why this node has no leader and does not stand; empty otherwise
	Few    bool          // with Why: too few nodes are there
	Waits  bool          // it would stand now if others had said how far they are
	Reason string        // with Forget: what is wrong with the leader
}

// Decide gives the decision for the present. It is asked after every change of
// the input and when Next is over.
func (e *Elector) Decide(in Input) Decision {
	st := in.Status
	if st.Role == replica.Leader {
		e.reset()
		e.last = st.ID
		return Decision{}
	}
	var d Decision
	lost := st.Leader != 0 && st.Leader != st.ID
	if lost {
		left, reason := judge(st, in.Gone)
		if reason == "" {
			e.reset()
			e.last = st.Leader
			return Decision{Next: left}
		}
		e.last = 0
		d.Forget, d.Reason, d.Next = true, reason, glance
	}
	if d.Why, d.Few = barred(in); d.Why != "" {
		e.reset()
		e.last = 0
		if st.Founded && st.Failed == nil {
			d.Next = glance
		}
		return d
	}
	if !e.leaderless {
		e.outvoted = e.last != 0 && (e.last == st.ID || well(st, e.last))
		e.last = 0
	}
	e.begin(in.Now)
	if !lost { // it is forgotten first, which may have to wait for a promise to it
		e.stand(in, &d)
	}
	return d
}

func (e *Elector) reset() { e.leaderless, e.stood = false, 0 }

// judge tells for how long the leader is above suspicion, or what is wrong with
// it.
func judge(st *replica.Status, gone bool) (left time.Duration, reason string) {
	i := slices.IndexFunc(st.Peers, func(p replica.PeerStatus) bool { return p.ID == st.Leader })
	limit := silence
	if gone {
		limit = hinted
	}
	switch {
	case i < 0 || !st.Peers[i].Up || st.Peers[i].Heard > time.Hour: // of a link that just broke nothing was ever heard
		return 0, "its link is broken"
	case st.Peers[i].Heard >= limit:
		return 0, fmt.Sprintf("it has been silent for %v", st.Peers[i].Heard.Round(time.Millisecond))
	}
	return limit - st.Peers[i].Heard, ""
}

// barred tells why this node must not stand, or that it would be pointless, and
// whether that is because too few nodes are there.
func barred(in Input) (why string, few bool) {
	st := in.Status
	switch {
	case st.Failed != nil:
		return "this node has failed: " + st.Failed.Error(), false
	case !st.Founded || st.Table == nil:
		return "this node belongs to no cluster yet", false
	case st.Role == replica.Learner || !voter(st, st.ID):
		return "this node has no vote yet", false
	}
	if linked, missing := Linked(st); linked < Quorum(st.Table.Replicas) {
		return fmt.Sprintf("%d of %d nodes are linked, %d are needed; missing: %s",
			linked, st.Table.Replicas, Quorum(st.Table.Replicas), strings.Join(missing, ", ")), true
	}
	switch {
	case in.Shut != "":
		return in.Shut, in.Few
	case st.Unfit != "":
		return "this node is not fit to be master: " + st.Unfit, false
	}
	return "", false
}

// begin opens an episode without a leader, if none is open.
func (e *Elector) begin(now time.Duration) {
	if !e.leaderless {
		e.leaderless, e.since, e.stood = true, now, 0
		e.jitter = time.Duration(e.Random(int64(jitterMax)))
	}
}

// stand decides for a node that may stand.
func (e *Elector) stand(in Input, d *Decision) {
	st, now := in.Status, in.Now
	free, all := freed(st)
	asking := e.stood > 0 && st.Term == e.term // no term of its own yet: it has not even heard that it could win
	at := e.next
	switch {
	case asking && free > e.free:
		at = now // who ignored this node then can vote now
	case asking && e.stood == 1:
		at = e.soon
	case e.stood > 0:
	default:
		if r := e.rank(in); r > 0 {
			at = e.since + time.Duration(r)*step + e.jitter
		} else if at = e.since; !all {
			at += letGo
			d.Waits = now < at
		}
		if e.outvoted || hearsay(st) {
			at = max(at, e.since+comes)
		}
	}
	if now < at {
		e.free = min(e.free, free)
		d.Next = at - now
		return
	}
	e.stood, e.term, e.free = e.stood+1, st.Term, free
	e.soon = now + e.between(soonMin, soonMax)
	e.next = now + e.between(againMin, againMax)
	d.Stand, d.Next = true, e.next-now
	if e.stood == 1 {
		d.Next = e.soon - now
	}
}

// well reports whether nothing is wrong with the links of a node.
func well(st *replica.Status, id replica.ID) bool {
	return slices.ContainsFunc(st.Peers, func(p replica.PeerStatus) bool { return p.ID == id && reachable(&p) })
}

// hearsay reports whether a reachable node leads, or is followed, as it says: it
// is about to be heard of here, too. A node that has just been founded, or just
// come back, is in this state.
func hearsay(st *replica.Status) bool {
	leads := func(id replica.ID) bool {
		return slices.ContainsFunc(st.Peers, func(p replica.PeerStatus) bool {
			return p.ID == id && reachable(&p) && p.Reported && p.Role == replica.Leader
		})
	}
	return slices.ContainsFunc(st.Peers, func(p replica.PeerStatus) bool {
		return reachable(&p) && p.Reported && p.Leader != 0 && leads(p.Leader)
	})
}

// between gives a random time of at least least and less than most.
func (e *Elector) between(least, most time.Duration) time.Duration {
	return least + time.Duration(e.Random(int64(most-least)))
}

// freed counts the reachable voters that follow nobody, and tells whether that
// is all of them.
func freed(st *replica.Status) (n int, all bool) {
	all = true
	for i := range st.Peers {
		p := &st.Peers[i]
		switch {
		case !reachable(p) || !voter(st, p.ID):
		case p.Reported && p.Leader == 0:
			n++
		default:
			all = false
		}
	}
	return n, all
}

// rank counts the nodes that should stand before this one [M2]: those that hold
// more, then those with more weight, then those that came earlier.
func (e *Elector) rank(in Input) int {
	st, rank := in.Status, 0
	for i := range st.Peers {
		p := &st.Peers[i]
		if !p.Reported || p.Unfit || !p.Founded || !reachable(p) || !voter(st, p.ID) {
			continue
		}
		if cmp.Or(cmp.Compare(p.LastTerm, st.LastTerm), cmp.Compare(p.LastIndex, st.LastIndex),
			cmp.Compare(p.Weight, e.Weight), in.earlier(p.ID, st.ID), cmp.Compare(st.ID, p.ID)) > 0 {
			rank++
		}
	}
	return rank
}

// earlier is positive when a came before b. Who has no sequence came last.
func (in *Input) earlier(a, b replica.ID) int {
	if in.Sequence == nil {
		return 0
	}
	return cmp.Compare(in.Sequence(b)-1, in.Sequence(a)-1) // 0 becomes the largest
}

// reachable reports whether a peer can answer: its link is whole and not dumb.
func reachable(p *replica.PeerStatus) bool { return p.Up && p.Heard < silence }

func voter(st *replica.Status, id replica.ID) bool {
	for _, s := range st.Table.Seats {
		if s.ID == uint64(id) {
			return !s.Vacant
		}
	}
	return false
}

// Quorum is the number of nodes that suffice.
func Quorum(replicas int) int { return replicas/2 + 1 }

// Linked counts the voters that this node reaches, itself among them, and names
// the seats of the others. It needs st.Table.
func Linked(st *replica.Status) (n int, missing []string) {
	for _, s := range st.Table.Seats {
		id := replica.ID(s.ID)
		i := slices.IndexFunc(st.Peers, func(p replica.PeerStatus) bool { return p.ID == id })
		switch {
		case !s.Vacant && (id == st.ID || i >= 0 && reachable(&st.Peers[i])):
			n++
		default:
			missing = append(missing, seatName(s.Name, s.Vacant))
		}
	}
	return n, missing
}

func seatName(name string, vacant bool) string {
	switch {
	case vacant && name != "":
		return name + " (vacant)"
	case vacant:
		return "a vacant seat"
	}
	return name
}
