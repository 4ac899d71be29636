package broker

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/quorate/quorate/store"
)

const (
	topHolders = 3           // destinations that an error names
	holdersAge = time.Second // how long a look at all of them is good for
)

// A holder is a destination with what it holds.
type holder struct {
	name  string
	n     uint64
	bytes bool // n are bytes, else messages
}

func (h holder) String() string {
	unit := "messages"
	if h.bytes {
		unit = "bytes"
	}
	return fmt.Sprintf("%s (%d %s)", h.name, h.n, unit)
}

// A holding is who holds most, at one moment.
type holding struct {
	text string
	at   time.Time
}

// heldBy names the destinations that hold most of what a limit bounds. All
// blocked senders of a second share one look.
func (u *usage) heldBy(l *limit) string {
	u.mu.Lock()
	h, ok := u.holding[l.name]
	u.mu.Unlock()
	if ok && time.Since(h.at) < holdersAge {
		return h.text
	}
	list := most(l.holders(u.r))
	words := make([]string, len(list))
	for i, h := range list {
		words[i] = h.String()
	}
	h = holding{strings.Join(words, ", "), time.Now()}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.holding[l.name] = h
	return h.text
}

// most gives those that hold most, the greatest first.
func most(all []holder) []holder {
	all = slices.DeleteFunc(all, func(h holder) bool { return h.n == 0 })
	slices.SortFunc(all, func(a, b holder) int {
		switch {
		case a.n > b.n:
			return -1
		case a.n < b.n:
			return 1
		}
		return strings.Compare(a.name, b.name)
	})
	return all[:min(len(all), topHolders)]
}

// storeHolders gives the queues and durable subscriptions in the store, and the
// messages that wait for their time.
func storeHolders(r *reign) []holder {
	var all []holder
	for _, q := range r.cfg.Store.Queues() {
		name := "queue://" + q.Name
		if q.Kind == store.KindSubscription {
			name = durableName(q.Subscription)
		}
		all = append(all, holder{name, q.Bytes, true})
	}
	return append(all, holder{"messages that are scheduled for later", r.cfg.Store.Usage().JobBytes, true})
}

func durableName(s *store.Subscription) string {
	return fmt.Sprintf("the durable subscription %q of client %q", s.Name, s.Client)
}

// volatileHolders gives who has non-persistent messages.
func volatileHolders(r *reign) []holder {
	return r.holders(func(c *counters) holder { return holder{n: uint64(max(c.volatile.Load(), 0))} })
}

// spillHolders gives who has messages in the spill.
func spillHolders(r *reign) []holder {
	return r.holders(func(c *counters) holder { return holder{n: uint64(max(c.spilled.Load(), 0)), bytes: true} })
}

// holders gives what all mailboxes hold, those of live subscriptions too.
func (r *reign) holders(what func(*counters) holder) []holder {
	var all []holder
	add := func(b *mailbox, name func() string) {
		if h := what(&b.stats); h.n > 0 {
			h.name = name()
			all = append(all, h)
		}
	}
	for _, b := range r.directory.boxes() {
		if b.durable != nil {
			add(b, func() string { return durableName(b.durable) })
		} else {
			add(b, b.dest.String)
		}
	}
	for _, c := range r.connections() {
		for _, s := range c.subscriptions() {
			for _, l := range s.takesFrom() {
				if l.box.topic() {
					add(l.box, func() string { return fmt.Sprintf("a subscription of %s to %s", c.name(), s.spec.Destination) })
				}
			}
		}
	}
	return all
}

// subscriptions gives the subscriptions of a connection.
func (c *Conn) subscriptions() []*Subscription {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]*Subscription, 0, len(c.mu.subs))
	for s := range c.mu.subs {
		all = append(all, s)
	}
	return all
}

// takesFrom gives the links of a subscription: not to be changed.
func (s *Subscription) takesFrom() []*link {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.links
}
