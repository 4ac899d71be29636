package broker

import (
	"math"

	"github.com/quorate/quorate/broker/queue"
	"github.com/quorate/quorate/message"
)

const (
	browsePage  = 100     // messages of one page
	browseBytes = 1 << 20 // bytes of one page
	browseLook  = 2000    // messages that one page with a selector looks at
)

// A browser looks through a queue once, in order: what is pending, delivered
// messages included, up to what had arrived when it began. It seeks by key for
// each page and holds nothing of the queue between two pages. A page comes from
// the store, then from the spill, and is merged with what only memory has. All
// of it is the shard's own.
type browser struct {
	sub    *Subscription
	credit int
	cursor queue.Place // of the last one seen
	end    uint64      // last Seq to be seen
	busy   bool        // a page is being read
	over   bool
}

func newBrowser(s *Subscription) *browser {
	return &browser{sub: s, credit: s.spec.Prefetch}
}

func (b *browser) start() {
	b.end = b.sub.box.open().Tail()
	b.sub.box.browsers = append(b.sub.box.browsers, b)
}

func (b *browser) stop() {
	b.over = true
	box := b.sub.box
	for i, o := range box.browsers {
		if o == b {
			box.browsers = append(box.browsers[:i:i], box.browsers[i+1:]...)
			return
		}
	}
}

func (b *browser) grant(n int) { b.credit += n }

// advance asks for the next page if the client can take it and has taken what
// it got so far.
func (b *browser) advance() {
	if b.over || b.busy || b.credit <= 0 || b.sub.conn.room.Full() {
		return
	}
	b.busy = true
	if b.sub.box.id == 0 {
		b.readSpill(&page{end: true})
		return
	}
	b.read(queue.Stored, b.readSpill)
}

// read asks for a page of one source.
func (b *browser) read(s queue.Source, then func(*page)) {
	box := b.sub.box
	q := &queue.Query{Source: s, After: b.cursor, N: min(b.credit, browsePage), Bytes: browseBytes}
	if sel := b.sub.selector; sel != nil {
		q.Look = browseLook
		q.Match = func(e *queue.Entry) bool { return selectsEntry(sel, e) }
	}
	box.shard.loader.inbox.post(request{box: box, query: q, key: box.spill, keep: true, then: then})
}

// readSpill asks for the spilled messages that go with a page of stored ones.
func (b *browser) readSpill(stored *page) {
	if b.over || stored.err != nil {
		b.show(stored, &page{end: true})
		return
	}
	if b.sub.box.spill == 0 {
		b.show(stored, &page{end: true})
		return
	}
	b.read(queue.Spilled, func(spilled *page) { b.show(stored, spilled) })
}

// show delivers two pages merged, with the volatile messages between their
// places.
func (b *browser) show(stored, spilled *page) {
	b.busy = false
	if b.over {
		return
	}
	if stored.err != nil || spilled.err != nil {
		b.finish()
		return
	}
	if !b.sub.conn.r.cfg.Leased() {
		return // the next dispatch asks again
	}
	upTo := queue.Place{Lane: math.MaxUint8, Seq: math.MaxUint64, Sub: math.MaxUint64}
	for _, p := range []*page{stored, spilled} {
		if !p.end && p.last.Less(upTo) {
			upTo = p.last
		}
	}
	lists := [][]*queue.Entry{stored.entries, spilled.entries, b.volatile(upTo)}
	for {
		e := first(lists, upTo)
		if e == nil {
			break
		}
		if b.credit <= 0 {
			return // acknowledgements bring it on
		}
		again := e.Place == b.cursor // read back from the spill meanwhile
		b.cursor = e.Place
		if e.Seq <= b.end && !again {
			b.deliver(e)
		}
	}
	if stored.end && spilled.end || upTo.Seq > b.end && !b.sub.box.policy.Prioritized {
		b.finish()
		return
	}
	b.cursor = upTo
	b.advance()
}

// volatile gives what only memory has, up to a place.
func (b *browser) volatile(upTo queue.Place) []*queue.Entry {
	m := b.sub.box.machine
	if m == nil {
		return nil
	}
	all := m.Volatile(b.cursor, upTo)
	if b.sub.selector == nil {
		return all
	}
	var some []*queue.Entry
	for _, e := range all {
		if selectsEntry(b.sub.selector, e) {
			some = append(some, e)
		}
	}
	return some
}

// first takes the entry with the first place from the lists, nil if none is left
// up to a place.
func first(lists [][]*queue.Entry, upTo queue.Place) *queue.Entry {
	best := -1
	for i, l := range lists {
		if len(l) > 0 && (best < 0 || l[0].Place.Less(lists[best][0].Place)) {
			best = i
		}
	}
	if best < 0 || upTo.Less(lists[best][0].Place) {
		return nil
	}
	e := lists[best][0]
	lists[best] = lists[best][1:]
	return e
}

func (b *browser) deliver(e *queue.Entry) {
	b.credit--
	m := e.Value.(*message.Message)
	d := &Delivery{Sub: b.sub, Message: m, Destination: b.sub.box.destination(m), Redelivered: e.Redelivered, Count: e.Count}
	if room := b.sub.conn.room; room != nil {
		d.size = int64(e.Size)
		room.Fill(d.size)
	}
	if !b.sub.push(d) {
		d.Written()
	}
}

// finish tells the client that it has seen all.
func (b *browser) finish() {
	b.stop()
	b.sub.push(&Delivery{Sub: b.sub, End: true})
}
