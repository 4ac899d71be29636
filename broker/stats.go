package broker

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/quorate/quorate/message"
	"github.com/quorate/quorate/store"
)

// counters count what happened to a destination or a connection since the
// reign began.
type counters struct {
	enqueued   atomic.Uint64 // messages accepted
	dispatched atomic.Uint64 // deliveries
	dequeued   atomic.Uint64 // messages acknowledged
	expired    atomic.Uint64
	dead       atomic.Uint64 // moved to a dead letter queue
	consumers  atomic.Int64
	producers  atomic.Int64
	volatile   atomic.Int64 // pending messages that are not in the store
	spilled    atomic.Int64 // bytes of those that are on disk
}

// Counts is a look at counters.
type Counts struct {
	Enqueued, Dispatched, Dequeued, Expired, Dead uint64
	Consumers, Producers                          int
}

func (c *counters) counts() Counts {
	return Counts{
		Enqueued: c.enqueued.Load(), Dispatched: c.dispatched.Load(), Dequeued: c.dequeued.Load(),
		Expired: c.expired.Load(), Dead: c.dead.Load(), Consumers: int(c.consumers.Load()), Producers: int(c.producers.Load()),
	}
}

// DestinationStats tells about a queue, a topic or a durable subscription.
type DestinationStats struct {
	Destination message.Destination
	Durable     *store.Subscription // of a durable subscription; not to be changed
	Active      bool                // a durable subscription has its consumer
	Pending     uint64              // messages not acknowledged, on disk and in memory
	Bytes       uint64              // of those in the store
	Spilled     uint64              // bytes of non-persistent ones on disk
	Paused      bool                // nothing is delivered until Resume
	Counts
}

// ConnStats tells about a connection. Its Enqueued are the messages it sent,
// its Dispatched and Dequeued those that it received and acknowledged.
type ConnStats struct {
	ConnInfo
	Since         time.Time
	Subscriptions int
	Counts
}

// Destinations gives all destinations, in order of name; nil when not serving.
func (b *Broker) Destinations() []DestinationStats {
	r := b.current()
	if r == nil {
		return nil
	}
	boxes, topics := r.directory.boxes(), r.directory.allTopics()
	out := make([]DestinationStats, 0, len(boxes)+len(topics))
	for _, q := range boxes {
		out = append(out, q.status())
	}
	for _, t := range topics {
		out = append(out, DestinationStats{Destination: t.dest, Counts: t.stats.counts()})
	}
	slices.SortFunc(out, func(a, b DestinationStats) int {
		return strings.Compare(a.Destination.String(), b.Destination.String())
	})
	return out
}

// boxes gives all mailboxes of the directory: queues, temporary ones too, and
// durable subscriptions.
func (d *directory) boxes() []*mailbox {
	d.mu.RLock()
	defer d.mu.RUnlock()
	all := make([]*mailbox, 0, len(d.queues)+len(d.subs)+len(d.temps))
	for _, q := range d.queues {
		all = append(all, q)
	}
	for _, q := range d.subs {
		all = append(all, q)
	}
	for _, x := range d.temps {
		if q, ok := x.(*mailbox); ok {
			all = append(all, q)
		}
	}
	return all
}

// allTopics gives all topics, temporary ones too.
func (d *directory) allTopics() []*topic {
	d.mu.RLock()
	defer d.mu.RUnlock()
	all := make([]*topic, 0, len(d.topics))
	for _, t := range d.topics {
		all = append(all, t)
	}
	for _, x := range d.temps {
		if t, ok := x.(*topic); ok {
			all = append(all, t)
		}
	}
	return all
}

func (b *mailbox) status() DestinationStats {
	s := DestinationStats{
		Destination: b.dest, Durable: b.durable, Active: b.active.Load(),
		Counts: b.stats.counts(), Pending: uint64(max(b.stats.volatile.Load(), 0)),
		Spilled: uint64(max(b.stats.spilled.Load(), 0)),
	}
	if info, ok := b.shard.r.cfg.Store.Queue(b.id); ok && b.id != 0 {
		s.Pending += info.Depth
		s.Bytes = info.Bytes
		s.Paused = info.Paused
	}
	return s
}

// Connections gives the live connections, the oldest first; nil when not serving.
func (b *Broker) Connections() []ConnStats {
	r := b.current()
	if r == nil {
		return nil
	}
	all := r.connections()
	out := make([]ConnStats, len(all))
	for i, c := range all {
		c.mu.Lock()
		out[i] = ConnStats{ConnInfo: c.info, Since: c.since, Subscriptions: len(c.mu.subs)}
		c.mu.Unlock()
		out[i].Counts = c.stats.counts()
	}
	return out
}

// connections gives the live connections, the oldest first.
func (r *reign) connections() []*Conn {
	r.conns.Lock()
	all := make([]*Conn, 0, len(r.conns.all))
	for c := range r.conns.all {
		all = append(all, c)
	}
	r.conns.Unlock()
	slices.SortFunc(all, func(a, b *Conn) int { return cmp.Compare(a.id, b.id) })
	return all
}

// producers gives the producers of a connection.
func (c *Conn) producers() map[string]producer {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.producing.all)
}

// name says whose connection it is, in errors and in the log.
func (c *Conn) name() string {
	if c.info.ClientID != "" {
		return c.info.ClientID
	}
	return c.info.Protocol + " " + c.info.Remote
}

// UsageStats tells how much of each limit is used, in bytes.
type UsageStats struct {
	InFlight, InFlightLimit int64
	Memory, MemoryLimit     int64
	Store, StoreLimit       int64
	Temp, TempLimit         int64
	Blocked                 int // senders that wait for room, because of these or of a queue's limits
}

// Usage gives the usage of the limits, zero when not serving.
func (b *Broker) Usage() UsageStats {
	r := b.current()
	if r == nil {
		return UsageStats{}
	}
	l := &b.cfg.Limits
	return UsageStats{
		InFlight: r.admission.inFlight(), InFlightLimit: l.InFlight,
		Memory: r.usage.memory.Load(), MemoryLimit: l.Memory,
		Store: r.usage.store.Load(), StoreLimit: l.Store,
		Temp: r.usage.temp.Load(), TempLimit: l.Temp,
		Blocked: int(r.usage.held.Load()),
	}
}
