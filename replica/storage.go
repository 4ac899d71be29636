package replica

import (
	"errors"
	"fmt"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/quorate/quorate/wal"
)

// maxRead is how much of the log is read for raft in one turn of the loop, so
// that a lagging slave never delays heartbeats [S7].
const maxRead = 1 << 20

// readError is what storage panics with: raft would panic on any error of its
// storage, and this one can be told from a broken invariant. The loop recovers
// it and the node fails.
type readError struct{ err error }

// storage is raft's view of the log. It is used by the loop only.
type storage struct {
	log     *wal.Log
	state   *pb.HardState
	conf    *pb.ConfState
	budget  int // bytes that Entries may still give in this step; negative: no limit
	prepare func() (*pb.Snapshot, error)
}

func (s *storage) InitialState() (*pb.HardState, *pb.ConfState, error) {
	return s.state, s.conf, nil
}

// Entries returns [lo, hi), fewer when they exceed max or the turn's budget,
// and none when the budget is used up.
func (s *storage) Entries(lo, hi, max uint64) ([]*pb.Entry, error) {
	size := min(max, maxRead)
	if s.budget >= 0 {
		if s.budget == 0 {
			return nil, nil
		}
		size = min(size, uint64(s.budget))
	}
	es, err := s.log.Entries(wal.Index(lo), wal.Index(hi), int(size))
	if err != nil {
		return nil, storageError("entries", lo, err)
	}
	if s.budget >= 0 {
		for i := range es {
			s.budget -= len(es[i].Data)
		}
		s.budget = max0(s.budget)
	}
	return fromLog(es), nil
}

func (s *storage) Term(i uint64) (uint64, error) {
	t, err := s.log.Term(wal.Index(i))
	if err != nil {
		return 0, storageError("term", i, err)
	}
	return t, nil
}

func (s *storage) LastIndex() (uint64, error)  { return uint64(s.log.LastIndex()), nil }
func (s *storage) FirstIndex() (uint64, error) { return uint64(s.log.FirstIndex()), nil }

// Snapshot returns the checkpoint that is ready, or has one made.
func (s *storage) Snapshot() (*pb.Snapshot, error) { return s.prepare() }

func storageError(what string, i uint64, err error) error {
	switch {
	case errors.Is(err, wal.ErrCompacted):
		return raft.ErrCompacted
	case errors.Is(err, wal.ErrUnavailable):
		return raft.ErrUnavailable
	}
	panic(readError{fmt.Errorf("read %s at index %d: %w", what, i, err)})
}

func max0(n int) int { return max(n, 0) }

// fromLog gives entries raft's form. The data is shared.
func fromLog(es []wal.Entry) []*pb.Entry {
	type box struct {
		e           pb.Entry
		term, index uint64
		kind        pb.EntryType
	}
	boxes := make([]box, len(es))
	out := make([]*pb.Entry, len(es))
	for i := range es {
		b := &boxes[i]
		b.term, b.index, b.kind = es[i].Term, uint64(es[i].Index), pb.EntryType(es[i].Kind)
		b.e.Term, b.e.Index, b.e.Type, b.e.Data = &b.term, &b.index, &b.kind, es[i].Data
		out[i] = &b.e
	}
	return out
}

// toLog gives entries the log's form. The data is shared.
func toLog(to []wal.Entry, es []*pb.Entry) []wal.Entry {
	for _, e := range es {
		to = append(to, wal.Entry{
			Index: wal.Index(e.GetIndex()),
			Term:  e.GetTerm(),
			Kind:  uint8(e.GetType()),
			Data:  e.GetData(),
		})
	}
	return to
}
