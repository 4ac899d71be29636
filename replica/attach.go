package replica

import (
	"fmt"
	"time"

	"github.com/quorate/quorate/replica/link"
	"github.com/quorate/quorate/wal"
)

// attachment is a slave's way to what its master had when it found it, as
// operators read of it. When the log suffices no files move: the missing range
// is "requested", and progress counts its bytes and segments, reckoned from the
// mean size of the master's entries [S12].
type attachment struct {
	master   ID
	from     wal.Index // own end of the log when the master was found
	target   wal.Index // the master's
	bytes    int64     // of the range
	known    bool      // the master has reported
	attached bool
	said     time.Duration // when progress was printed last
}

const progressEvery = time.Second

// follow begins anew with another leader.
func (a *attachment) follow(l *loop) {
	if l.leader == 0 || l.leader == l.id {
		*a = attachment{}
		return
	}
	*a = attachment{master: l.leader, from: l.n.wal.LastIndex()}
	l.n.slave.Info("Attaching to master: " + l.n.addressOf(l.leader))
}

// reported takes the first report of the master as what has to be reached.
func (a *attachment) reported(l *loop, r report) {
	if a.known || a.master != l.leader || r.Role != Leader {
		return
	}
	a.known, a.target, a.said = true, r.LastIndex, link.Now()
	if a.target <= a.from {
		return
	}
	if r.LogEntries > 0 {
		a.bytes = int64(float64(r.LogBytes) / float64(r.LogEntries) * float64(a.target-a.from))
	}
	l.n.slave.Info(fmt.Sprintf("Slave requested: log/%016x-%016x", uint64(a.from+1), uint64(a.target)))
}

// progress prints how far the slave is, and when it is there.
func (a *attachment) progress(l *loop) {
	if !a.known || a.attached || l.table == nil {
		return
	}
	last := l.n.wal.LastIndex()
	if last >= a.target {
		if a.target > a.from {
			a.say(l, a.target)
		}
		a.attached = true
		l.n.slave.Info("Attached")
		return
	}
	if link.Now()-a.said >= progressEvery {
		a.say(l, max(last, a.from))
	}
}

func (a *attachment) say(l *loop, at wal.Index) {
	a.said = link.Now()
	part := float64(at-a.from) / float64(a.target-a.from)
	segment := l.n.cfg.Limits.SegmentBytes
	files := int((a.bytes + segment - 1) / segment)
	done := int(float64(files) * part)
	if files == 0 {
		files = 1
	}
	if at == a.target {
		done = files
	}
	l.n.slave.Info(progressText(int64(float64(a.bytes)*part), a.bytes, done, files))
}

// addressOf returns where a peer's links listen.
func (n *Node) addressOf(id ID) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if q := n.mu.peers[id]; q != nil && q.hello.Address != "" {
		return q.hello.Address
	}
	return idText(id)
}
