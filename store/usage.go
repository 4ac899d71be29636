package store

import (
	"time"

	"github.com/quorate/quorate/wal"
)

// Usage is what a store takes and how it does.
type Usage struct {
	Disk      int64 // bytes of the index's files
	Overlay   int64 // bytes of memory of the generations
	Bodies    int64 // of these, bytes of bodies
	Messages  uint64
	Bytes     uint64 // headers and bodies of the pending messages
	Jobs      uint64 // messages that wait for their time
	JobBytes  uint64 // their specs, headers and bodies
	Queues    int
	Producers int
	IDs       int // of sent messages that are remembered
	Staged    int // transactions and uploads in progress
	Applied   wal.Index
	Low       wal.Index

	Generations uint64        // written to the index since Open
	Flushing    time.Duration // spent on that
	Stalls      uint64        // times that Apply waited for the index
	Stalled     time.Duration // how long in all
}

// diskUsage gives the bytes of the index's files, 0 once it died.
func (ix *index) diskUsage() int64 {
	n := make(chan int64, 1)
	go func() { n <- int64(ix.db.Metrics().DiskSpaceUsage()) }()
	select {
	case v := <-n:
		return v
	case <-ix.died:
		return 0
	}
}

// Usage reports what the store takes at this moment.
func (s *Store) Usage() Usage {
	s.mu.RLock()
	u := Usage{
		Overlay: s.mu.active.memory, Bodies: s.mu.active.bodies,
		Queues: len(s.mu.queues), Producers: len(s.mu.producers.byName),
		Jobs: s.mu.jobs, JobBytes: s.mu.jobBytes,
		IDs:     len(s.mu.sentIDs.order),
		Staged:  len(s.mu.stages) + len(s.mu.uploads),
		Applied: s.mu.applied, Low: s.mu.low,
		Generations: s.mu.usage.generations, Flushing: s.mu.usage.flushing,
		Stalls: s.mu.usage.stalls, Stalled: s.mu.usage.stalled,
	}
	if g := s.mu.closing; g != nil {
		u.Overlay += g.memory
		u.Bodies += g.bodies
	}
	for _, q := range s.mu.queues {
		u.Messages += q.depth
		u.Bytes += q.bytes
	}
	ix, closed := s.mu.ix, s.mu.closed
	if !closed {
		ix.users.Add(1)
	}
	s.mu.RUnlock()
	if !closed {
		u.Disk = ix.diskUsage()
		ix.users.Done()
	}
	return u
}
