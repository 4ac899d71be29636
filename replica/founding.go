package replica

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/quorate/quorate/replica/link"
	"github.com/quorate/quorate/replica/seat"
	"github.com/quorate/quorate/wal"
)

// Every voter of a new cluster starts from the same state, as if an entry at
// index 1 of term 1 had set the table.
const (
	foundingIndex wal.Index = 1
	foundingTerm  uint64    = 1

	foundingPending = 0
	foundingDone    = 1
	foundingPatient = 10 * time.Second
)

// founding is one founding that is under way.
type founding struct {
	table   []byte
	waiters []func(error)
}

// Found makes an empty node a voter of the cluster that table (seat.Table's
// encoding) describes. It is a member durably when Found returns nil, and also
// when it was one of the same cluster before. A node with a store never founds:
// ErrFounded.
func (n *Node) Found(table []byte) error {
	done := make(chan error, 1)
	n.inbox.call(func(l *loop) { l.found(bytes.Clone(table), func(err error) { done <- err }) })
	select {
	case err := <-done:
		return err
	case <-n.stopped:
		return ErrStopped
	}
}

// FoundAll makes this node and every participant of table founders. It returns
// nil when all of them hold the record durably. After an error this node may be
// a founder already; those that have the record see to it that the others get it.
func (n *Node) FoundAll(table []byte) error {
	t, err := seat.Decode(table)
	if err != nil {
		return fmt.Errorf("found a cluster: %w", err)
	}
	if err := n.Found(table); err != nil {
		return err
	}
	waits := make(map[ID]chan struct{})
	n.mu.Lock()
	for _, s := range t.Seats {
		if id := ID(s.ID); !s.Vacant && id != n.self.id() {
			waits[id] = make(chan struct{})
			n.mu.founders[id] = waits[id]
		}
	}
	n.mu.Unlock()
	return n.sendFounding(table, waits)
}

func (n *Node) sendFounding(table []byte, waits map[ID]chan struct{}) error {
	ctx, cancel := context.WithTimeout(n.stopping, foundingPatient)
	defer cancel()
	again := time.NewTicker(2 * beat)
	defer again.Stop()
	for id, held := range waits {
		for waiting := true; waiting; {
			n.mesh.Send(id, link.Bulk, append([]byte{kindFound}, table...))
			select {
			case <-held:
				waiting = false
			case <-again.C:
			case <-ctx.Done():
				return fmt.Errorf("founding: node %s does not confirm the record: %w", idText(id), ctx.Err())
			}
		}
	}
	return nil
}

func (n *Node) foundingHeld(peer ID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.mu.founders[peer]; c != nil {
		close(c)
		delete(n.mu.founders, peer)
	}
}

// foundBy takes a founding record from a peer.
func (n *Node) foundBy(peer ID, table []byte) {
	n.inbox.call(func(l *loop) {
		l.found(table, func(err error) {
			if err != nil {
				n.log.Warn("Founding record is refused", "peer", idText(peer), "error", err)
				return
			}
			n.mesh.Send(peer, link.Urgent, []byte{kindFoundAnswer})
		})
	})
}

// found starts a founding. Until it is durable the node takes no part in raft;
// done is called on the loop.
func (l *loop) found(table []byte, done func(error)) {
	t, err := seat.Decode(table)
	switch me := l.n.self.get(); {
	case err != nil:
		done(fmt.Errorf("found a cluster: %w", err))
	case l.table != nil && l.table.Cluster == t.Cluster:
		done(nil)
	case l.founding != nil && bytes.Equal(l.founding.table, table):
		l.founding.waiters = append(l.founding.waiters, done)
	case l.table != nil || l.founding != nil || l.n.remains():
		done(ErrFounded)
	case t.Replicas != l.n.cfg.Replicas || len(t.Seats) != t.Replicas:
		done(fmt.Errorf("found a cluster: record has %d seats for replicas=%d, this node is configured for %d", len(t.Seats), t.Replicas, l.n.cfg.Replicas))
	case !slices.ContainsFunc(t.Seats, func(s seat.Seat) bool { return s.ID == me.ID && !s.Vacant }):
		done(fmt.Errorf("found a cluster: record has no seat for %s", idText(ID(me.ID))))
	case l.rn == nil:
		done(errors.New("found a cluster: node has failed"))
	default:
		l.founding = &founding{table: table, waiters: []func(error){done}}
		l.rn = nil
		l.n.writer.push(writeTask{call: func() error { return l.n.writeFounding(t, table) }})
	}
}

// writeFounding makes the founding durable; it runs on the writer. The record
// comes first, marked as pending, then the identity, which decides, then the
// log. finishFounding goes on after a crash.
func (n *Node) writeFounding(t *seat.Table, table []byte) error {
	if err := n.writeSealed(fileFounding, append([]byte{foundingPending}, table...)); err != nil {
		return err
	}
	who := n.self.get()
	who.Cluster = t.Cluster
	if err := n.saveIdentity(who); err != nil {
		return err
	}
	if err := n.enterFounded(table); err != nil {
		return err
	}
	conf, membership := foundingMembership(t)
	return n.applier.await(n.stopping, func() error {
		n.cfg.Machine.Settle(foundingIndex, foundingTerm, membership)
		n.applier.applied = foundingIndex
		n.inbox.call(func(l *loop) { l.founded(t, conf, table) })
		return nil
	})
}

// enterFounded makes the log begin behind the founding. Term and vote stay: an
// empty node may have been asked for its vote by those founded before it.
func (n *Node) enterFounded(table []byte) error {
	if n.wal.LastIndex() < foundingIndex {
		if err := n.wal.Reset(foundingIndex, foundingTerm); err != nil {
			return err
		}
	}
	if st := n.wal.State(); st.Term < foundingTerm {
		if err := n.wal.Append(&wal.State{Term: foundingTerm, Commit: st.Commit}, nil); err != nil {
			return err
		}
	}
	if err := n.wal.Sync(); err != nil {
		return err
	}
	return n.writeSealed(fileFounding, append([]byte{foundingDone}, table...))
}

// founded brings the node into raft.
func (l *loop) founded(t *seat.Table, conf *pb.ConfState, table []byte) {
	f := l.founding
	l.founding = nil
	if l.n.failure() != nil {
		return
	}
	l.table, l.conf, l.confIndex, l.record = t, conf, foundingIndex, table
	if err := l.join(foundingIndex); err != nil {
		l.n.fail(err)
		return
	}
	l.observe()
	l.urgent = true
	l.publish()
	l.n.log.Info("Cluster is founded", "cluster", fmt.Sprintf("%x", t.Cluster), "seat", l.n.cfg.Seat, "id", idText(l.id))
	for _, done := range f.waiters {
		done(nil)
	}
}

// finishFounding reads the founding record at open, goes on with a founding
// that a crash interrupted, and returns the membership that it set. Nil when
// this node was no founder.
func (n *Node) finishFounding() ([]byte, error) {
	b, err := n.readSealed(fileFounding)
	if errors.Is(err, errDamaged) {
		return nil, forgot("%v", err)
	}
	if err != nil || b == nil {
		return nil, err
	}
	if n.self.get().Cluster == [16]byte{} {
		return nil, n.removeSealed(fileFounding) // it was not decided
	}
	phase, table := b[0], b[1:]
	t, err := seat.Decode(table)
	if err != nil {
		return nil, forgot("founding record: %v", err)
	}
	if phase == foundingPending {
		if err := n.enterFounded(table); err != nil {
			return nil, err
		}
	}
	n.record = table
	_, membership := foundingMembership(t)
	return membership, nil
}

func foundingMembership(t *seat.Table) (*pb.ConfState, []byte) {
	conf := &pb.ConfState{}
	for _, s := range t.Seats {
		conf.Voters = append(conf.Voters, s.ID)
	}
	slices.Sort(conf.Voters)
	return conf, encodeMembership(conf, t)
}

// healFounding sends the founding record to a founder that does not have it:
// the one who sent it around may have stopped half-way. Such a peer's identity
// was durable before it was put into the record, and it has acknowledged
// nothing under it.
func (l *loop) healFounding() {
	if l.record == nil || l.table == nil || l.table.Version != l.recordVersion() {
		return
	}
	for _, s := range l.table.Seats {
		if s.Vacant || ID(s.ID) == l.id || !l.n.unfounded(ID(s.ID)) {
			continue
		}
		l.n.mesh.Send(ID(s.ID), link.Bulk, append([]byte{kindFound}, l.record...))
	}
}

func (l *loop) recordVersion() uint64 {
	t, err := seat.Decode(l.record)
	if err != nil {
		return 0
	}
	return t.Version
}

// unfounded reports whether a peer with a link says that it has no cluster.
func (n *Node) unfounded(id ID) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	q := n.mu.peers[id]
	return q != nil && q.up && q.reportedAt > q.since && !q.report.Founded
}

func (n *Node) remains() bool {
	n.self.mu.Lock()
	defer n.self.mu.Unlock()
	return n.self.remains
}
