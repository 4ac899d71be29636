package replica

import (
	"math"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/tracker"

	"github.com/quorate/quorate/wal"
)

// compact drops the front of the log: what the Machine no longer needs and no
// slave is waiting for. A slave that is away is waited for up to LogBytes, one
// that is being sent a snapshot up to CatchUpBytes; then it costs a snapshot.
// What the Machine needs is never dropped.
func (l *loop) compact() {
	if l.table == nil || l.rn == nil {
		return
	}
	low := l.n.cfg.Machine.Low()
	keep := min(low, l.waitedFor())
	size := l.n.wal.Size()
	if size > l.n.cfg.Limits.LogBytes {
		keep = low
	}
	if at, busy := l.shots.needed(); busy && size <= l.n.cfg.Limits.CatchUpBytes {
		keep = min(keep, at)
	}
	if keep+1 <= l.n.wal.FirstIndex() || keep <= l.dropped {
		return
	}
	l.dropped = keep
	l.n.writer.push(writeTask{call: func() error { return l.n.wal.TruncateFront(keep + 1) }})
}

// waitedFor returns the index up to which every member has the log, as far as
// is known here. A slave goes by its leader's word, because it may have to
// serve the others next; without one it keeps all.
func (l *loop) waitedFor() wal.Index {
	switch {
	case l.reign != nil:
		return l.slowest()
	case l.leader != 0:
		return l.keep
	}
	return 0
}

// slowest returns the lowest index that a member has reached. Vacant seats are
// not waited for, nor are learners that have nothing: they begin with a snapshot.
func (l *loop) slowest() wal.Index {
	vacant := make(map[uint64]bool)
	for _, s := range l.table.Seats {
		vacant[s.ID] = s.Vacant
	}
	low := wal.Index(math.MaxUint64)
	l.rn.WithProgress(func(id uint64, typ raft.ProgressType, pr tracker.Progress) {
		at := wal.Index(pr.Match)
		switch {
		case vacant[id] || id == uint64(l.id):
			return
		case pr.State == tracker.StateSnapshot:
			at = max(at, wal.Index(pr.PendingSnapshot))
		case at == 0 && typ == raft.ProgressTypeLearner:
			return
		}
		low = min(low, at)
	})
	return low
}
