package queue

import (
	"fmt"
	"strings"
)

// deliver holds one delivery to the rules.
func (w *model) deliver(e *Entry, c *Consumer) {
	n := e.Value.(*note)
	var d *drinker
	for _, o := range w.drinks {
		if o.c == c {
			d = o
		}
	}
	switch {
	case d == nil:
		w.t.Fatalf("%v goes to a consumer that is gone", e.Place)
	case w.ended[e.Place] != "":
		w.t.Fatalf("%v is delivered after it was %s", e.Place, w.ended[e.Place])
	case w.out[e.Place].n != nil:
		w.t.Fatalf("%v is delivered twice", e.Place)
	case w.m.paused:
		w.t.Fatalf("%v is delivered by a paused queue", e.Place)
	case c.Match != nil && !c.Match(&Entry{Value: n}):
		w.t.Fatalf("%v is %s, the consumer selects %s", e.Place, n.kind, c.Selector)
	case n.due > w.now:
		w.t.Fatalf("%v is delivered at %d, it is due at %d", e.Place, w.now, n.due)
	case n.expires != 0 && w.now >= n.expires:
		w.t.Fatalf("%v is delivered at %d, it has expired at %d", e.Place, w.now, n.expires)
	}
	if o := w.m.cs.owner(); o != nil && o != c {
		w.t.Fatalf("%v goes past the exclusive consumer", e.Place)
	}
	w.visible = cut(w.visible, n)
	w.inOrder(n, d)
	h := holding{n, e, d}
	w.out[e.Place] = h
	d.list = append(d.list, h)
	w.credit(e, d)
	if !e.Volatile && w.rnd.IntN(2) == 0 {
		e.Value = nil
	}
}

func (w *model) credit(e *Entry, d *drinker) {
	switch {
	case d.c.Pool != nil:
		if w.lent++; w.lent > 0 {
			w.t.Fatalf("%v is one more than the pool allows", e.Place)
		}
	case d.prefetch == 0:
		if d.pulls--; d.pulls < 0 {
			w.t.Fatalf("%v was not asked for", e.Place)
		}
	case len(d.list) > d.prefetch:
		w.t.Fatalf("%d deliveries outstanding, the prefetch is %d", len(d.list), d.prefetch)
	}
}

// inOrder holds that d could have nothing before n, and that the group of n is
// with nobody else and in order.
func (w *model) inOrder(n *note, d *drinker) {
	for _, u := range w.visible {
		if !u.at.Less(n.at) {
			break
		}
		if d.c.Match != nil && !d.c.Match(&Entry{Value: u}) {
			continue
		}
		if u.group != "" && u.group == n.group || !w.delayed(u) && w.couldHave(d, u) {
			w.t.Fatalf("%v (%+v) is delivered before %v (%+v)\n%s", n.at, *n, u.at, *u, w.look())
		}
		if w.m.limits.StrictOrder && w.delayed(u) {
			w.t.Fatalf("%v does not wait for %v", n.at, u.at)
		}
	}
	if n.group == "" {
		return
	}
	for p, h := range w.out {
		if h.n.group == n.group && h.d != d {
			w.t.Fatalf("%v goes to another consumer than %v, which is of the same group %s", n.at, p, n.group)
		}
	}
}

// delayed reports whether u waits for its time.
func (w *model) delayed(u *note) bool {
	i, known := w.m.window.find(u.at)
	return known && w.m.window.list[i].state == Delayed
}

// couldHave reports whether the group of u, if it has one, lets d have it: it
// does not while an earlier message is for another consumer.
func (w *model) couldHave(d *drinker, u *note) bool {
	if u.group == "" {
		return true
	}
	g := w.m.groups.byName[u.group]
	return g != nil && g.owner == d.c && g.delayed == 0 && isAhead(&Entry{Place: u.at}, g.others)
}

// quiet lets all that is under way happen, and holds that nobody with credit
// lacks a message that it could have.
func (w *model) quiet() {
	for {
		for len(w.log)+len(w.posted)+len(w.inbox)+len(w.loader) > 0 {
			w.next(&w.log)
			w.next(&w.posted)
			w.next(&w.inbox)
			w.next(&w.loader)
		}
		w.dispatch()
		check(w.t, w.m)
		if len(w.log)+len(w.posted)+len(w.inbox)+len(w.loader) == 0 {
			break
		}
	}
	if w.m.blocked(w.now) || w.m.stalled {
		return
	}
	for _, d := range w.drinks {
		if o := w.m.cs.owner(); !d.c.able() || o != nil && o != d.c {
			continue
		}
		for _, u := range w.visible {
			if d.c.Match != nil && !d.c.Match(&Entry{Value: u}) || w.delayed(u) || !w.free(u) && !w.couldHave(d, u) {
				continue
			}
			w.t.Fatalf("%v (%+v) is delivered to nobody, %v has credit\n%s", u.at, *u, d.c.Value, w.look())
		}
		if d.prefetch == 0 && d.c.Pool == nil && !w.m.Dry(d.c) && len(d.c.parked) == 0 {
			w.t.Fatalf("nothing is there for %v, and that is not known", d.c.Value)
		}
	}
}

// free reports whether nobody owns the group of u, if it has one.
func (w *model) free(u *note) bool {
	g := w.m.groups.byName[u.group]
	return u.group != "" && (g == nil || g.owner == nil && g.out == 0 && g.delayed == 0)
}

// drain consumes all that is left.
func (w *model) drain() {
	w.finish(true)
	w.m.Pause(false)
	for len(w.drinks) > 0 {
		w.leave(w.drinks[0])
	}
	w.trims = 1 << 30 // what was asked for may still happen
	for range 2 {
		d := &drinker{c: &Consumer{Credit: 3, Value: "last"}, prefetch: 3}
		if len(w.drinks) == 0 && w.rnd.IntN(2) == 0 {
			d.selects("a")
		}
		w.drinks = append(w.drinks, d)
		w.m.Add(d.c)
	}
	for range 20000 {
		w.next(&w.log)
		w.next(&w.posted)
		w.next(&w.inbox)
		w.next(&w.loader)
		if h, ok := w.some(); ok {
			w.m.Ack(h.e, h.d.c)
			w.consume(h, "consumed")
		}
		w.now += 3
		w.dispatch()
		check(w.t, w.m)
		if len(w.ended) == w.sent && len(w.log)+len(w.posted)+len(w.inbox)+len(w.loader) == 0 {
			break
		}
	}
	if len(w.ended) != w.sent || len(w.store)+len(w.spill) != 0 {
		w.t.Fatalf("%d sent, %d consumed or dead, %d in the store, %d in the spill, %d visible\n%s",
			w.sent, len(w.ended), len(w.store), len(w.spill), len(w.visible), w.look())
	}
	if st := w.m.Status(); st.Ready+st.Parked+st.Delayed+st.Delivered+st.Held != 0 || st.Bytes != 0 {
		w.t.Fatalf("left over: %+v", st)
	}
	if n := len(w.m.reads.open); n > 0 || w.m.scanning > 0 || w.m.spilled != 0 {
		w.t.Fatalf("%d reads and %d scans under way, %d in the spill", n, w.m.scanning, w.m.spilled)
	}
	if w.pool.Free() != -w.lent {
		w.t.Fatalf("the pool has %d, should have %d", w.pool.Free(), -w.lent)
	}
}

// look shows the machine, for a run that has failed.
func (w *model) look() string {
	var b strings.Builder
	for _, e := range w.m.window.live() {
		fmt.Fprintf(&b, "%v %v, message %v, group %q, island %v\n", e.Place, e.state, e.Value != nil, e.Group, e.view != nil)
	}
	for s, o := range w.m.source {
		fmt.Fprintf(&b, "%v: %+v\n", Source(s), o)
	}
	for _, v := range w.m.views {
		fmt.Fprintf(&b, "view %q from %v, active %v, %d free, seen %+v\n", v.selector, v.cursor, v.active, v.free, v.seen)
	}
	for _, g := range w.m.sortedGroups() {
		fmt.Fprintf(&b, "group %s owner %v, %d out, %d delayed, %d parked, %d for others\n", g.name, g.owner != nil, g.out, g.delayed, len(g.parked), len(g.others))
	}
	fmt.Fprintf(&b, "limits %+v, stalled %v, reloading %v", w.m.limits, w.m.stalled, w.m.reloading)
	return b.String()
}
