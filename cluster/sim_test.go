package cluster

import (
	"container/heap"
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/quorate/quorate/replica"
	"github.com/quorate/quorate/replica/seat"
	"github.com/quorate/quorate/wal"
)

var seed = flag.Uint64("seed", 0, "seed of the simulation; 0: a random one")

// world is a few nodes with electors and just as much of raft as decides a vote:
// a leader that is followed shields from votes, a pre-vote changes nothing, a
// term has one vote. Messages take their time; time is a number.
type world struct {
	rng   *rand.Rand
	now   time.Duration
	queue events
	order int
	nodes []*simNode
	slow  time.Duration // the longest that a message takes
	dead  map[replica.ID]bool
	cut   map[[2]replica.ID]bool // broken links, lower identity first
}

type simNode struct {
	st     replica.Status
	e      Elector
	vote   replica.ID
	heard  map[replica.ID]time.Duration
	votes  map[replica.ID]bool
	stage  uint64 // of candidacy: answers to an earlier one do not count
	real   bool   // it is past the pre-vote
	wakeup int    // the last timer that was set
}

type simEvent struct {
	at    time.Duration
	order int
	do    func()
}

type events []simEvent

func (q events) Len() int { return len(q) }
func (q events) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].order < q[j].order
}
func (q events) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *events) Push(x any)   { *q = append(*q, x.(simEvent)) }
func (q *events) Pop() any {
	old := *q
	e := old[len(old)-1]
	*q = old[:len(old)-1]
	return e
}

func (w *world) after(d time.Duration, do func()) {
	w.order++
	heap.Push(&w.queue, simEvent{w.now + d, w.order, do})
}

// run lets the world go on until it is the time or done says so.
func (w *world) run(until time.Duration, done func() bool) bool {
	for w.queue.Len() > 0 && w.queue[0].at <= until {
		e := heap.Pop(&w.queue).(simEvent)
		w.now = e.at
		e.do()
		if done() {
			return true
		}
	}
	return false
}

func newWorld(rng *rand.Rand, n int) *world {
	w := &world{rng: rng, dead: map[replica.ID]bool{}, cut: map[[2]replica.ID]bool{}, slow: time.Duration(rng.Int64N(int64(20 * time.Millisecond)))}
	table := &seat.Table{Replicas: n}
	for i := range n {
		table.Seats = append(table.Seats, seat.Seat{Name: string(rune('a' + i)), ID: uint64(i) + 1})
	}
	for i := range n {
		x := &simNode{heard: map[replica.ID]time.Duration{}, votes: map[replica.ID]bool{}}
		x.st = replica.Status{ID: replica.ID(i) + 1, Founded: true, Table: table, Term: 5, LastTerm: 5, LastIndex: wal.Index(90 + rng.IntN(3)*5)}
		x.e = Elector{Weight: rng.IntN(2), Random: rng.Int64N}
		w.nodes = append(w.nodes, x)
	}
	for _, x := range w.nodes {
		for _, y := range w.nodes {
			if x != y {
				x.st.Peers = append(x.st.Peers, replica.PeerStatus{ID: y.st.ID, Up: true, Reported: true, Founded: true})
				x.learn(y)
			}
		}
	}
	return w
}

// learn takes in what y says of itself.
func (x *simNode) learn(y *simNode) {
	for i := range x.st.Peers {
		if p := &x.st.Peers[i]; p.ID == y.st.ID {
			p.LastTerm, p.LastIndex, p.Leader, p.Term, p.Role, p.Weight = y.st.LastTerm, y.st.LastIndex, y.st.Leader, y.st.Term, y.st.Role, y.e.Weight
		}
	}
}

func (w *world) linked(a, b replica.ID) bool {
	return !w.dead[a] && !w.dead[b] && !w.cut[[2]replica.ID{min(a, b), max(a, b)}]
}

// send delivers to y what x says, if the link is whole then.
func (w *world) send(x, y *simNode, do func()) {
	w.after(time.Duration(w.rng.Int64N(int64(w.slow)+1)), func() {
		if w.linked(x.st.ID, y.st.ID) {
			y.heard[x.st.ID] = w.now
			do()
			w.wake(y)
		}
	})
}

// tell reports x's state to everybody.
func (w *world) tell(x *simNode) {
	copied := *x
	for _, y := range w.nodes {
		if y != x {
			w.send(x, y, func() {
				y.learn(&copied)
				if copied.st.ID == y.st.Leader && copied.st.Role != replica.Leader && copied.st.Term >= y.st.Term {
					y.st.Leader = 0 // taken at its word that it leads no more
					w.tell(y)
				}
			})
		}
	}
}

// wake lets a node decide.
func (w *world) wake(x *simNode) {
	if w.dead[x.st.ID] {
		return
	}
	for i := range x.st.Peers {
		p := &x.st.Peers[i]
		p.Up, p.Heard = w.linked(x.st.ID, p.ID), w.now-x.heard[p.ID]
	}
	d := x.e.Decide(Input{Now: w.now, Status: &x.st})
	if d.Forget {
		x.st.Leader = 0
		w.tell(x)
		w.after(0, func() { w.wake(x) })
	}
	if d.Stand {
		w.campaign(x, false)
	}
	if d.Next > 0 {
		x.wakeup++
		mine := x.wakeup
		w.after(d.Next, func() {
			if mine == x.wakeup {
				w.wake(x)
			}
		})
	}
}

// campaign asks for pre-votes, or votes.
func (w *world) campaign(x *simNode, real bool) {
	x.stage++
	x.real, x.st.Role, x.st.Leader = real, replica.Candidate, 0
	x.votes = map[replica.ID]bool{x.st.ID: true}
	if real {
		x.st.Term++
		x.vote = x.st.ID
		w.tell(x)
	}
	stage, term := x.stage, x.st.Term
	if !real {
		term++
	}
	last, index := x.st.LastTerm, x.st.LastIndex
	for _, y := range w.nodes {
		if y != x {
			w.send(x, y, func() { w.asked(y, x, stage, term, last, index, real) })
		}
	}
	w.count(x)
}

// asked is a request for a vote, at y.
func (w *world) asked(y, x *simNode, stage, term, last uint64, index wal.Index, real bool) {
	if y.st.Leader != 0 || term < y.st.Term || term == y.st.Term && !real {
		return
	}
	if real && term > y.st.Term {
		y.st.Term, y.vote, y.st.Role, y.st.Leader = term, 0, replica.Follower, 0
	}
	ok := last > y.st.LastTerm || last == y.st.LastTerm && index >= y.st.LastIndex
	if ok && real {
		if ok = y.vote == 0 || y.vote == x.st.ID; ok {
			y.vote = x.st.ID
		}
	}
	if ok {
		w.send(y, x, func() {
			if x.stage == stage && x.st.Role == replica.Candidate {
				x.votes[y.st.ID] = true
				w.count(x)
			}
		})
	}
}

func (w *world) count(x *simNode) {
	if len(x.votes) < Quorum(len(w.nodes)) {
		return
	}
	if !x.real {
		w.campaign(x, true)
		return
	}
	x.st.Role, x.st.Leader = replica.Leader, x.st.ID
	x.st.LastTerm, x.st.LastIndex = x.st.Term, x.st.LastIndex+1
	w.lead(x)
}

// lead sends heartbeats for as long as x leads: it does not without a quorum.
func (w *world) lead(x *simNode) {
	if x.st.Role != replica.Leader || w.dead[x.st.ID] {
		return
	}
	linked := 1
	for _, y := range w.nodes {
		if y != x && w.now-x.heard[y.st.ID] < time.Second {
			linked++
		}
	}
	if linked < Quorum(len(w.nodes)) {
		w.depose(x, x.st.Term+1)
		return
	}
	w.tell(x)
	term := x.st.Term
	for _, y := range w.nodes {
		if y != x {
			w.send(x, y, func() {
				if term >= y.st.Term {
					y.st.Term, y.st.Leader, y.st.Role = term, x.st.ID, replica.Follower
					return
				}
				later := y.st.Term
				w.send(y, x, func() { w.depose(x, later) })
			})
		}
	}
	w.after(100*time.Millisecond, func() { w.lead(x) })
}

// depose ends a reign that a node of a later term cannot follow.
func (w *world) depose(x *simNode, term uint64) {
	if term > x.st.Term {
		x.st.Term, x.vote, x.st.Role, x.st.Leader = term, 0, replica.Follower, 0
		w.tell(x)
	}
}

// beat sends keep-alives for ever.
func (w *world) beat(x *simNode) {
	w.tell(x)
	w.after(100*time.Millisecond, func() {
		if !w.dead[x.st.ID] {
			w.beat(x)
		}
	})
}

// settled reports whether a quorum of the living follows one leader.
func (w *world) settled() bool {
	follow := map[replica.ID]int{}
	for _, x := range w.nodes {
		if !w.dead[x.st.ID] && x.st.Leader != 0 && !w.dead[x.st.Leader] {
			follow[x.st.Leader]++
		}
	}
	for _, n := range follow {
		if n >= Quorum(len(w.nodes)) {
			return true
		}
	}
	return false
}

// TestConvergence kills masters and cuts links, and asks for a new master within
// two seconds each time.
func TestConvergence(t *testing.T) {
	first := *seed
	rounds := 300
	if first == 0 {
		first = rand.Uint64()
	} else {
		rounds = 1
	}
	var worst, sum time.Duration
	for i := range rounds {
		took := round(t, first+uint64(i))
		worst, sum = max(worst, took), sum+took
	}
	t.Logf("from seed %d: %v at most, %v on average", first, worst, sum/time.Duration(rounds))
}

func round(t *testing.T, seed uint64) time.Duration {
	rng := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(rng, 3+2*rng.IntN(2))
	for _, x := range w.nodes {
		w.after(time.Duration(rng.Int64N(int64(50*time.Millisecond))), func() { w.beat(x); w.wake(x) })
	}
	if !w.run(2*time.Second, w.settled) {
		t.Fatalf("seed %d: no master within 2 s of a start", seed)
	}
	w.run(w.now+500*time.Millisecond, func() bool { return false })
	w.harm()
	began := w.now
	if !w.run(began+2*time.Second, w.settled) {
		t.Fatalf("seed %d: no master within 2 s after the loss of one", seed)
	}
	return w.now - began
}

// harm kills the master and cuts one link of those that are left with five.
func (w *world) harm() {
	for _, x := range w.nodes {
		if x.st.Role == replica.Leader {
			w.dead[x.st.ID] = true
		}
	}
	if len(w.nodes) == 5 {
		var left []replica.ID
		for _, x := range w.nodes {
			if !w.dead[x.st.ID] {
				left = append(left, x.st.ID)
			}
		}
		w.cut[[2]replica.ID{left[0], left[1+w.rng.IntN(len(left)-1)]}] = true
	}
	for _, x := range w.nodes { // broken links are seen at once, each in its time
		w.after(time.Duration(w.rng.Int64N(int64(5*time.Millisecond))), func() { w.wake(x) })
	}
}
