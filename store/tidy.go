package store

import (
	"context"
	"errors"
	"fmt"
)

// What may stay in the index of what is gone: Pebble gives the disk of a
// backlog back in the course of further writes, and behind a drain there may be
// none. tidyLive bounds what a tidying reads and writes of what is pending.
const (
	tidyLive    = 64 << 20
	tidyGarbage = 64 << 20
)

// tidy compacts an index that holds little but takes much, when no generation
// waits to be written.
func (w *writer) tidy(ctx context.Context) {
	s := w.s
	if s.failed.Load() != nil {
		return
	}
	s.mu.RLock()
	ix := s.mu.ix
	live := int64(s.mu.jobBytes)
	for _, q := range s.mu.queues {
		live += int64(q.bytes)
	}
	s.mu.RUnlock()
	if live > tidyLive || ix.diskUsage() < 2*live+tidyGarbage {
		return
	}
	if err := ix.db.Compact(ctx, []byte{0}, []byte{0xff}, false); err != nil && !errors.Is(err, context.Canceled) {
		s.fail(fmt.Errorf("compact the index: %w", err))
	}
}
