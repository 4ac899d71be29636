package broker

import (
	"strconv"
	"sync/atomic"

	"github.com/quorate/quorate/message"
)

// maxProducers bounds how many destinations of a connection are counted as
// having a producer, where its protocol does not name them.
const maxProducers = 1000

// producing is what is known of the producers of a connection. One that its
// protocol does not name begins with the first message to a destination, and
// ends with the connection.
type producing struct {
	last  message.Destination // the one who makes requests remembers it
	named atomic.Bool         // the protocol names its producers

	// Guarded by Conn.mu.
	all map[string]producer // by id
	to  map[message.Destination]struct{}
	ids int
}

type producer struct {
	to    message.Destination // zero: whatever each message says
	count *atomic.Int64       // of the destination; nil if it is not a single one
}

// AddProducer tells of a producer, for a protocol that names them. id is unique
// within the cluster, to may be zero for one without a destination of its own.
// A producer ends with RemoveProducer or with the connection.
func (c *Conn) AddProducer(id string, to message.Destination) {
	c.producing.named.Store(true)
	c.addProducer(id, to)
}

func (c *Conn) addProducer(id string, to message.Destination) {
	p := producer{to: to, count: c.r.producersOf(to)}
	c.mu.Lock()
	_, known := c.producing.all[id]
	if known || c.mu.closed {
		c.mu.Unlock()
		return
	}
	if c.producing.all == nil {
		c.producing.all = map[string]producer{}
	}
	c.producing.all[id] = p
	c.mu.Unlock()
	c.r.observe(Event{Kind: ProducerAdded, Destination: to, Conn: c, Producer: id, Count: p.add(1)})
}

// RemoveProducer tells that a producer has ended.
func (c *Conn) RemoveProducer(id string) {
	c.mu.Lock()
	p, ok := c.producing.all[id]
	delete(c.producing.all, id)
	c.mu.Unlock()
	if ok {
		c.removed(id, p)
	}
}

func (c *Conn) removed(id string, p producer) {
	n := p.add(-1)
	if c.r.ctx.Err() == nil {
		c.r.observe(Event{Kind: ProducerRemoved, Destination: p.to, Conn: c, Producer: id, Count: n})
	}
}

func (p *producer) add(n int64) int {
	if p.count == nil {
		return 0
	}
	return int(p.count.Add(n))
}

// sendsTo notes that the connection sends to d. It costs a comparison for one
// that sends to the same destination again.
func (c *Conn) sendsTo(d message.Destination) {
	p := &c.producing
	if p.last == d || p.named.Load() {
		return
	}
	p.last = d
	c.mu.Lock()
	_, known := p.to[d]
	if known || len(p.to) >= maxProducers {
		c.mu.Unlock()
		return
	}
	if p.to == nil {
		p.to = map[message.Destination]struct{}{}
	}
	p.to[d] = struct{}{}
	p.ids++
	id := c.ID() + ":1:" + strconv.Itoa(p.ids)
	c.mu.Unlock()
	c.addProducer(id, d)
}

// producerTo gives the id of a producer to d, empty if none is known.
func (c *Conn) producerTo(d message.Destination) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, p := range c.producing.all {
		if p.to == d {
			return id
		}
	}
	return ""
}

// endProducers ends those that are left when the connection ends.
func (c *Conn) endProducers() {
	c.mu.Lock()
	all := c.producing.all
	c.producing.all = nil
	c.mu.Unlock()
	for id, p := range all {
		c.removed(id, p)
	}
}

// producersOf gives the count of a destination that is there, nil for others.
func (r *reign) producersOf(d message.Destination) *atomic.Int64 {
	dir := &r.directory
	dir.mu.RLock()
	defer dir.mu.RUnlock()
	switch d.Kind {
	case message.Queue:
		if b := dir.queues[d.Name]; b != nil {
			return &b.stats.producers
		}
	case message.Topic:
		if t := dir.topics[d.Name]; t != nil {
			return &t.stats.producers
		}
	default:
		switch x := dir.temps[d].(type) {
		case *mailbox:
			return &x.stats.producers
		case *topic:
			return &x.stats.producers
		}
	}
	return nil
}

// ID names the connection, uniquely within the cluster.
func (c *Conn) ID() string { return c.info.ID }

// ID names the subscription, uniquely within the cluster.
func (s *Subscription) ID() string { return s.conn.ID() + ":1:" + strconv.FormatUint(s.number, 10) }

// consumersThere gives how many consumers the destinations of a subscription
// have now.
func (s *Subscription) consumersThere() int { return consumers(s.consuming()) }

func consumers(all []*counters) (n int) {
	for _, c := range all {
		n += int(c.consumers.Load())
	}
	return n
}

// consuming gives the counters of the destinations of a subscription.
func (s *Subscription) consuming() []*counters {
	var all []*counters
	for _, l := range s.takesFrom() {
		if !l.box.topic() {
			all = append(all, &l.box.stats)
		}
	}
	dir := &s.conn.r.directory
	dir.mu.RLock()
	defer dir.mu.RUnlock()
	for _, t := range s.topics {
		all = append(all, &t.stats)
	}
	return all
}
