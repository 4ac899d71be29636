package replica

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/quorate/quorate/replica/seat"
	"github.com/quorate/quorate/wal"
)

const (
	dirLog     = "log"
	dirShots   = "snapshot" // checkpoints to be sent; emptied at open
	dirStaging = "staging"  // the snapshot that is being received; kept, so that a transfer can go on
)

// start is what raft begins with.
type start struct {
	applied wal.Index
	table   *seat.Table // nil: no cluster yet
	conf    *pb.ConfState
}

// self is this node's identity, and what it remembers of others'.
type self struct {
	mu      sync.Mutex
	who     seat.Identity
	remains bool // no member of a cluster, but the Machine has the state of one
	seen    map[ID]uint64
}

func (s *self) get() seat.Identity {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.who
}

func (s *self) id() ID { return ID(s.get().ID) }

// recover finds out what an earlier run left: nothing, a member of a cluster,
// an unfinished founding or installation, or one that may have forgotten what
// it acknowledged. The last never speaks under its old identity again: it keeps
// its files, takes a new identity, and is caught up like an empty node [M4].
func (n *Node) recover() (start, error) {
	if err := n.fs.RemoveAll(n.path(dirShots)); err != nil {
		return start{}, err
	}
	if err := n.openIdentity(); err != nil {
		return start{}, err
	}
	if err := n.openPeers(); err != nil {
		return start{}, err
	}
	s, err := n.openMember()
	var lost *amnesia
	if errors.As(err, &lost) {
		n.log.Error("This node may have forgotten what it acknowledged: it keeps its files, takes a new identity and will be caught up", "reason", lost.reason, "identity", idText(n.self.id()))
		s, err = n.reborn()
	}
	if err == nil {
		n.self.mu.Lock()
		index, _, _ := n.cfg.Machine.Applied()
		n.self.remains = s.table == nil && index > 0
		n.self.mu.Unlock()
	}
	return s, err
}

// amnesia is why a node may not go on under its identity.
type amnesia struct{ reason string }

func (a *amnesia) Error() string { return "acknowledged entries may be lost: " + a.reason }

func forgot(format string, args ...any) error {
	return &amnesia{fmt.Sprintf(format, args...)}
}

// openMember opens the log and checks it against identity and state.
func (n *Node) openMember() (start, error) {
	log, err := n.openLog()
	if errors.Is(err, wal.ErrCorrupt) {
		return start{}, forgot("%v", err)
	}
	if err != nil {
		return start{}, err
	}
	n.wal = log
	if err := n.finishInstall(); err != nil {
		return start{}, err
	}
	founding, err := n.finishFounding()
	if err != nil {
		return start{}, err
	}
	index, term, membership := n.cfg.Machine.Applied()
	switch last := log.LastIndex(); {
	case n.self.get().Cluster == [16]byte{}:
		if last > 0 {
			return start{}, forgot("a log up to index %d without a cluster", last)
		}
		return start{conf: &pb.ConfState{}}, nil
	case last == 0 || raft.IsEmptyHardState(hardState(log.State())):
		return start{}, forgot("the log is missing")
	case index == 0 && founding != nil && log.FirstIndex() <= 2:
		index, term, membership = foundingIndex, foundingTerm, founding
		n.cfg.Machine.Settle(index, term, membership)
	}
	return n.checkLog(index, term, membership)
}

// checkLog sees to it that the log goes on where the state ends.
func (n *Node) checkLog(index wal.Index, term uint64, membership []byte) (start, error) {
	if index == 0 {
		return start{}, forgot("the state is missing")
	}
	if t, err := n.wal.Term(index); err != nil || t != term {
		return start{}, forgot("the state is at index %d, term %d, and the log, from %d to %d, does not have it", index, term, n.wal.FirstIndex(), n.wal.LastIndex())
	}
	conf, table, err := decodeMembership(membership)
	if err != nil {
		return start{}, forgot("the membership in the state: %v", err)
	}
	if !holds(conf, n.self.id()) {
		return start{}, forgot("this identity was replaced")
	}
	return start{applied: index, table: table, conf: conf}, nil
}

func holds(c *pb.ConfState, id ID) bool {
	for _, set := range [][]uint64{c.GetVoters(), c.GetLearners(), c.GetVotersOutgoing(), c.GetLearnersNext()} {
		for _, v := range set {
			if v == uint64(id) {
				return true
			}
		}
	}
	return false
}

func hardState(st wal.State) *pb.HardState {
	c := uint64(st.Commit)
	return &pb.HardState{Term: &st.Term, Vote: &st.Vote, Commit: &c}
}

// openLog opens the log. Where it is much longer than a segment, the files of
// those that go are used again.
func (n *Node) openLog() (*wal.Log, error) {
	l := n.cfg.Limits
	return wal.Open(n.path(dirLog), wal.Options{FS: n.fs, SegmentSize: l.SegmentBytes, Recycle: l.LogBytes >= 4*l.SegmentBytes})
}

// reborn puts the log aside and makes a new identity. The new identity comes
// last: until it is durable the old one finds its log missing, and is reborn.
func (n *Node) reborn() (start, error) {
	if n.wal != nil {
		if err := n.wal.Close(); err != nil {
			n.log.Warn("Closing the log", "error", err)
		}
		n.wal = nil // in case it cannot be opened anew
	}
	for _, name := range []string{dirLog, fileFounding, fileInstall} {
		if err := n.aside(name); err != nil {
			return start{}, err
		}
	}
	if err := n.syncDir(n.cfg.Dir); err != nil {
		return start{}, err
	}
	who := seat.NewIdentity(n.cfg.Seat)
	if err := n.saveIdentity(who); err != nil {
		return start{}, err
	}
	log, err := n.openLog()
	if err != nil {
		return start{}, err
	}
	n.wal = log
	n.log.Warn("This node has a new identity", "identity", idText(n.self.id()))
	return start{conf: &pb.ConfState{}}, nil
}

// aside renames a file or directory that is kept for a person to look at.
func (n *Node) aside(name string) error {
	for i := 1; ; i++ {
		to := n.path(fmt.Sprintf("%s.lost-%d", name, i))
		if _, err := n.fs.Stat(to); err == nil {
			continue
		}
		err := n.fs.Rename(n.path(name), to)
		if isNotExist(err) {
			return nil
		}
		return err
	}
}

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// openPeers reads the remembered incarnations. Without the file nothing is
// remembered.
func (n *Node) openPeers() error {
	n.recall.n = n
	n.self.seen = make(map[ID]uint64)
	b, err := n.readSealed(filePeers)
	if errors.Is(err, errDamaged) {
		return n.aside(filePeers)
	}
	if err != nil {
		return err
	}
	for d := (decoder{b: b}); len(d.b) > 0; {
		id, incarnation := ID(d.uvarint()), d.uvarint()
		if !d.bad {
			n.self.seen[id] = incarnation
		}
	}
	return nil
}

func (n *Node) savePeers() error {
	n.self.mu.Lock()
	var b []byte
	for id, incarnation := range n.self.seen {
		b = binary.AppendUvarint(b, uint64(id))
		b = binary.AppendUvarint(b, incarnation)
	}
	n.self.mu.Unlock()
	return n.writeSealed(filePeers, b)
}
