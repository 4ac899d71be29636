package replica

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/quorate/quorate/replica/link"
	"github.com/quorate/quorate/wal"
)

// writer is the goroutine that writes the log. It takes all that waits, flushes
// once, and then delivers the answers that waited for it: that is where
// batches of several turns become one flush.
type writer struct {
	node *Node
	mu   sync.Mutex
	wait []writeTask
	wake chan struct{}

	dirty bool        // the writer's own: something that answers depend on is not flushed
	buf   []wal.Entry // the writer's own

	since    atomic.Int64 // link.Now() when what is being written was taken, 0 when idle
	unsynced atomic.Int32 // messages with entries that are pushed and not durable
}

// A writeTask is a message of raft for the log, or a call in its place in the
// order.
type writeTask struct {
	msg  *pb.Message
	call func() error
	slow bool // the call may take long without that being the disk's fault
}

func (w *writer) init(n *Node) {
	w.node = n
	w.wake = make(chan struct{}, 1)
}

func (w *writer) push(t writeTask) {
	if len(t.msg.GetEntries()) > 0 {
		w.unsynced.Add(1)
	}
	w.mu.Lock()
	w.wait = append(w.wait, t)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *writer) run(ctx context.Context) {
	var tasks []writeTask
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		}
		w.mu.Lock()
		tasks, w.wait = w.wait, tasks[:0]
		w.mu.Unlock()
		if err := w.write(tasks); err != nil {
			if ctx.Err() != nil {
				return
			}
			w.node.fail(fmt.Errorf("write the log: %w", err))
			return
		}
		clear(tasks)
	}
}

// write does the tasks. Calls and snapshots stand alone between the groups
// that are flushed together.
func (w *writer) write(tasks []writeTask) error {
	defer w.since.Store(0)
	for from := 0; from < len(tasks); {
		w.since.Store(int64(max(link.Now(), 1)))
		to := from
		for to < len(tasks) && tasks[to].msg != nil && tasks[to].msg.GetSnapshot() == nil {
			to++
		}
		if to > from {
			if err := w.group(tasks[from:to]); err != nil {
				return err
			}
			from = to
			continue
		}
		if err := w.alone(tasks[from]); err != nil {
			return err
		}
		from++
	}
	return nil
}

// group appends the messages of one group, flushes once if an answer depends
// on it, and delivers the answers.
func (w *writer) group(tasks []writeTask) error {
	answers := false
	for _, t := range tasks {
		if err := w.append(t.msg); err != nil {
			return err
		}
		answers = answers || len(t.msg.GetResponses()) > 0
	}
	if answers {
		if err := w.flush(); err != nil {
			return err
		}
	}
	for _, t := range tasks {
		if len(t.msg.GetEntries()) > 0 {
			w.unsynced.Add(-1)
		}
	}
	for _, t := range tasks {
		w.node.deliver(t.msg.GetResponses())
	}
	return nil
}

// append writes a message's entries and state. A commit index alone need not
// be durable for any answer.
func (w *writer) append(m *pb.Message) error {
	var st *wal.State
	if m.Term != nil || m.Vote != nil || m.Commit != nil {
		st = &wal.State{Term: m.GetTerm(), Vote: m.GetVote(), Commit: wal.Index(m.GetCommit())}
		old := w.node.wal.State()
		w.dirty = w.dirty || st.Term != old.Term || st.Vote != old.Vote
	}
	w.buf = toLog(w.buf[:0], m.GetEntries())
	defer clear(w.buf)
	w.dirty = w.dirty || len(w.buf) > 0
	if st == nil && len(w.buf) == 0 {
		return nil
	}
	return w.node.wal.Append(st, w.buf)
}

func (w *writer) flush() error {
	if !w.dirty {
		return nil
	}
	if err := w.node.wal.Sync(); err != nil {
		return err
	}
	w.dirty = false
	return nil
}

// alone does a call, or installs the snapshot of a message.
func (w *writer) alone(t writeTask) error {
	if t.call != nil {
		if t.slow {
			w.since.Store(0)
		}
		return t.call()
	}
	w.since.Store(0) // the state machine's work, not the log's
	if err := w.node.install(t.msg.GetSnapshot()); err != nil {
		return err
	}
	if err := w.append(t.msg); err != nil {
		return err
	}
	if err := w.flush(); err != nil {
		return err
	}
	if len(t.msg.GetEntries()) > 0 {
		w.unsynced.Add(-1)
	}
	w.node.deliver(t.msg.GetResponses())
	return nil
}

// deliver hands on the messages that waited for a flush.
func (n *Node) deliver(ms []*pb.Message) {
	self := n.self.id()
	local := ms[:0:0]
	for _, m := range ms {
		if m.GetTo() == uint64(self) {
			local = append(local, m)
		} else {
			n.send(m)
		}
	}
	n.inbox.step(local...)
}

// send gives a message to its peer's link. What cannot be sent is reported as
// lost.
func (n *Node) send(m *pb.Message) {
	to := ID(m.GetTo())
	if n.mesh.Send(to, classOf(m.GetType()), encodeMessage(m)) {
		return
	}
	if m.GetType() == pb.MsgApp {
		n.inbox.call(func(l *loop) { l.unreachable(to) })
	}
}
