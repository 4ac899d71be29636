package replica

import (
	"github.com/quorate/quorate/wal"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/tracker"
)

// slaves are the members that a leader serves, as operators read of them: each
// is announced when its link comes up, when it has what the log had then, and
// when it goes.
type slaves struct {
	seen map[ID]*slaveLine
}

type slaveLine struct {
	barrier wal.Index // the log's end when it connected
	caught  bool
}

func (s *slaves) init() { s.seen = make(map[ID]*slaveLine) }

// begin starts a reign: whoever has a link has connected.
func (s *slaves) begin(l *loop) {
	clear(s.seen)
	s.look(l)
}

func (s *slaves) end() { clear(s.seen) }

func (s *slaves) up(l *loop, id ID) {
	if l.reign != nil {
		s.look(l)
	}
}

func (s *slaves) down(l *loop, id ID) {
	if s.seen[id] != nil && l.reign != nil {
		l.n.master.Info("Slave has disconnected: " + idText(id))
	}
	delete(s.seen, id)
}

// look announces what changed.
func (s *slaves) look(l *loop) {
	if l.rn == nil {
		return
	}
	up := l.n.up()
	last := l.n.wal.LastIndex()
	l.rn.WithProgress(func(v uint64, _ raft.ProgressType, pr tracker.Progress) {
		id := ID(v)
		if id == l.id || !up[id] {
			return
		}
		line := s.seen[id]
		if line == nil {
			line = &slaveLine{barrier: last}
			s.seen[id] = line
			l.n.master.Info("Slave has connected: " + idText(id))
		}
		if !line.caught && wal.Index(pr.Match) >= line.barrier {
			line.caught = true
			l.n.master.Info("Slave has now caught up: " + idText(id))
		}
	})
}
