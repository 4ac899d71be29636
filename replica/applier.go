package replica

import (
	"context"
	"fmt"
	"sync"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/quorate/quorate/wal"
)

// applier is the goroutine that applies. Everything that touches the Machine
// or ends proposals comes by here, in order.
type applier struct {
	node *Node
	mu   sync.Mutex
	wait []applyTask
	wake chan struct{}

	applied wal.Index // the applier's own
	results []any     // the applier's own
}

// An applyTask has one of its fields set; members goes with msg.
type applyTask struct {
	msg     *pb.Message
	members map[uint64][]byte // membership after an entry of msg, by its index
	end     *reign
	call    func()
}

func (a *applier) init(n *Node, applied wal.Index) {
	a.node = n
	a.applied = applied
	a.wake = make(chan struct{}, 1)
}

func (a *applier) push(t applyTask) {
	a.mu.Lock()
	a.wait = append(a.wait, t)
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

func (a *applier) run(ctx context.Context) {
	var tasks []applyTask
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.wake:
		}
		a.mu.Lock()
		tasks, a.wait = a.wait, tasks[:0]
		a.mu.Unlock()
		for i := range tasks {
			a.do(&tasks[i])
			if ctx.Err() != nil {
				return
			}
		}
		clear(tasks)
	}
}

func (a *applier) do(t *applyTask) {
	switch {
	case t.end != nil:
		a.node.props.conclude(t.end)
	case t.call != nil:
		t.call()
	case a.node.failure() != nil:
		// Failed: nothing is applied any more, the log may not hold it.
	default:
		for _, e := range t.msg.GetEntries() {
			if err := a.apply(e, t.members[e.GetIndex()]); err != nil {
				a.node.fail(err)
				return
			}
		}
		a.node.deliver(t.msg.GetResponses())
	}
}

// apply applies one entry and ends its proposals.
func (a *applier) apply(e *pb.Entry, members []byte) error {
	m, i, term := a.node.cfg.Machine, wal.Index(e.GetIndex()), e.GetTerm()
	if i != a.applied+1 {
		return fmt.Errorf("apply entry %d after %d: out of order", i, a.applied)
	}
	a.applied = i
	data := e.GetData()
	if e.GetType() != pb.EntryNormal || len(data) == 0 {
		m.Settle(i, term, members)
		return nil
	}
	a.results = a.results[:0]
	nonce, first, err := eachBatch(data, func(offset int, batch []byte) {
		a.results = append(a.results, m.Apply(i, term, offset, batch))
	})
	if err != nil {
		return fmt.Errorf("apply entry %d: %w", i, err)
	}
	m.Settle(i, term, nil)
	for k, q := range a.node.props.applied(nonce, first, len(data)) {
		q.done(a.results[k], nil)
	}
	clear(a.results)
	return nil
}

// await runs f on the applier, behind what was pushed before, and returns its
// error.
func (a *applier) await(ctx context.Context, f func() error) error {
	done := make(chan error, 1)
	a.push(applyTask{call: func() { done <- f() }})
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
