package replica

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/tracker"

	"github.com/quorate/quorate/replica/link"
	"github.com/quorate/quorate/replica/seat"
	"github.com/quorate/quorate/wal"
)

// Role of a node in the log's term.
type Role uint8

// A Learner has no vote: it is being caught up, or no member of the cluster.
const (
	Follower Role = iota
	Candidate
	Leader
	Learner
)

func (r Role) String() string {
	return [...]string{"follower", "candidate", "leader", "learner"}[r]
}

// Status is a copy of a node's state.
type Status struct {
	ID        ID
	Seat      string
	Role      Role
	Term      uint64
	Leader    ID // 0: none known
	LastIndex wal.Index
	LastTerm  uint64
	Commit    wal.Index
	Applied   wal.Index
	Table     *seat.Table // nil before the cluster is known; not to be changed
	Peers     []PeerStatus
	Failed    error  // why the node left raft
	Unfit     string // why the node should not stand; empty: it may
	Founded   bool   // belongs to a cluster
	Empty     bool   // has no store: it may found, or wait to be added
}

// PeerStatus is what a node knows of another one.
type PeerStatus struct {
	ID        ID
	Seat      string
	Address   string
	Up        bool          // links in both directions
	Heard     time.Duration // since its last valid byte
	Reported  bool          // the fields below are known
	LastTerm  uint64
	LastIndex wal.Index
	Match     wal.Index // how far it is known to agree; only a leader knows
	Weight    int
	Unfit     bool
	Role      Role
	Term      uint64
	Leader    ID
	Founded   bool
	Empty     bool // has no store, as it said when the link was made
}

// view is the part of Status that the loop publishes.
type view struct {
	role            Role
	term            uint64
	leader          ID
	last            wal.Index
	lastTerm        uint64
	commit, applied wal.Index
	table           *seat.Table
	founded         bool
}

// Status returns a copy of the node's state.
func (n *Node) Status() Status {
	id, remains := n.self.id(), n.remains()
	n.mu.Lock()
	defer n.mu.Unlock()
	v := n.mu.view
	s := Status{
		ID: id, Seat: n.cfg.Seat, Role: v.role, Term: v.term, Leader: v.leader,
		LastIndex: v.last, LastTerm: v.lastTerm, Commit: v.commit, Applied: v.applied,
		Table: v.table, Failed: n.mu.failed, Founded: v.founded, Empty: !v.founded && !remains,
	}
	if link.Now() < n.mu.unfitTill {
		s.Unfit = n.mu.unfit
	}
	if s.Failed != nil {
		s.Role, s.Leader, s.Unfit = Follower, 0, s.Failed.Error()
	}
	for pid, q := range n.mu.peers {
		s.Peers = append(s.Peers, q.status(pid))
	}
	slices.SortFunc(s.Peers, func(a, b PeerStatus) int { return cmp.Compare(a.ID, b.ID) })
	for i := range s.Peers {
		s.Peers[i].Heard = n.mesh.Heard(s.Peers[i].ID)
	}
	return s
}

func (q *peer) status(id ID) PeerStatus {
	r := &q.report
	s := PeerStatus{
		ID: id, Seat: q.hello.Seat, Address: q.hello.Address, Up: q.up, Reported: q.reportedAt != 0,
		LastTerm: r.LastTerm, LastIndex: r.LastIndex, Match: q.match, Weight: r.Weight,
		Unfit: r.Unfit != "", Role: r.Role, Term: r.Term, Leader: r.Leader, Founded: r.Founded || q.hello.Cluster != [16]byte{},
	}
	s.Empty = q.hello.Empty && !s.Founded
	return s
}

// Changed returns a channel that is closed at the next change of role, leader,
// term, links, peers' roles, membership, fitness or failure.
func (n *Node) Changed() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.mu.changed
}

func (n *Node) notifyLocked() {
	close(n.mu.changed)
	n.mu.changed = make(chan struct{})
}

// SetUnfit makes the node say for d that it should not stand, and why. An empty
// reason ends it.
func (n *Node) SetUnfit(reason string, d time.Duration) {
	n.mu.Lock()
	n.mu.unfit, n.mu.unfitTill = reason, 0
	if reason != "" {
		n.mu.unfitTill = link.Now() + d
	}
	n.notifyLocked()
	n.mu.Unlock()
	n.inbox.call(func(l *loop) { l.urgent = true })
}

// lapseUnfit tells when the time of SetUnfit is over.
func (n *Node) lapseUnfit() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.mu.unfit != "" && link.Now() >= n.mu.unfitTill {
		n.mu.unfit = ""
		n.notifyLocked()
	}
}

// fail takes the node out of raft for good, with its reason [S11]. Nothing is
// tried again: only a new Open finds out what the disk holds. Safe from every
// goroutine; it waits for none.
func (n *Node) fail(err error) {
	n.mu.Lock()
	if n.mu.failed != nil {
		n.mu.Unlock()
		return
	}
	n.mu.failed = err
	n.notifyLocked()
	n.mu.Unlock()
	n.lease.end()
	n.props.abort()
	n.log.Error("This node has failed and takes no part until it is restarted", "error", err)
	n.inbox.call(func(l *loop) { l.leave() })
}

func (n *Node) failure() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.mu.failed
}

// publish makes the loop's state visible at the end of a turn.
func (l *loop) publish() {
	n := l.n
	v := view{role: l.role, term: l.term, leader: l.leader, commit: wal.Index(l.commit), table: l.table, founded: l.table != nil}
	v.last = n.wal.LastIndex()
	v.lastTerm, _ = n.wal.Term(v.last)
	if l.rn != nil {
		v.applied = wal.Index(l.rn.BasicStatus().Applied)
	}
	n.mu.Lock()
	old := n.mu.view
	if l.rn == nil {
		v.applied = old.applied
	}
	n.mu.view = v
	if old.role != v.role || old.term != v.term || old.leader != v.leader || old.table != v.table || old.founded != v.founded {
		n.notifyLocked()
	}
	n.mu.Unlock()
	if l.urgent && n.mesh != nil {
		l.urgent = false
		l.report()
	}
}

// noteMatches copies how far the slaves agree into their status.
func (l *loop) noteMatches() {
	l.n.mu.Lock()
	defer l.n.mu.Unlock()
	l.rn.WithProgress(func(id uint64, _ raft.ProgressType, pr tracker.Progress) {
		if q := l.n.mu.peers[ID(id)]; q != nil {
			q.match = wal.Index(pr.Match)
		}
	})
}

func (l *loop) roleOf(s raft.StateType) Role {
	switch s {
	case raft.StateLeader:
		return Leader
	case raft.StateCandidate, raft.StatePreCandidate:
		return Candidate
	}
	if _, voter := l.voters()[uint64(l.id)]; !voter {
		return Learner
	}
	return Follower
}

func idText(id ID) string { return fmt.Sprintf("%016x", uint64(id)) }
