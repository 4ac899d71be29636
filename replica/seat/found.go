package seat

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Participant is a node as another one sees it before a cluster exists.
type Participant struct {
	Seat        string
	ID          uint64
	Address     string
	Incarnation uint64
	Empty       bool   // has no store
	Founded     bool   // belongs to a cluster
	Replicas    int    // that it is configured for; 0: not known
	Order       uint64 // the lowest founds; with a list of names their order decides
}

// A Founding is what a node without a cluster sees.
type Founding struct {
	Replicas int
	Self     Participant
	Others   []Participant // present now; the newest of an identity
	All      bool          // every name must be there (no outside record can tell of an older cluster)
	Names    []string      // all seats, with All
	Init     bool          // with All: a person says that a quorum is enough, and that this node founds
	Record   bool          // a cluster is recorded outside already
	Waited   time.Duration // since a quorum of empty nodes was first seen
	Cluster  [16]byte      // random: the new cluster's id
	Vacant   func() uint64 // random identities for seats that nobody takes
}

// Patience is how long a founder waits for the nodes beyond a quorum.
const Patience = 10 * time.Second

// Found decides whether this node founds the cluster now, and with which table.
// Otherwise it says what it waits for. A node with a store never founds, and
// nobody does where a member of a cluster can be seen.
func Found(f Founding) (*Table, string) {
	switch {
	case f.Self.ID == 0:
		return nil, "this node is not among those that are there"
	case !f.Self.Empty || f.Self.Founded:
		return nil, "this node has a store already, and never founds"
	case f.Record:
		return nil, "a cluster is recorded already: its master has to take this node in"
	}
	for _, p := range f.Others {
		if p.Founded {
			return nil, fmt.Sprintf("%s belongs to a cluster: its master has to take this node in", p.Seat)
		}
		if !p.Empty {
			return nil, fmt.Sprintf("%s has a store without a cluster: a person has to look at it", p.Seat)
		}
		if p.Replicas != 0 && p.Replicas != f.Replicas {
			return nil, fmt.Sprintf("%s is configured for replicas=%d and this node for %d: make them the same", p.Seat, p.Replicas, f.Replicas)
		}
	}
	all := append([]Participant{f.Self}, f.Others...)
	if why := distinct(all); why != "" {
		return nil, why
	}
	if f.All {
		return foundAll(f, all)
	}
	return foundQuorum(f, all)
}

func distinct(all []Participant) string {
	seats, ids := map[string]bool{}, map[uint64]bool{}
	for _, p := range all {
		if seats[p.Seat] {
			return fmt.Sprintf("two nodes say that they are %s: give each a place of its own", p.Seat)
		}
		if ids[p.ID] {
			return fmt.Sprintf("%s has the identity of another node: its directory was copied", p.Seat)
		}
		seats[p.Seat], ids[p.ID] = true, true
	}
	return ""
}

// foundAll founds when every named seat has somebody.
func foundAll(f Founding, all []Participant) (*Table, string) {
	var table []Participant
	var missing []string
	if len(f.Names) != f.Replicas {
		return nil, fmt.Sprintf("replicas is %d and %d nodes are listed", f.Replicas, len(f.Names))
	}
	if sorted := slices.Sorted(slices.Values(f.Names)); len(slices.Compact(sorted)) != f.Replicas {
		return nil, "a node is listed twice"
	}
	if !slices.Contains(f.Names, f.Self.Seat) {
		return nil, fmt.Sprintf("this node, %s, is not listed", f.Self.Seat)
	}
	for _, name := range f.Names {
		i := slices.IndexFunc(all, func(p Participant) bool { return p.Seat == name })
		if i < 0 {
			missing = append(missing, name)
			continue
		}
		table = append(table, all[i])
	}
	switch {
	case f.Init && len(table) >= quorum(f.Replicas):
		return newTable(f, table, missing), ""
	case len(missing) > 0:
		return nil, "missing: " + strings.Join(missing, ", ")
	case f.Self.Seat != f.Names[0]:
		return nil, f.Names[0] + " founds, being the first of the list"
	}
	return newTable(f, table, nil), ""
}

// foundQuorum founds with the nodes that are there, once they are a quorum and
// the others have had their time.
func foundQuorum(f Founding, all []Participant) (*Table, string) {
	slices.SortFunc(all, func(a, b Participant) int { return cmp.Compare(a.Order, b.Order) })
	if len(all) > f.Replicas {
		all = all[:f.Replicas]
	}
	switch {
	case len(all) < quorum(f.Replicas):
		return nil, fmt.Sprintf("%d of %d nodes are there, %d are needed", len(all), f.Replicas, quorum(f.Replicas))
	case len(all) < f.Replicas && f.Waited < Patience:
		return nil, fmt.Sprintf("%d of %d nodes are there, the rest has %v to come", len(all), f.Replicas, (Patience - f.Waited).Round(time.Second))
	case all[0].ID != f.Self.ID:
		return nil, all[0].Seat + " founds, having come first"
	}
	return newTable(f, all, nil), ""
}

func quorum(replicas int) int { return replicas/2 + 1 }

// newTable gives the holders their seats. The rest is vacant: named by missing,
// else called vacant-1 and so on.
func newTable(f Founding, holders []Participant, missing []string) *Table {
	t := &Table{Cluster: f.Cluster, Replicas: f.Replicas, Version: 1}
	for _, p := range holders {
		t.Seats = append(t.Seats, Seat{Name: p.Seat, ID: p.ID, Address: p.Address, Incarnation: p.Incarnation})
	}
	for _, name := range missing {
		t.Seats = append(t.Seats, Seat{Name: name, ID: t.unused(f.Vacant), Vacant: true})
	}
	for n := 1; len(t.Seats) < t.Replicas; n++ {
		if name := fmt.Sprintf("vacant-%d", n); t.Named(name) == nil {
			t.Seats = append(t.Seats, Seat{Name: name, ID: t.unused(f.Vacant), Vacant: true})
		}
	}
	return t
}

// unused draws an identity that nobody in the table has.
func (t *Table) unused(draw func() uint64) uint64 {
	for {
		if id := draw(); id != 0 && t.Seat(id) == nil {
			return id
		}
	}
}
