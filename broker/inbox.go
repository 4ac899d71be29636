package broker

import "sync"

// An inbox hands values from many goroutines to one, in order, without ever
// blocking the senders: who fills it is bounded otherwise (by bytes in flight,
// prefetch, one page a mailbox).
type inbox[T any] struct {
	mu    sync.Mutex
	items []T
	wake  chan struct{} // holds one token when items is not empty
}

func (b *inbox[T]) init() { b.wake = make(chan struct{}, 1) }

func (b *inbox[T]) post(v T) {
	b.mu.Lock()
	first := len(b.items) == 0
	b.items = append(b.items, v)
	b.mu.Unlock()
	if first {
		select {
		case b.wake <- struct{}{}:
		default:
		}
	}
}

// take gives what was posted and keeps spare for the next ones.
func (b *inbox[T]) take(spare []T) []T {
	b.mu.Lock()
	defer b.mu.Unlock()
	items := b.items
	b.items = spare[:0]
	return items
}
