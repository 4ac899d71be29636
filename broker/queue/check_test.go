package queue

import "testing"

// check holds the machine to its own sums, and its views to what they claim.
func check(t testing.TB, m *Machine) {
	t.Helper()
	var n Machine // the sums, counted anew
	gone := 0
	var before *Entry
	for _, e := range m.window.live() {
		if before != nil && !before.Place.Less(e.Place) {
			t.Fatalf("%v stands before %v", before.Place, e.Place)
		}
		before = e
		switch e.state {
		case Ready:
			n.countReady(e, 1)
			checkCursors(t, m, e)
		case Parked:
			n.parked++
		case Delayed:
			n.delayed++
		case Gone:
			gone++
		}
		if e.counted {
			n.add(e, e.Size)
		}
	}
	if n.ready != m.ready || n.isles != m.isles || n.parked != m.parked || n.delayed != m.delayed || gone != m.window.gone {
		t.Fatalf("sums: ready %d is %d, isles %d is %d, parked %d is %d, delayed %d is %d, gone %d is %d",
			m.ready, n.ready, m.isles, n.isles, m.parked, n.parked, m.delayed, n.delayed, m.window.gone, gone)
	}
	if n.bytes != m.bytes || n.isleBytes != m.isleBytes || n.pending != m.pending {
		t.Fatalf("bytes %d are %d, of isles %d are %d, pending %d are %d", m.bytes, n.bytes, m.isleBytes, n.isleBytes, m.pending, n.pending)
	}
	checkViews(t, m)
	checkGroups(t, m)
}

func checkCursors(t testing.TB, m *Machine, e *Entry) {
	t.Helper()
	for _, v := range m.views {
		if e.Place.Less(v.cursor) && e.Value != nil && (v.match == nil || v.match(e)) {
			t.Fatalf("%v is ready before %v, where %q begins to look", e.Place, v.cursor, v.selector)
		}
	}
}

func checkViews(t testing.TB, m *Machine) {
	t.Helper()
	members := 0
	for _, v := range m.views {
		members += len(v.members)
		free, pooled := 0, 0
		for _, c := range v.members {
			switch {
			case c.Pool != nil:
				pooled++
			case c.Credit > 0:
				free++
			}
		}
		if free != v.free || pooled != v.pooled {
			t.Fatalf("%q has %d free and %d pooled, not %d and %d", v.selector, free, pooled, v.free, v.pooled)
		}
		if v.gen == m.window.gen && v.cursor != last {
			if i, _ := m.window.find(v.cursor); max(i, m.window.head) != max(v.index, m.window.head) {
				t.Fatalf("the cursor of %q, %v, is at %d, not at %d", v.selector, v.cursor, i, v.index)
			}
		}
	}
	if members != len(m.cs.all) {
		t.Fatalf("%d members of views, %d consumers", members, len(m.cs.all))
	}
}

func checkGroups(t testing.TB, m *Machine) {
	t.Helper()
	out, delayed, owned := map[string]int{}, map[string]int{}, map[*Consumer]int{}
	for _, e := range m.window.live() {
		if e.joined {
			out[e.Group]++
		}
		if e.state == Delayed && e.Group != "" {
			delayed[e.Group]++
		}
	}
	for name, g := range m.groups.byName {
		if g.out != out[name] || g.delayed != delayed[name] {
			t.Fatalf("group %s: %d out is %d, %d delayed is %d", name, g.out, out[name], g.delayed, delayed[name])
		}
		if g.owner != nil {
			owned[g.owner]++
		}
		if g.owner == nil && g.out == 0 && g.delayed == 0 {
			t.Fatalf("group %s is kept for nothing", name)
		}
		for i, e := range g.parked {
			if i > 0 && !g.parked[i-1].Place.Less(e.Place) {
				t.Fatalf("group %s: %v is parked before %v", name, g.parked[i-1].Place, e.Place)
			}
		}
		if wants := g.owner != nil && len(g.parked) > 0 && g.delayed == 0 && isAhead(g.parked[0], g.others); wants != (g.at >= 0) {
			t.Fatalf("group %s: %d parked, %d delayed, at %d in its owner's heap", name, len(g.parked), g.delayed, g.at)
		}
	}
	for _, c := range m.cs.all {
		if c.owns != owned[c] {
			t.Fatalf("%v owns %d groups, not %d", c.Value, owned[c], c.owns)
		}
	}
}
