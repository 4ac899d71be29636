package zookeeper

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/quorate/quorate/cluster"
	"github.com/quorate/quorate/logline"
	"github.com/quorate/quorate/replica"
)

// Gate implements cluster.View: a node without a master stands only while a
// quorum of members is there. When ZooKeeper has given no sign of life for a
// session's timeout, its word no longer counts, and the links decide [S10].
func (d *Driver) Gate() cluster.Gate {
	away := d.silent()
	d.mu.Lock()
	defer d.mu.Unlock()
	n, quorum := len(d.mu.roster.members), cluster.Quorum(d.cfg.Replicas)
	switch {
	case len(d.mu.roster.old) > 0:
		return cluster.Gate{Shut: fmt.Sprintf("an ActiveMQ broker of the same name is a member of %s: the two do not mix", d.cfg.Path)}
	case away:
		return cluster.Gate{}
	case !d.mu.known:
		return cluster.Gate{Shut: "the members at ZooKeeper are not known yet"}
	case n < quorum:
		return cluster.Gate{Few: true, Shut: fmt.Sprintf("%d of %d nodes are members at ZooKeeper, %d are needed%s",
			n, d.cfg.Replicas, quorum, d.missingLocked())}
	}
	return cluster.Gate{}
}

// silent reports whether ZooKeeper has been away for a session's timeout.
func (d *Driver) silent() bool { return d.alive.age() > d.cfg.SessionTimeout }

// missingLocked names the seats without a member.
func (d *Driver) missingLocked() string {
	st := d.cfg.Replica.Status()
	if st.Table == nil {
		return ""
	}
	var missing []string
	for _, s := range st.Table.Seats {
		if !s.Vacant && d.mu.roster.find(replica.ID(s.ID)) == nil {
			missing = append(missing, s.Name)
		}
	}
	return "; missing: " + strings.Join(missing, ", ")
}

// Gone implements cluster.View: the node was a member in the present session of
// a ZooKeeper that answers, and is none now.
func (d *Driver) Gone(leader replica.ID) bool {
	away := d.silent()
	d.mu.Lock()
	defer d.mu.Unlock()
	return !away && d.mu.known && d.mu.seen[leader] && d.mu.roster.find(leader) == nil
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
	d.mu.known, d.mu.seen = false, nil
	d.notifyLocked()
}

func (d *Driver) notifyLocked() {
	close(d.mu.changed)
	d.mu.changed = make(chan struct{})
}

// learn takes in a roster.
func (d *Driver) learn(st *replica.Status, r roster) {
	d.mu.Lock()
	moved := !d.mu.known || r.key() != d.mu.roster.key()
	d.mu.roster, d.mu.known = r, true
	if d.mu.seen == nil {
		d.mu.seen = make(map[replica.ID]bool)
	}
	for i := range r.members {
		d.mu.seen[r.members[i].node()] = true
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
	if n < cluster.Quorum(d.cfg.Replicas) && st.Leader == 0 && !st.Founded {
		logline.NotEnough.Log(d.log) // a founded node's election says it
		d.mu.Lock()
		missing := d.missingLocked()
		d.mu.Unlock()
		d.log.Info(fmt.Sprintf("%d of %d nodes are members at ZooKeeper, %d are needed%s", n, d.cfg.Replicas, cluster.Quorum(d.cfg.Replicas), missing))
	}
}

// A book holds where the other nodes' links are. An address stays when its
// node's member goes, for the node may be there: only a newer address of the
// same node replaces it, or the least recently added goes when there are too many.
type book struct {
	limit   int
	entries []entry // oldest first
}

type entry struct {
	node    replica.ID // 0: remembered from an earlier run
	address string
}

func newBook(addresses []string, limit int) book {
	b := book{limit: limit}
	for _, a := range addresses {
		b.entries = append(b.entries, entry{address: a})
	}
	return b
}

// update takes in the members' addresses, and reports whether the list changed.
func (b *book) update(r *roster, self replica.ID, own string) bool {
	before := b.list()
	for i := range r.members {
		e := entry{node: r.members[i].node(), address: r.members[i].Link}
		if e.node == self || e.address == "" || slices.Contains(b.entries, e) {
			continue
		}
		b.entries = slices.DeleteFunc(b.entries, func(o entry) bool { return o.node == e.node || o.address == e.address })
		b.entries = append(b.entries, e)
	}
	b.entries = slices.DeleteFunc(b.entries, func(o entry) bool { return o.address == own })
	if n := len(b.entries) - b.limit; n > 0 {
		b.entries = slices.Delete(b.entries, 0, n)
	}
	return !slices.Equal(before, b.list())
}

func (b *book) list() []string {
	list := make([]string, 0, len(b.entries))
	for _, e := range b.entries {
		list = append(list, e.address)
	}
	slices.Sort(list)
	return list
}
