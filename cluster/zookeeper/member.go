package zookeeper

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/quorate/quorate/cluster"
	"github.com/quorate/quorate/replica"
)

// States of a member, as they stand in its data.
const (
	stateEmpty   = "empty"   // no store: it may found a cluster, or waits to be taken in
	stateOrphan  = "orphan"  // a store without a cluster: it never founds
	stateLearner = "learner" // being caught up, no vote yet
	stateWaiting = "waiting" // no master known
	stateSlave   = "slave"
	stateMaster  = "master"
	stateUnfit   = "unfit"  // should not become master for a while
	stateFailed  = "failed" // takes no part until it is restarted
)

// A Member is what a node writes into its child of the path. The first six
// fields are ActiveMQ's, in its order; the others are ours. ActiveMQ's own
// brokers have no Node.
type Member struct {
	ID        string  `json:"id"` // name of the broker: members of other names are another cluster
	Container *string `json:"container"`
	Address   *string `json:"address"`  // of the running master's links
	Position  int64   `json:"position"` // end of the log while no master is known, else -1
	Weight    int     `json:"weight"`
	Elected   *string `json:"elected"` // the master's sequence, ten digits
	Node      string  `json:"node"`    // cluster.NodeText of the identity
	Link      string  `json:"link"`    // host:port of the links
	Term      uint64  `json:"term"`    // of the last entry in the log
	State     string  `json:"state"`
	Seat      string  `json:"seat"` // name of the place that the node was started for

	sequence string // ten digits; not part of the data
}

// encode gives the data as ActiveMQ writes it: no blanks, null for what is unset.
func (m *Member) encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(m); err != nil {
		return nil, fmt.Errorf("encode member: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func decodeMember(name string, data []byte) (Member, error) {
	m := Member{Position: -1}
	if err := json.Unmarshal(data, &m); err != nil {
		return m, fmt.Errorf("member %s: %w", name, err)
	}
	if m.Node != "" {
		if _, err := cluster.ParseNode(m.Node); err != nil {
			return m, fmt.Errorf("member %s: %w", name, err)
		}
	}
	m.sequence = name[1:]
	return m, nil
}

// Sequence gives the ten digits that ZooKeeper numbered the member with.
func (m *Member) Sequence() string { return m.sequence }

func (m *Member) node() replica.ID {
	id, _ := cluster.ParseNode(m.Node)
	return id
}

// founded reports whether the member belongs to a cluster.
func (m *Member) founded() bool { return m.State != stateEmpty && m.State != stateOrphan }

// isMember reports whether a child's name is that of a member: 0 and ten digits.
func isMember(name string) bool {
	return len(name) == 11 && name[0] == '0' && strings.Trim(name, "0123456789") == ""
}

// A roster is the members of one cluster: one a node, that of the newest session.
type roster struct {
	members []Member // by sequence
	old     []string // sequences of ActiveMQ's own brokers of the same name
}

// newRoster picks the members of the broker's name.
func newRoster(all []Member, broker string) roster {
	var r roster
	slices.SortFunc(all, func(a, b Member) int { return strings.Compare(a.sequence, b.sequence) })
	for _, m := range all {
		switch {
		case m.ID != broker:
		case m.Node == "":
			r.old = append(r.old, m.sequence)
		default:
			r.members = slices.DeleteFunc(r.members, func(o Member) bool { return o.Node == m.Node })
			r.members = append(r.members, m)
		}
	}
	return r
}

func (r *roster) find(id replica.ID) *Member {
	for i := range r.members {
		if r.members[i].node() == id {
			return &r.members[i]
		}
	}
	return nil
}

// key tells rosters of different nodes apart.
func (r *roster) key() string {
	nodes := make([]string, 0, len(r.members))
	for _, m := range r.members {
		nodes = append(nodes, m.Node)
	}
	slices.Sort(nodes)
	return strings.Join(nodes, " ") + "|" + strings.Join(r.old, " ")
}
