package store

import (
	"context"
	"errors"
)

// spillTidy is how many bytes are removed between two tidyings, which give their
// disk back: Pebble does that in the course of further writes, and behind a
// backlog that was drained there may be none.
const spillTidy = 64 << 20

// freeLocked counts what was removed, and has it tidied up behind enough of it.
func (s *Spill) freeLocked(bytes int64) {
	s.mu.bytes -= bytes
	s.mu.freed += bytes
	if s.mu.freed < spillTidy || s.mu.tidying || s.mu.closed || s.mu.ix == nil {
		return
	}
	s.mu.freed, s.mu.tidying = 0, true
	s.tidier.Add(1)
	go s.tidy()
}

// tidy gives disk back: of an empty spill all of it, else it brings the range
// deletions to where whole tables go, and compacts what takes much and holds
// little.
func (s *Spill) tidy() {
	defer s.tidier.Done()
	ix, empty, live := s.takeTidy()
	var err error
	switch {
	case empty:
		err = errors.Join(ix.close(), s.o.FS.RemoveAll(ix.name))
	default:
		err = s.compact(ix, live)
		ix.users.Done()
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		s.o.Logger.Warn("cannot give the disk of spilled messages back", "err", err)
	}
	s.mu.Lock()
	s.mu.tidying = false
	s.mu.Unlock()
	if s.o.tidied != nil {
		s.o.tidied()
	}
}

// takeTidy gives the index that is to be tidied: let go of if nothing is in it,
// else held until users.Done is called.
func (s *Spill) takeTidy() (ix *index, empty bool, live int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ix = s.mu.ix
	if empty = len(s.mu.lists) == 0; empty {
		s.mu.ix = nil
	} else {
		ix.users.Add(1)
	}
	return ix, empty, s.mu.bytes
}

func (s *Spill) compact(ix *index, live int64) error {
	flushed, err := ix.db.AsyncFlush()
	if err != nil {
		return err
	}
	select {
	case <-flushed:
	case <-ix.died:
		return errDied
	case <-s.ctx.Done():
		return s.ctx.Err()
	}
	if live > tidyLive || ix.diskUsage() < 2*live+tidyGarbage {
		return nil
	}
	return ix.db.Compact(s.ctx, []byte{0}, []byte{0xff, 0xff}, false)
}
