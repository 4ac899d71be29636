package replica

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/quorate/quorate/replica/link"
)

// handler is the Node as its links see it. Its methods run on the links'
// goroutines.
type handler Node

// hello is what this node says of itself on each new link.
func (n *Node) hello() link.Hello {
	id := n.self.get()
	return link.Hello{
		ID:          ID(id.ID),
		Cluster:     id.Cluster,
		Seat:        n.cfg.Seat,
		Incarnation: id.Incarnation,
		Replicas:    n.cfg.Replicas,
		Address:     n.address,
		Empty:       id.Cluster == [16]byte{} && !n.remains(),
	}
}

// Admit refuses strangers, clones and restored copies [S8].
func (h *handler) Admit(p link.Hello) error {
	n := (*Node)(h)
	me := n.self.get()
	none := [16]byte{}
	switch {
	case p.ID == 0:
		return errors.New("peer without an identity")
	case p.ID == ID(me.ID):
		return fmt.Errorf("peer at %s has this node's own identity %s: a copy of this directory", p.Address, idText(p.ID))
	case p.Replicas != n.cfg.Replicas:
		return fmt.Errorf("peer at %s has replicas=%d, this node %d", p.Address, p.Replicas, n.cfg.Replicas)
	case p.Cluster != none && me.Cluster != none && p.Cluster != me.Cluster:
		return fmt.Errorf("peer at %s belongs to cluster %x, this node to %x", p.Address, p.Cluster, me.Cluster)
	}
	if err := n.recall.check(p); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if q := n.mu.peers[p.ID]; q != nil && q.up && (q.hello.Incarnation != p.Incarnation || q.hello.Address != p.Address) {
		return fmt.Errorf("identity %s is held by a live node at %s, and by another at %s", idText(p.ID), q.hello.Address, p.Address)
	}
	return nil
}

func (h *handler) Up(p link.Hello) {
	n := (*Node)(h)
	n.recall.note(p)
	n.mu.Lock()
	q := n.peerLocked(p.ID)
	q.hello, q.up, q.since = p, true, link.Now()
	n.notifyLocked()
	n.mu.Unlock()
	n.inbox.call(func(l *loop) {
		l.urgent = true
		l.slaves.up(l, p.ID)
	})
}

func (h *handler) Down(id ID, err error) {
	n := (*Node)(h)
	n.lease.lost(id)
	n.mu.Lock()
	q := n.peerLocked(id)
	q.up, q.since = false, link.Now()
	n.notifyLocked()
	n.mu.Unlock()
	n.log.Debug("Link is down", "peer", idText(id), "error", err)
	n.inbox.call(func(l *loop) { l.linkDown(id) })
}

func (l *loop) linkDown(id ID) {
	if l.promise.leader == id {
		l.promise.leader = 0
	}
	l.unreachable(id)
	l.slaves.down(l, id)
	if l.reign != nil {
		l.quorumLost()
	}
}

// quorumLost makes a leader without links to a majority step down at once
// instead of at raft's next look at its timers.
func (l *loop) quorumLost() {
	up := l.n.up()
	for _, half := range [][]uint64{l.conf.GetVoters(), l.conf.GetVotersOutgoing()} {
		reach := 0
		for _, v := range half {
			if v == uint64(l.id) || up[ID(v)] {
				reach++
			}
		}
		if len(half) > 0 && reach <= len(half)/2 {
			l.n.log.Info("Links to a majority are gone", "reachable", reach, "voters", len(half))
			l.stepDown()
			return
		}
	}
}

// Receive takes a payload apart on the link's goroutine.
func (h *handler) Receive(peer ID, _ link.Class, payload []byte) {
	n := (*Node)(h)
	if len(payload) == 0 {
		return
	}
	switch payload[0] {
	case kindRaft:
		m, err := decodeMessage(payload)
		if err != nil || ID(m.GetFrom()) != peer || ID(m.GetTo()) != n.self.id() {
			n.log.Warn("Message is dropped", "peer", idText(peer), "error", err)
			return
		}
		n.inbox.step(m)
	case kindProbe:
		n.inbox.call(func(l *loop) { l.probed(peer, payload) })
	case kindProbeAnswer:
		if len(payload) == 17 {
			n.lease.answered(peer, binary.LittleEndian.Uint64(payload[1:]), time.Duration(binary.LittleEndian.Uint64(payload[9:])))
		}
	case kindReport:
		r, err := decodeReport(payload)
		if err != nil {
			n.log.Warn("Report is dropped", "peer", idText(peer), "error", err)
			return
		}
		n.reported(peer, r)
	case kindFound:
		n.foundBy(peer, payload[1:])
	case kindFoundAnswer:
		n.foundingHeld(peer)
	}
}

func (h *handler) Stream(p link.Hello, kind string, conn net.Conn) {
	n := (*Node)(h)
	if kind != streamSnapshot || n.stopping.Err() != nil {
		_ = conn.Close()
		return
	}
	n.receiveSnapshot(p, conn)
}

// memory remembers the highest incarnation of each identity, so that a restored
// copy of a directory is recognised although it is not seen beside the
// original [S8].
type memory struct {
	n *Node
}

func (m *memory) check(p link.Hello) error {
	m.n.self.mu.Lock()
	defer m.n.self.mu.Unlock()
	if known := m.n.self.seen[p.ID]; p.Incarnation < known {
		return fmt.Errorf("peer %s at %s has incarnation %d, but %d was seen: a restored copy of its directory", idText(p.ID), p.Address, p.Incarnation, known)
	}
	return nil
}

// note remembers a peer. The file is written by the goroutine that owns the
// disk.
func (m *memory) note(p link.Hello) {
	m.n.self.mu.Lock()
	higher := p.Incarnation > m.n.self.seen[p.ID]
	if higher {
		m.n.self.seen[p.ID] = p.Incarnation
	}
	m.n.self.mu.Unlock()
	if higher {
		m.n.writer.push(writeTask{call: m.n.savePeers})
	}
}
