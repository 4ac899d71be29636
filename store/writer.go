package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// writer is the one goroutine that writes to the index: closed generations,
// and between them the cleaning of graves and the tidying behind a drain.
type writer struct {
	s    *Store
	jobs chan job
	stop func() // ends it and waits, unless the index died on it; may be called twice
}

// job is a closed generation to be written, and what to do at that state.
type job struct {
	sealed *sealed
	after  func(*index, metaRecord)
}

func (w *writer) start(s *Store) {
	ctx, cancel := context.WithCancel(context.Background())
	w.s, w.jobs = s, make(chan job, 1)
	done := make(chan struct{})
	s.mu.RLock()
	died := s.mu.ix.died
	s.mu.RUnlock()
	w.stop = func() {
		cancel()
		select {
		case <-done:
		case <-died:
		}
	}
	go func() {
		defer close(done)
		w.run(ctx)
	}()
}

func (w *writer) run(ctx context.Context) {
	graves := true // there may be some
	for {
		if !graves {
			select {
			case <-ctx.Done():
				return
			case j := <-w.jobs:
				w.handle(ctx, j)
				graves = true
			}
			continue
		}
		select {
		case <-ctx.Done():
			return
		case j := <-w.jobs:
			w.handle(ctx, j)
		default:
			if graves = w.clean(); !graves {
				w.tidy(ctx)
			}
		}
	}
}

func (w *writer) handle(ctx context.Context, j job) {
	s := w.s
	if s.failed.Load() != nil {
		return
	}
	s.mu.RLock()
	ix := s.mu.ix
	s.mu.RUnlock()
	begin := time.Now()
	if err := s.writeGeneration(ctx, ix, j.sealed); err != nil {
		if !errors.Is(err, context.Canceled) {
			s.fail(fmt.Errorf("write generation to the index: %w", err))
		}
		return
	}
	s.retire(j.sealed, time.Since(begin))
	if j.after != nil {
		j.after(ix, j.sealed.meta)
	}
}

func (w *writer) clean() bool {
	if w.s.failed.Load() != nil {
		return false
	}
	w.s.mu.RLock()
	ix := w.s.mu.ix
	w.s.mu.RUnlock()
	more, err := ix.cleanGrave()
	if err != nil {
		w.s.fail(fmt.Errorf("clean the index: %w", err))
		return false
	}
	return more
}
