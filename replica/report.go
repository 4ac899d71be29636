package replica

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/quorate/quorate/replica/link"
	"github.com/quorate/quorate/wal"
)

// report is what a node tells the others of itself: every 200 ms, and at once
// when its role or leader changes [M2].
type report struct {
	Seat, Address string
	Role          Role
	Term          uint64
	Leader        ID
	LastTerm      uint64
	LastIndex     wal.Index
	Weight        int
	Unfit         string
	Founded       bool
	Keep          wal.Index // a leader's: what slaves still need of the log begins behind it
	LogBytes      uint64    // size of the log, and how many entries it has
	LogEntries    uint64
}

const reportFormat = 1

var errReport = errors.New("malformed report")

func (r *report) encode() []byte {
	b := []byte{kindReport, reportFormat, byte(r.Role)}
	for _, v := range [...]uint64{
		r.Term, uint64(r.Leader), r.LastTerm, uint64(r.LastIndex), uint64(r.Keep), r.LogBytes, r.LogEntries,
	} {
		b = binary.AppendUvarint(b, v)
	}
	b = binary.AppendVarint(b, int64(r.Weight))
	b = appendBool(b, r.Founded)
	for _, s := range [...]string{r.Seat, r.Address, r.Unfit} {
		b = appendText(b, s)
	}
	return b
}

func decodeReport(p []byte) (report, error) {
	if len(p) < 3 || p[0] != kindReport || p[1] != reportFormat || Role(p[2]) > Learner {
		return report{}, errReport
	}
	r := report{Role: Role(p[2])}
	d := decoder{b: p[3:]}
	r.Term, r.Leader, r.LastTerm = d.uvarint(), ID(d.uvarint()), d.uvarint()
	r.LastIndex, r.Keep = wal.Index(d.uvarint()), wal.Index(d.uvarint())
	r.LogBytes, r.LogEntries = d.uvarint(), d.uvarint()
	w, k := binary.Varint(d.b)
	if k <= 0 {
		return report{}, errReport
	}
	d.b = d.b[k:]
	r.Weight = int(w)
	r.Founded = d.uvarint() == 1
	r.Seat, r.Address, r.Unfit = d.text(), d.text(), d.text()
	if d.bad {
		return report{}, errReport
	}
	return r, nil
}

// report sends this node's state to all peers.
func (l *loop) report() {
	v := l.n.Status()
	r := report{
		Seat: v.Seat, Address: l.n.address, Role: v.Role, Term: v.Term, Leader: v.Leader,
		LastTerm: v.LastTerm, LastIndex: v.LastIndex, Weight: l.n.cfg.Weight, Unfit: v.Unfit, Founded: v.Founded,
	}
	if v.Failed != nil {
		r.Unfit = v.Failed.Error()
	}
	if l.reign != nil {
		r.Keep = l.slowest()
		r.LogBytes, r.LogEntries = uint64(l.n.wal.Size()), uint64(v.LastIndex+1-l.n.wal.FirstIndex())
	}
	for _, p := range l.n.mesh.Peers() {
		l.n.mesh.Send(p.ID, link.Urgent, r.encode())
	}
}

// reported takes in a peer's report.
func (n *Node) reported(id ID, r report) {
	n.mu.Lock()
	q := n.peerLocked(id)
	old := q.report
	q.report, q.reportedAt = r, link.Now()
	if old.Role != r.Role || old.Leader != r.Leader || old.Unfit != r.Unfit || old.Founded != r.Founded || old.Term != r.Term {
		n.notifyLocked()
	}
	n.mu.Unlock()
	n.inbox.call(func(l *loop) { l.heardReport(id, r) })
}

// heardReport takes a leader at its word that it leads no more: it never will
// again in that term, so nobody needs to wait for it to fall silent.
func (l *loop) heardReport(id ID, r report) {
	if id != l.leader || l.rn == nil || l.reign != nil {
		return
	}
	l.keep = r.Keep
	l.attach.reported(l, r)
	if r.Term >= l.term && r.Role != Leader {
		l.promise.leader = 0
		l.forget()
	}
}

// peer is what is known of another node.
type peer struct {
	hello      link.Hello
	up         bool
	since      time.Duration // link.Now() when up changed
	report     report
	reportedAt time.Duration
	match      wal.Index // while this node leads
}

func (n *Node) peerLocked(id ID) *peer {
	q := n.mu.peers[id]
	if q == nil {
		q = &peer{}
		n.mu.peers[id] = q
	}
	return q
}

// up returns the peers with a whole link.
func (n *Node) up() map[ID]bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	up := make(map[ID]bool, len(n.mu.peers))
	for id, q := range n.mu.peers {
		if q.up {
			up[id] = true
		}
	}
	return up
}
