package zookeeper

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/quorate/quorate/cluster"
	"github.com/quorate/quorate/replica"
	"github.com/quorate/quorate/replica/link"
	"github.com/quorate/quorate/replica/seat"
)

// A record is the founding record's data.
type record struct {
	Table []byte `json:"table"` // seat.Table's encoding, in base64
}

// recordName gives the child that holds the record of a broker's cluster.
func recordName(broker string) string { return "quorate-" + url.PathEscape(broker) }

func encodeRecord(t *seat.Table) ([]byte, error) { return json.Marshal(record{Table: t.Append(nil)}) }

func decodeRecord(data []byte) (*seat.Table, []byte, error) {
	var r record
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, nil, fmt.Errorf("founding record: %w", err)
	}
	t, err := seat.Decode(r.Table)
	if err != nil {
		return nil, nil, fmt.Errorf("founding record: %w", err)
	}
	return t, r.Table, nil
}

// founder is what a node without a cluster keeps between two looks.
type founder struct {
	quorum  time.Duration // link.Now() when a quorum was first seen, 0: none
	refused []byte        // the record that this node could not take
	foreign bool          // the record is of another cluster than this node's, and that was told
}

// foundation sees to it that the cluster is founded, once: by whoever writes the
// record first. A node that stands in the record and is empty takes it.
func (d *Driver) foundation(t *tree, st *replica.Status) error {
	if t.founding == nil {
		return d.begin(t, st)
	}
	table, raw, err := decodeRecord(t.founding)
	if err != nil {
		return err
	}
	if st.Founded {
		d.compare(table, st)
		return nil
	}
	switch s := table.Seat(uint64(st.ID)); {
	case !st.Empty:
		d.told.say(d, "This node has a store without a cluster, and a cluster is founded: a person has to look at it")
	case s == nil || s.ID != uint64(st.ID) || table.Version != 1:
		d.told.say(d, "The cluster exists already: waiting for its master to take this node in")
	case !bytes.Equal(d.found.refused, raw):
		if err := d.cfg.Replica.Found(raw); err != nil {
			d.found.refused = bytes.Clone(raw)
			d.log.Error("The founding record cannot be taken", "error", err)
		}
	}
	return nil
}

// compare looks whether the record is that of this node's own cluster.
func (d *Driver) compare(table *seat.Table, st *replica.Status) {
	foreign := st.Table != nil && table.Cluster != st.Table.Cluster
	if foreign && !d.found.foreign {
		d.log.Error("The record at ZooKeeper is of another cluster than this node's: give each a zkPath or brokerName of its own",
			"path", d.cfg.Path, "record", hex.EncodeToString(table.Cluster[:]), "own", hex.EncodeToString(st.Table.Cluster[:]))
	}
	d.told, d.found.foreign = progress{}, foreign
}

// begin founds the cluster if it is this node's turn. A master that finds its
// cluster's record missing writes it again, so that empty nodes see that there
// is a cluster.
func (d *Driver) begin(t *tree, st *replica.Status) error {
	if st.Founded {
		if st.Role != replica.Leader || st.Table == nil {
			return nil
		}
		_, err := d.claim(t, st.Table, "The record of the cluster was missing at ZooKeeper and is written again")
		return err
	}
	d.mu.Lock()
	r := d.mu.roster
	d.mu.Unlock()
	if len(r.old) > 0 {
		d.told.say(d, "This node has no cluster yet: an ActiveMQ broker of the same name is a member of "+d.cfg.Path)
		return nil
	}
	f := d.founding(st, &r)
	table, why := seat.Found(f)
	if table == nil {
		d.told.say(d, "This node has no cluster yet: "+why)
		return nil
	}
	won, err := d.claim(t, table, fmt.Sprintf("Founding the cluster with %d of %d nodes", min(len(f.Others)+1, f.Replicas), f.Replicas))
	if won {
		return d.foundation(t, st)
	}
	return err
}

func (d *Driver) claim(t *tree, table *seat.Table, text string) (bool, error) {
	data, err := encodeRecord(table)
	if err != nil {
		return false, err
	}
	won, err := t.claim(data)
	if won {
		d.log.Info(text)
	}
	return won, err
}

// founding gives what this node sees of those who could found.
func (d *Driver) founding(st *replica.Status, r *roster) seat.Founding {
	f := seat.Founding{Replicas: d.cfg.Replicas, Vacant: seat.NewID}
	_, _ = rand.Read(f.Cluster[:])
	for i := range r.members {
		m := &r.members[i]
		order, _ := strconv.ParseUint(m.sequence, 10, 64)
		p := seat.Participant{
			Seat: m.Seat, ID: uint64(m.node()), Address: m.Link,
			Empty: m.State == stateEmpty, Founded: m.founded(), Order: order,
		}
		if m.node() == st.ID {
			p.Empty, p.Founded = st.Empty, st.Founded
			f.Self = p
			continue
		}
		f.Others = append(f.Others, p)
	}
	for i := range st.Peers { // who is no member may still show that there is a cluster
		if p := &st.Peers[i]; p.Up && p.Reported && p.Founded && r.find(p.ID) == nil {
			f.Others = append(f.Others, seat.Participant{Seat: p.Seat, ID: uint64(p.ID), Address: p.Address, Founded: true})
		}
	}
	switch {
	case len(r.members) < cluster.Quorum(d.cfg.Replicas):
		d.found.quorum = 0
	case d.found.quorum == 0:
		d.found.quorum = link.Now()
	}
	if d.found.quorum != 0 {
		f.Waited = link.Now() - d.found.quorum
	}
	return f
}

// progress is what was told last of a founding.
type progress struct{ text string }

// say tells it once; seconds that run down are no news.
func (p *progress) say(d *Driver, text string) {
	news, _, _ := strings.Cut(text, ", the rest has")
	if p.text != news {
		p.text = news
		d.log.Info(text)
	}
}
