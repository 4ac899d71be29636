package zookeeper

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/quorate/quorate/cluster"
	"github.com/quorate/quorate/logline"
	"github.com/quorate/quorate/replica"
	"github.com/quorate/quorate/replica/link"
)

// hintFor is how long the disappearance of a member is news. A master that has
// lost ZooKeeper for good must not be judged more strictly for ever.
const hintFor = 10 * time.Second

// Gate implements cluster.View: a node without a master stands only while a
// quorum of the cluster's nodes are members. When ZooKeeper has given no sign of
// life for a session's timeout, its word does not count, and the links decide
// [S10]; when it is back, the others have as long to be back too. Nor do members
// that have been too few for twice that time shut the gate: who is linked and no
// member has lost ZooKeeper, and may be the one that cannot win.
func (d *Driver) Gate() cluster.Gate {
	st, away := d.cfg.Replica.Status(), d.silent()
	d.mu.Lock()
	defer d.mu.Unlock()
	n, missing := present(&st, &d.mu.roster)
	switch {
	case len(d.mu.roster.old) > 0:
		return cluster.Gate{Shut: fmt.Sprintf("an ActiveMQ broker of the same name is a member of %s: the two do not mix", d.cfg.Path)}
	case away || link.Now() < d.mu.lenient:
		return cluster.Gate{}
	case !d.mu.known:
		return cluster.Gate{Shut: "the members at ZooKeeper are not known yet"}
	case n < cluster.Quorum(d.cfg.Replicas) && !d.fewForLong():
		return cluster.Gate{Few: true, Shut: d.few(n, missing)}
	}
	return cluster.Gate{}
}

// fewForLong reports whether the members have been too few for so long that it
// tells of ZooKeeper rather than of the nodes. d.mu is held.
func (d *Driver) fewForLong() bool {
	return d.mu.few != 0 && link.Now()-d.mu.few > 2*max(d.cfg.SessionTimeout, 2*tick)
}

// few says that n members are not enough.
func (d *Driver) few(n int, missing []string) string {
	text := fmt.Sprintf("%d of %d nodes are members at ZooKeeper, %d are needed", n, d.cfg.Replicas, cluster.Quorum(d.cfg.Replicas))
	if len(missing) > 0 {
		text += "; missing: " + strings.Join(missing, ", ")
	}
	return text
}

// silent reports whether ZooKeeper has been away for a session's timeout. It is
// asked for a sign of life each tick.
func (d *Driver) silent() bool { return d.alive.age() > max(d.cfg.SessionTimeout, 2*tick) }

// present counts the voters that are members, and names the seats of the others.
// Before there is a cluster every member counts.
func present(st *replica.Status, r *roster) (n int, missing []string) {
	if st.Table == nil {
		return len(r.members), nil
	}
	for _, s := range st.Table.Seats {
		switch {
		case s.Vacant:
		case r.find(replica.ID(s.ID)) != nil:
			n++
		default:
			missing = append(missing, s.Name)
		}
	}
	return n, missing
}

// Gone implements cluster.View: the node was a member in the present session of
// a ZooKeeper that answers, and has ceased to be one not long ago.
func (d *Driver) Gone(leader replica.ID) bool {
	away, now := d.silent(), link.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	seen, was := d.mu.seen[leader]
	return !away && d.mu.known && was && d.mu.roster.find(leader) == nil && now-seen < hintFor
}

// Sequence implements cluster.View: members are ranked in the order in which
// they came, as ActiveMQ's are.
func (d *Driver) Sequence(id replica.ID) uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	m := d.mu.roster.find(id)
	if m == nil {
		return 0
	}
	n, _ := strconv.ParseUint(m.sequence, 10, 64)
	return n + 1
}

// Changed implements cluster.View.
func (d *Driver) Changed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.mu.changed
}

// unknown notes that the session is over: who is a member is not known.
func (d *Driver) unknown() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mu.known, d.mu.seen, d.mu.few = false, nil, 0
	d.notifyLocked()
}

func (d *Driver) notifyLocked() {
	close(d.mu.changed)
	d.mu.changed = make(chan struct{})
}

// learn takes in a roster.
func (d *Driver) learn(st *replica.Status, r roster) {
	now := link.Now()
	d.mu.Lock()
	if now-d.mu.learned > d.cfg.SessionTimeout+tick {
		d.mu.lenient = now + d.cfg.SessionTimeout
	}
	d.mu.learned = now
	moved := !d.mu.known || r.key() != d.mu.roster.key()
	d.mu.roster, d.mu.known = r, true
	if n, _ := present(st, &r); n >= cluster.Quorum(d.cfg.Replicas) {
		d.mu.few = 0
	} else if d.mu.few == 0 {
		d.mu.few = now
	}
	if d.mu.seen == nil {
		d.mu.seen = make(map[replica.ID]time.Duration)
	}
	for i := range r.members {
		d.mu.seen[r.members[i].node()] = now
	}
	if moved {
		d.notifyLocked()
	}
	d.mu.Unlock()
	d.meetOthers(st, &r)
	if moved {
		d.tellMembers(st, &r)
	}
}

// meetOthers hands the other nodes' addresses to the links, and keeps them for a
// start without ZooKeeper [S9].
func (d *Driver) meetOthers(st *replica.Status, r *roster) {
	if !d.book.update(r, st.ID, d.cfg.Replica.Address()) {
		return
	}
	known := d.book.list()
	d.cfg.Replica.SetAddresses(known)
	if d.cfg.Remember != nil {
		if err := d.cfg.Remember(known); err != nil {
			d.log.Warn("The other nodes' addresses could not be kept", "error", err)
		}
	}
}

// tellMembers says what a change of the members means, with ActiveMQ's lines.
func (d *Driver) tellMembers(st *replica.Status, r *roster) {
	n := len(r.members)
	if len(r.old) > 0 {
		d.log.Error("An ActiveMQ broker of the same name is a member: this node neither stands nor founds while it is there",
			"path", d.cfg.Path, "broker", d.cfg.BrokerName, "member", "0"+strings.Join(r.old, ",0"))
	}
	if n > d.cfg.Replicas {
		logline.TooMany.Log(d.log, d.cfg.Replicas, n)
	}
	voters, missing := present(st, r)
	switch enough := voters >= cluster.Quorum(d.cfg.Replicas); {
	case enough && len(missing) > 0:
		d.log.Info(fmt.Sprintf("Members at ZooKeeper: %d of %d; missing: %s", voters, d.cfg.Replicas, strings.Join(missing, ", ")))
	case enough:
		d.log.Info(fmt.Sprintf("Members at ZooKeeper: %d of %d", voters, d.cfg.Replicas))
	case !st.Founded: // the election says it of a node that has a cluster
		logline.NotEnough.Log(d.log)
		d.log.Info(d.few(voters, missing))
	}
}
