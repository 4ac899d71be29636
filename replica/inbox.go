package replica

import (
	"sync"

	pb "go.etcd.io/raft/v3/raftpb"
)

// inbox is what waits for the loop: messages of the peers and of the local
// goroutines, and calls. Putting never blocks.
type inbox struct {
	mu    sync.Mutex
	msgs  []*pb.Message
	calls []func(*loop)
	wake  chan struct{}
}

func (b *inbox) init() { b.wake = make(chan struct{}, 1) }

func (b *inbox) step(ms ...*pb.Message) {
	b.mu.Lock()
	b.msgs = append(b.msgs, ms...)
	b.mu.Unlock()
	b.poke()
}

func (b *inbox) call(f func(*loop)) {
	b.mu.Lock()
	b.calls = append(b.calls, f)
	b.mu.Unlock()
	b.poke()
}

// poke makes the loop turn once more.
func (b *inbox) poke() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// take returns what waits. The slices given are used for what comes next.
func (b *inbox) take(msgs []*pb.Message, calls []func(*loop)) ([]*pb.Message, []func(*loop)) {
	clear(msgs)
	clear(calls)
	b.mu.Lock()
	defer b.mu.Unlock()
	m, c := b.msgs, b.calls
	b.msgs, b.calls = msgs[:0], calls[:0]
	return m, c
}
