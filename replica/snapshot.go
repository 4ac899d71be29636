package replica

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/quorate/quorate/replica/link"
	"github.com/quorate/quorate/replica/seat"
	"github.com/quorate/quorate/wal"
)

// shotIdle is how long a checkpoint is kept when nobody needs it.
const shotIdle = 30 * time.Second

// A checkpoint is a copy of the Machine's state that can be sent.
type checkpoint struct {
	dir   string
	index wal.Index
	term  uint64
	conf  *pb.ConfState
	users int           // transfers that read it
	idle  time.Duration // link.Now() when it was made or last used
}

// checkpoints are the leader's; the loop owns them, the applier makes them.
type checkpoints struct {
	n       *Node
	current *checkpoint
	old     []*checkpoint // superseded, but being read
	wanted  bool
	making  bool
	count   int
	cancel  context.CancelFunc // ends the transfers of this reign
	ctx     context.Context
}

func (s *checkpoints) init(n *Node) { s.n = n }

// snapshot is raft's Storage.Snapshot: the checkpoint that is ready, if it is
// not older than the last change of the configuration and the log goes on
// behind it; a learner ignores one that does not know it [M7]. Else one is made.
func (l *loop) snapshot() (*pb.Snapshot, error) {
	c := l.shots.current
	if c == nil || c.index < l.confIndex || c.index+1 < l.n.wal.FirstIndex() {
		l.shots.wanted = true
		return nil, raft.ErrSnapshotTemporarilyUnavailable
	}
	c.idle = link.Now()
	index, term := uint64(c.index), c.term
	return &pb.Snapshot{Metadata: &pb.SnapshotMetadata{ConfState: c.conf, Index: &index, Term: &term}}, nil
}

// make has the applier make the checkpoint that raft asked for. It comes behind
// everything that was handed out before, a change of the configuration included.
func (s *checkpoints) make() {
	if !s.wanted || s.making {
		return
	}
	s.wanted, s.making = false, true
	s.count++
	dir := s.n.path(dirShots, fmt.Sprintf("%06d", s.count))
	s.n.applier.push(applyTask{call: func() {
		c, err := s.n.checkpoint(dir)
		s.n.inbox.call(func(l *loop) { l.shots.made(c, err) })
	}})
}

func (n *Node) checkpoint(dir string) (*checkpoint, error) {
	if err := n.failure(); err != nil {
		return nil, err
	}
	if err := n.fs.MkdirAll(n.path(dirShots), 0o755); err != nil {
		return nil, err
	}
	index, term, membership, err := n.cfg.Machine.Checkpoint(dir)
	if err != nil {
		return nil, err
	}
	conf, _, err := decodeMembership(membership)
	if err != nil {
		return nil, err
	}
	return &checkpoint{dir: dir, index: index, term: term, conf: conf, idle: link.Now()}, nil
}

func (s *checkpoints) made(c *checkpoint, err error) {
	s.making = false
	if err != nil {
		s.n.log.Warn("Snapshot cannot be made", "error", err)
		return
	}
	if s.current != nil {
		s.old = append(s.old, s.current)
	}
	s.current = c
	s.expire()
}

// expire removes what nobody reads any more.
func (s *checkpoints) expire() {
	kept := s.old[:0]
	for _, c := range s.old {
		if c.users > 0 {
			kept = append(kept, c)
		} else {
			s.remove(c)
		}
	}
	s.old = kept
	if c := s.current; c != nil && c.users == 0 && link.Now()-c.idle > shotIdle {
		s.current = nil
		s.remove(c)
	}
}

func (s *checkpoints) remove(c *checkpoint) {
	s.n.transfers.Go(func() {
		if err := s.n.fs.RemoveAll(c.dir); err != nil {
			s.n.log.Warn("Removing a snapshot", "dir", c.dir, "error", err)
		}
	})
}

// needed returns the index from which the log is kept for a slave that is being
// sent a snapshot.
func (s *checkpoints) needed() (wal.Index, bool) {
	c := s.current
	for _, o := range s.old {
		if c == nil || o.index < c.index {
			c = o
		}
	}
	if c == nil {
		return 0, false
	}
	return c.index, true
}

// end stops the transfers of a reign.
func (s *checkpoints) end() {
	if s.cancel != nil {
		s.cancel()
		s.cancel = nil
	}
}

// sendSnapshot sends the checkpoint of a MsgSnap on a connection of its own.
// Every transfer ends with a word to raft.
func (l *loop) sendSnapshot(m *pb.Message) {
	to, c := ID(m.GetTo()), l.shots.current
	if c == nil || uint64(c.index) != m.GetSnapshot().GetMetadata().GetIndex() {
		l.rn.ReportSnapshot(uint64(to), raft.SnapshotFailure)
		return
	}
	if l.shots.cancel == nil {
		l.shots.ctx, l.shots.cancel = context.WithCancel(l.n.stopping)
	}
	c.users++
	ctx, n := l.shots.ctx, l.n
	n.transfers.Go(func() {
		err := n.ship(ctx, m, c.dir)
		if err != nil {
			n.master.Warn(fmt.Sprintf("Unexpected session error: %v", err))
		}
		n.inbox.call(func(l *loop) { l.shipped(to, c, err) })
	})
}

func (l *loop) shipped(to ID, c *checkpoint, err error) {
	c.users--
	c.idle = link.Now()
	l.shots.expire()
	if l.rn == nil {
		return
	}
	status := raft.SnapshotFinish
	if err != nil {
		status = raft.SnapshotFailure
	}
	l.rn.ReportSnapshot(uint64(to), status)
}

// offer gives raft the snapshot that has arrived. If raft has no use for it the
// next one may be received.
func (l *loop) offer(m *pb.Message) {
	l.installing = false
	l.step(m)
	l.ready()
	if !l.installing {
		l.n.receivingDone()
	}
}

// install switches state and log to the received snapshot; it runs on the
// writer. The marker comes first, then what was committed before is applied,
// then the Machine switches by its pointer file, then the log. finishInstall
// goes on after a crash between the two.
func (n *Node) install(s *pb.Snapshot) error {
	defer n.receivingDone()
	index, term := wal.Index(s.GetMetadata().GetIndex()), s.GetMetadata().GetTerm()
	mark := binary.AppendUvarint(binary.AppendUvarint(nil, uint64(index)), term)
	if err := n.writeSealed(fileInstall, mark); err != nil {
		return err
	}
	err := n.applier.await(n.stopping, func() error {
		if err := n.cfg.Machine.Restore(n.path(dirStaging)); err != nil {
			return fmt.Errorf("restore snapshot at index %d: %w", index, err)
		}
		if i, t, _ := n.cfg.Machine.Applied(); i != index || t != term {
			return fmt.Errorf("restore snapshot at index %d, term %d: state is at index %d, term %d", index, term, i, t)
		}
		n.applier.applied = index
		return nil
	})
	if err != nil {
		return err
	}
	if err := n.finishInstall(); err != nil {
		return err
	}
	if err := n.fs.RemoveAll(n.path(dirStaging)); err != nil {
		n.log.Warn("Removing the received snapshot", "error", err)
	}
	return n.announceInstalled(index)
}

func (n *Node) announceInstalled(index wal.Index) error {
	_, _, membership := n.cfg.Machine.Applied()
	conf, table, err := decodeMembership(membership)
	if err != nil {
		return err
	}
	n.inbox.call(func(l *loop) { l.installed(index, conf, table) })
	return nil
}

func (l *loop) installed(index wal.Index, conf *pb.ConfState, table *seat.Table) {
	if index <= l.confIndex {
		return
	}
	l.conf, l.table, l.confIndex = conf, table, index
	l.urgent = true
}

// finishInstall makes log and identity follow the Machine if it stands where
// the marker of an installation says, and removes the marker. A marker that it
// does not match is of an installation that did not get to the Machine.
func (n *Node) finishInstall() error {
	b, err := n.readSealed(fileInstall)
	if errors.Is(err, errDamaged) {
		return forgot("%v", err)
	}
	if err != nil || b == nil {
		return err
	}
	d := decoder{b: b}
	index, term := wal.Index(d.uvarint()), d.uvarint()
	if i, t, membership := n.cfg.Machine.Applied(); i == index && t == term {
		if err := n.followState(index, term, membership); err != nil {
			return err
		}
	}
	return n.removeSealed(fileInstall)
}

func (n *Node) followState(index wal.Index, term uint64, membership []byte) error {
	_, table, err := decodeMembership(membership)
	if err != nil {
		return forgot("the membership in a snapshot: %v", err)
	}
	if t, err := n.wal.Term(index); err != nil || t != term {
		if err := n.wal.Reset(index, term); err != nil {
			return err
		}
	}
	if st := n.wal.State(); st.Term < term {
		if err := n.wal.Append(&wal.State{Term: term, Commit: st.Commit}, nil); err != nil {
			return err
		}
	}
	if err := n.wal.Sync(); err != nil {
		return err
	}
	who := n.self.get()
	if who.Cluster == table.Cluster {
		return nil
	}
	if who.Cluster != [16]byte{} {
		return fmt.Errorf("snapshot of cluster %x on a node of cluster %x", table.Cluster, who.Cluster)
	}
	who.Cluster = table.Cluster
	n.self.mu.Lock()
	n.self.remains = false
	n.self.mu.Unlock()
	return n.saveIdentity(who)
}
