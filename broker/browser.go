package broker

import (
	"math"

	"github.com/quorate/quorate/broker/queue"
	"github.com/quorate/quorate/message"
)

const (
	browsePage  = 100     // messages of one page
	browseBytes = 1 << 20 // bytes of one page
)

// A browser looks through a queue once, in order: what is pending, delivered
// messages included, up to what had arrived when it began. It seeks by key for
// each page and holds nothing of the queue between two pages. Spilled
// non-persistent messages are not shown. All of it is the shard's own.
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

// advance asks for the next page if the client can take it.
func (b *browser) advance() {
	if b.over || b.busy || b.credit <= 0 {
		return
	}
	box := b.sub.box
	if box.id == 0 {
		b.show(&page{short: true})
		return
	}
	b.busy = true
	box.shard.loader.inbox.post(request{
		box: box, source: queue.Stored, after: b.cursor, n: min(b.credit, browsePage), bytes: browseBytes, then: b.show,
	})
}

// show delivers a page, with the volatile messages between its places.
func (b *browser) show(p *page) {
	b.busy = false
	if b.over {
		return
	}
	if p.err != nil {
		b.finish()
		return
	}
	if !b.sub.conn.r.cfg.Leased() {
		return // the next dispatch asks again
	}
	upTo := queue.Place{Lane: math.MaxUint8, Seq: math.MaxUint64, Sub: math.MaxUint64}
	if n := len(p.entries); !p.short && n > 0 {
		upTo = p.entries[n-1].Place
	}
	var volatile []*queue.Entry
	if m := b.sub.box.machine; m != nil {
		volatile = m.Volatile(b.cursor, upTo)
	}
	for stored := p.entries; len(stored)+len(volatile) > 0; {
		if b.credit <= 0 {
			return // acknowledgements bring it on
		}
		list := &stored
		if len(stored) == 0 || (len(volatile) > 0 && volatile[0].Place.Less(stored[0].Place)) {
			list = &volatile
		}
		e := (*list)[0]
		*list = (*list)[1:]
		b.cursor = e.Place
		if e.Seq <= b.end {
			b.deliver(e)
		}
	}
	if p.short || b.cursor.Seq > b.end && b.cursor.Lane == 0 {
		b.finish()
	}
}

func (b *browser) deliver(e *queue.Entry) {
	b.credit--
	m := e.Value.(*message.Message)
	b.sub.push(&Delivery{Sub: b.sub, Message: m, Destination: b.sub.box.destination(m), Redelivered: e.Redelivered, Count: e.Count})
}

// finish tells the client that it has seen all.
func (b *browser) finish() {
	b.stop()
	b.sub.push(&Delivery{Sub: b.sub, End: true})
}
