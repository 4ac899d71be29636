package replica

import (
	"time"

	pb "go.etcd.io/raft/v3/raftpb"
)

// newsDelay is how long a slave may not know that something is committed while
// nothing else is said to it.
const newsDelay = 5 * time.Millisecond

// news is what a leader has yet to say of the commit index. Raft tells every
// slave at once, with a message of its own; but under load the next entries,
// which carry the commit index too, follow within a fraction of a millisecond,
// and the message, its write on the slave and its answer have kept three nodes
// busy just when the next request comes. So it waits for a moment, and is not
// sent when entries are. Nothing but a slave's applying waits for it, and raft
// allows for messages that are late or lost.
type news struct {
	held  map[ID]*pb.Message // the latest for each slave
	told  map[ID]uint64      // the highest commit index that each one was sent or has coming
	timer *time.Timer        // runs while something is held
}

func (w *news) init() {
	w.held, w.told = make(map[ID]*pb.Message), make(map[ID]uint64)
	w.timer = time.NewTimer(newsDelay)
	w.timer.Stop()
}

// hold reports whether m need not be sent now. An append without entries that
// has nothing new about the commit index is a question how far the slave is,
// and is not held.
func (w *news) hold(m *pb.Message) bool {
	if m.GetType() != pb.MsgApp {
		return false
	}
	to := ID(m.GetTo())
	fresh := m.GetCommit() > w.told[to]
	w.told[to] = max(w.told[to], m.GetCommit())
	if len(m.GetEntries()) > 0 || !fresh {
		delete(w.held, to)
		return false
	}
	if len(w.held) == 0 {
		w.timer.Reset(newsDelay)
	}
	w.held[to] = m
	return true
}

// tell sends what is held.
func (w *news) tell(n *Node) {
	for _, m := range w.held {
		n.send(m)
	}
	clear(w.held)
}

// forget drops everything: a reign is over, or begins.
func (w *news) forget() {
	w.timer.Stop()
	clear(w.held)
	clear(w.told)
}
