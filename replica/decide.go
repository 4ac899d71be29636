package replica

import (
	"math"
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/tracker"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/quorate/quorate/replica/link"
	"github.com/quorate/quorate/replica/seat"
	"github.com/quorate/quorate/wal"
)

// caughtUp is how many entries a learner may be behind when it is made a voter.
const caughtUp = 256

// decide asks, while leading, what the seats need next, and proposes it: one
// change at a time, the table in the context of raft's own [M6].
func (l *loop) decide() {
	if l.reign == nil || l.rn == nil || l.reign.paused || l.table == nil {
		return
	}
	view := seat.View{
		Peers:    l.seatPeers(),
		Gone:     l.gone,
		Surplus:  l.n.cfg.Limits.Surplus,
		Changing: len(l.conf.GetVotersOutgoing()) > 0 || l.confProposed > l.commit,
	}
	a := seat.Decide(l.table, view)
	if a.Kind == seat.None {
		l.refusal = ""
		return
	}
	if a.Kind == seat.Refuse {
		if l.refusal != a.Why {
			l.refusal = a.Why
			l.n.log.Warn("A node is not taken in", "seat", a.Peer.Seat, "peer", idText(ID(a.Peer.ID)), "reason", a.Why)
		}
		return
	}
	t := nextTable(l.table)
	s := t.Named(a.Seat)
	if s == nil {
		return
	}
	l.n.log.Info("Membership changes", "change", a.Kind.String(), "seat", a.Seat, "peer", idText(ID(a.Peer.ID)), "reason", a.Why)
	switch a.Kind {
	case seat.AddLearner:
		s.Learner = a.Peer.ID
		l.reconfigure(t, change(pb.ConfChangeAddLearnerNode, a.Peer.ID))
	case seat.Swap:
		*s = seat.Seat{Name: seatName(s, a.Peer), ID: a.Peer.ID, Address: a.Peer.Address, Incarnation: a.Peer.Incarnation}
		l.reconfigure(t, change(pb.ConfChangeAddNode, a.Peer.ID), change(pb.ConfChangeRemoveNode, a.Old))
	case seat.DropLearner:
		s.Learner = 0
		l.reconfigure(t, change(pb.ConfChangeRemoveNode, a.Old))
	}
}

// seatName is the name of a seat under its new holder: the holder's own place.
func seatName(s *seat.Seat, p seat.Peer) string {
	if p.Seat == "" {
		return s.Name
	}
	return p.Seat
}

// seatPeers lists the nodes with a link and how far they are.
func (l *loop) seatPeers() []seat.Peer {
	near := make(map[ID]bool)
	last := l.n.wal.LastIndex()
	l.rn.WithProgress(func(id uint64, _ raft.ProgressType, pr tracker.Progress) {
		near[ID(id)] = pr.State == tracker.StateReplicate && wal.Index(pr.Match)+caughtUp >= last
	})
	l.n.mu.Lock()
	defer l.n.mu.Unlock()
	var out []seat.Peer
	for id, q := range l.n.mu.peers {
		if !q.up || q.reportedAt < q.since {
			continue // it has not said yet what it is
		}
		out = append(out, seat.Peer{
			ID:          uint64(id),
			Seat:        q.hello.Seat,
			Address:     q.hello.Address,
			Incarnation: q.hello.Incarnation,
			Member:      q.report.Founded,
			CaughtUp:    near[id],
		})
	}
	return out
}

// gone returns how long an identity has had no link to this node; 0 when it has
// one. One that was never seen is gone since this reign began, as far as this
// node knows.
func (l *loop) gone(id uint64) time.Duration {
	if ID(id) == l.id {
		return 0
	}
	l.n.mu.Lock()
	defer l.n.mu.Unlock()
	q := l.n.mu.peers[ID(id)]
	switch {
	case l.vacant(id):
		return math.MaxInt64
	case q == nil:
		return max(link.Now()-l.crowned, 1)
	case q.up:
		return 0
	}
	return max(link.Now()-q.since, 1)
}

func (l *loop) vacant(id uint64) bool {
	s := l.table.Seat(id)
	return s != nil && s.Vacant && s.ID == id
}
