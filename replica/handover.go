package replica

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/tracker"

	"github.com/quorate/quorate/replica/link"
	"github.com/quorate/quorate/wal"
)

// handOverPatience bounds a hand-over whose context has no deadline.
const handOverPatience = 5 * time.Second

var errNobody = errors.New("nobody took the leadership over")

// A handover is a planned change of leader: nothing more enters the log, what
// is in it is applied here and held by the slave, then the slave stands at once.
// Proposals that come meanwhile wait; they are refused when the reign ends, and
// go on when the hand-over fails before the slave was told.
type handover struct {
	to       ID
	deadline time.Duration
	drain    bool // wait for what is in the log
	asked    bool // raft knows
	sent     bool // the slave was told to stand: there is no way back
	err      error
	done     func(error)
}

// Transfer hands the leadership on to a voter. Nil: this node leads no more.
func (n *Node) Transfer(ctx context.Context, to ID) error {
	return n.handOver(ctx, func(*loop) (ID, error) { return to, nil })
}

// Resign hands the leadership on to the slave that is furthest, and steps down
// if none takes it.
func (n *Node) Resign(ctx context.Context) error {
	err := n.handOver(ctx, func(l *loop) (ID, error) {
		if to := l.bestSlave(); to != 0 {
			return to, nil
		}
		return 0, errNobody
	})
	if err == nil || errors.Is(err, ErrNotLeader) || errors.Is(err, ErrStopped) {
		return err
	}
	n.log.Info("Steps down without a successor", "reason", err)
	return n.do(func(l *loop) error { l.stepDown(); return nil })
}

func (n *Node) handOver(ctx context.Context, choose func(*loop) (ID, error)) error {
	deadline := link.Now() + handOverPatience
	if t, ok := ctx.Deadline(); ok {
		deadline = link.Now() + time.Until(t)
	}
	done := make(chan error, 1)
	n.inbox.call(func(l *loop) {
		if l.reign == nil {
			done <- ErrNotLeader
			return
		}
		to, err := choose(l)
		if err != nil {
			done <- err
			return
		}
		l.beginHandover(&handover{to: to, deadline: deadline, drain: true, done: func(err error) { done <- err }})
	})
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-n.stopped:
		return ErrStopped
	}
}

func (l *loop) beginHandover(h *handover) {
	_, voter := l.voters()[uint64(h.to)]
	switch {
	case l.reign == nil:
		h.done(ErrNotLeader)
	case l.handover != nil:
		h.done(errors.New("a hand-over is under way"))
	case h.to == l.id:
		h.done(nil)
	case !voter || !l.n.up()[h.to]:
		h.done(fmt.Errorf("hand over to %s: no voter with a link", idText(h.to)))
	default:
		l.reign.paused = true
		l.handover = h
	}
}

// advanceHandover does what a hand-over waits for.
func (l *loop) advanceHandover() {
	h := l.handover
	late := link.Now() >= h.deadline
	if !h.asked && !late {
		if h.drain && (!l.n.props.idle(l.reign) || l.match(h.to) < l.n.wal.LastIndex()) {
			return
		}
		h.asked = true
		l.rn.TransferLeader(uint64(h.to))
		return
	}
	aborted := h.asked && l.rn.BasicStatus().LeadTransferee == raft.None
	if !late && !aborted {
		return
	}
	h.err = errNobody
	if h.sent {
		l.stepDown() // the slave may still hear that it should stand, and the others would vote for it
		return
	}
	l.reign.paused = false
	l.endHandover()
	if h.asked && !aborted {
		l.rn.TransferLeader(uint64(l.id)) // takes it back
	}
}

// endHandover tells who waits for it. Without an error the leadership is gone.
func (l *loop) endHandover() {
	if h := l.handover; h != nil {
		l.handover = nil
		h.done(h.err)
	}
}

// abdicate gives the leadership up without waiting for this node's own disk.
func (l *loop) abdicate() {
	if l.reign == nil || l.handover != nil && l.handover.asked {
		return
	}
	l.endHandover()
	to := l.bestSlave()
	if to == 0 {
		l.stepDown()
		return
	}
	l.beginHandover(&handover{
		to:       to,
		deadline: link.Now() + electionTick*beat,
		done: func(err error) {
			if err != nil {
				l.stepDown()
			}
		},
	})
}

func (l *loop) match(id ID) wal.Index {
	var at wal.Index
	l.rn.WithProgress(func(v uint64, _ raft.ProgressType, pr tracker.Progress) {
		if ID(v) == id {
			at = wal.Index(pr.Match)
		}
	})
	return at
}

// bestSlave returns the voter to hand over to: with a link, fit, furthest in
// the log, then of the highest weight. 0: there is none.
func (l *loop) bestSlave() ID {
	type slave struct {
		id     ID
		match  wal.Index
		weight int
	}
	var all []slave
	l.n.mu.Lock()
	for v := range l.voters() {
		q := l.n.mu.peers[ID(v)]
		if q != nil && q.up && q.report.Unfit == "" && ID(v) != l.id {
			all = append(all, slave{id: ID(v), weight: q.report.Weight})
		}
	}
	l.n.mu.Unlock()
	if len(all) == 0 {
		return 0
	}
	for i := range all {
		all[i].match = l.match(all[i].id)
	}
	return slices.MaxFunc(all, func(a, b slave) int {
		return cmp.Or(cmp.Compare(a.match, b.match), cmp.Compare(a.weight, b.weight), cmp.Compare(b.id, a.id))
	}).id
}
