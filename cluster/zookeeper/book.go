package zookeeper

import (
	"slices"

	"github.com/quorate/quorate/replica"
	"github.com/quorate/quorate/replica/seat"
)

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

// seats adds where the cluster's table says that nodes are of which nothing
// newer is known.
func (b *book) seats(t *seat.Table, self replica.ID) {
	if t == nil {
		return
	}
	for _, s := range t.Seats {
		known := func(e entry) bool { return e.address == s.Address || e.node == replica.ID(s.ID) }
		if !s.Vacant && s.Address != "" && replica.ID(s.ID) != self && !slices.ContainsFunc(b.entries, known) {
			b.entries = append(b.entries, entry{node: replica.ID(s.ID), address: s.Address})
		}
	}
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
