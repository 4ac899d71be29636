package broker

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/quorate/quorate/broker/queue"
	"github.com/quorate/quorate/message"
	"github.com/quorate/quorate/selector"
)

// A Spec says what a subscription wants.
type Spec struct {
	// Destination is a queue or a topic, several with commas between
	// (an element may have a prefix of its own, "A,topic://B"), or all that match
	// a name with wildcards, those included that come later.
	Destination message.Destination
	Prefetch    int    // deliveries outstanding at most; 0 is the destination's policy
	Pull        bool   // nothing comes unless Pull asks for it
	DurableName string // of a durable topic subscription; the connection has a client id then
	Selector    string // only what it selects [JMS 1.1 §3.8.1]
	Browser     bool   // look at a queue without taking anything
	NoLocal     bool   // topics: not what this connection (durable: this client id) sends
	Exclusive   bool   // queues: alone, as long as this is the first exclusive consumer
	Priority    int    // queues: consumers of a higher one are served first
	Retroactive bool   // topics: what the topic's policy has kept, too
	MaxWaiting  int    // topics: messages that may wait for a slow subscriber; 0 is the destination's policy
}

// A Subscription is one consumer. Ack, Nack, Reject and Close may be called by
// one goroutine at a time.
type Subscription struct {
	conn     *Conn
	number   uint64 // within the connection
	spec     Spec
	selector *selector.Selector
	pool     *queue.Pool // the credit of all links, if there may be several
	browser  *browser
	known    atomic.Bool // it was told that this consumer is there
	pulling  atomic.Bool // a Pull waits for its message
	box      *mailbox    // of a browser, or what a live subscription has not got yet

	// Guarded by the directory's lock.
	live    *link    // of a live subscription
	topics  []*topic // that it has joined
	pattern []message.Destination

	// handing keeps deliveries of several shards in the order of their numbers:
	// who acknowledges all up to one must have been given those before it.
	handing sync.Mutex

	mu      sync.Mutex
	closed  bool
	links   []*link               // only appended to, or replaced
	boxes   map[*mailbox]struct{} // of links
	pending []*Delivery           // pending[head:] in order of ID, some of them taken
	head    int
	taken   int
	acks    uint64 // deliveries that were acknowledged or given back
}

// Spec gives what was asked for, the prefetch filled in.
func (s *Subscription) Spec() Spec { return s.spec }

// Conn gives the connection of the subscription.
func (s *Subscription) Conn() *Conn { return s.conn }

// Subscribe begins a subscription; deliveries may come before it returns. It
// blocks while a new destination is being created in the log.
func (c *Conn) Subscribe(spec Spec) (*Subscription, error) {
	const op = "subscribe"
	if err := c.usable(op); err != nil {
		return nil, err
	}
	opened := c.opened.Load()
	sel, err := parseSelector(op, spec.Selector)
	if err != nil {
		return nil, err
	}
	all, err := spec.Destination.Split()
	if err != nil {
		return nil, &Error{Kind: KindInvalidDestination, Op: op, Err: err}
	}
	s := &Subscription{conn: c, number: c.lastSub.Add(1), spec: spec, selector: sel}
	switch {
	case spec.Browser:
		err = s.openBrowser(all)
	case spec.DurableName != "":
		err = s.openDurable(all)
	default:
		err = s.open(all)
	}
	if err != nil {
		s.end(false)
		return nil, err
	}
	if !own(c, &c.mu.subs, s) {
		s.end(false)
		return nil, c.usable(op)
	}
	if c.opened.Load() != opened {
		s.reopened() // it was not known when the others were told
	}
	s.known.Store(true)
	c.r.advisor.watches(s, 1)
	c.r.observe(Event{Kind: ConsumerAdded, Destination: spec.Destination, Conn: c, Consumer: s, Count: s.consumersThere()})
	return s, nil
}

// openBrowser begins to look through one queue.
func (s *Subscription) openBrowser(all []message.Destination) error {
	const op = "subscribe"
	d := all[0]
	switch {
	case len(all) > 1 || isPattern(d.Name):
		return errorf(KindInvalidDestination, op, "%s: a browser looks at one queue", s.spec.Destination)
	case d.Kind.IsTopic():
		return errorf(KindInvalidDestination, op, "%s: only a queue can be browsed", d)
	}
	box, err := s.queue(d)
	if err != nil {
		return err
	}
	s.prefetch(box.policy.QueueBrowserPrefetch)
	s.box, s.browser = box, newBrowser(s)
	box.shard.inbox.post(event{kind: evFunc, box: box, call: s.browser.start})
	return nil
}

// queue gives a queue that this connection may consume from.
func (s *Subscription) queue(d message.Destination) (*mailbox, error) {
	const op = "subscribe"
	if err := checkName(op, d); err != nil {
		return nil, err
	}
	box, err := s.conn.r.queue(s.conn.ctx, op, d)
	if err != nil {
		return nil, err
	}
	if box.owner != nil && box.owner != s.conn {
		return nil, errorf(KindInvalidDestination, op, "%s belongs to another connection", d)
	}
	return box, nil
}

// open begins a subscription to queues and topics, by name or with wildcards.
func (s *Subscription) open(all []message.Destination) error {
	r := s.conn.r
	p := r.policy(all[0])
	if all[0].Kind.IsTopic() {
		s.prefetch(p.TopicPrefetch)
	} else {
		s.prefetch(p.QueuePrefetch)
	}
	several := len(all) > 1
	for _, d := range all {
		several = several || r.watches(d)
	}
	if several {
		if s.spec.Pull {
			return errorf(KindInvalidArgument, "subscribe", "%s: a consumer that pulls takes from one destination", s.spec.Destination)
		}
		s.pool = queue.NewPool(s.spec.Prefetch, s.conn.room, lent)
	}
	for _, d := range all {
		if err := checkName("subscribe", d); err != nil {
			return err
		}
		if err := s.takeFrom(d); err != nil {
			return err
		}
	}
	return nil
}

// watches reports whether a subscription to d takes from all that match its
// wildcards. A consumer of a virtual topic with wildcards has a queue of its own.
func (r *reign) watches(d message.Destination) bool {
	if !isPattern(d.Name) {
		return false
	}
	if d.Kind == message.Queue {
		for i := range r.cfg.Virtual.Topics {
			if r.cfg.Virtual.Topics[i].consumes(d.Name) {
				return false
			}
		}
	}
	return true
}

// takeFrom takes from one of the destinations of the subscription.
func (s *Subscription) takeFrom(d message.Destination) error {
	switch {
	case s.conn.r.watches(d):
		s.watch(d)
		return nil
	case d.Kind.IsTopic():
		return s.join(d)
	}
	for {
		box, err := s.queue(d)
		if err != nil {
			return err
		}
		l := s.link(box)
		if !s.attach(l) || !box.life.ended() && !box.removed.Load() {
			return nil
		}
		s.unlink(l) // the queue was deleted meanwhile: it is made anew
	}
}

// join takes what is published on one topic.
func (s *Subscription) join(d message.Destination) error {
	const op = "subscribe"
	r := s.conn.r
	dir := &r.directory
	dir.mu.Lock()
	defer dir.mu.Unlock()
	t, _ := dir.temps[d].(*topic)
	switch {
	case d.Kind == message.Topic:
		if dir.topics[d.Name] == nil {
			if err := r.mayAdd(op, d); err != nil {
				return err
			}
		}
		t = r.topicLocked(d)
	case t == nil:
		return errorf(KindInvalidDestination, op, "%s does not exist (any more)", d)
	case t.owner != s.conn:
		return errorf(KindInvalidDestination, op, "%s belongs to another connection", d)
	}
	s.joinLocked(t)
	return nil
}

// watch takes from all that match a name with wildcards, now and later.
func (s *Subscription) watch(d message.Destination) {
	dir := &s.conn.r.directory
	dir.mu.Lock()
	defer dir.mu.Unlock()
	s.pattern = append(s.pattern, d)
	dir.watchers[s] = struct{}{}
	if d.Kind.IsTopic() {
		s.listenLocked(d)
		for name, t := range dir.topics {
			if Match(d.Name, name) {
				s.joinLocked(t)
			}
		}
		return
	}
	for name, box := range dir.queues {
		if Match(d.Name, name) {
			s.attach(s.link(box))
		}
	}
}

// meetQueue and meetTopic tell of a new destination. The directory's lock is
// held.
func (s *Subscription) meetQueue(box *mailbox) {
	if s.watching(box.dest) {
		s.attach(s.link(box))
	}
}

func (s *Subscription) meetTopic(t *topic) {
	if s.watching(t.dest) {
		s.joinLocked(t)
	}
}

func (s *Subscription) watching(d message.Destination) bool {
	for _, p := range s.pattern {
		if p.Kind == d.Kind && Match(p.Name, d.Name) {
			return true
		}
	}
	return false
}

// listenLocked makes the mailbox of what a live subscription to topics has not
// got yet. The directory's lock is held.
func (s *Subscription) listenLocked(d message.Destination) {
	if s.live != nil {
		return
	}
	r := s.conn.r
	name := fmt.Sprintf("%s#%d", d.Name, r.ids.Add(1))
	s.box = &mailbox{name: name, dest: d, policy: r.policy(d), shard: r.shardOf(name)}
	s.live = s.link(s.box)
	s.attach(s.live)
}

// joinLocked takes what is published on a topic. The directory's lock is held.
func (s *Subscription) joinLocked(t *topic) {
	s.listenLocked(t.dest)
	for _, o := range s.topics {
		if o == t {
			return
		}
	}
	s.topics = append(s.topics, t)
	if len(s.topics) == 1 {
		s.live.topic.Store(t)
	} else {
		s.live.topic.Store(nil) // what is delivered counts for none
	}
	t.join(s.live)
}

func (s *Subscription) prefetch(standard int) {
	switch {
	case s.spec.Pull:
		s.spec.Prefetch = 0
	case s.spec.Prefetch <= 0:
		s.spec.Prefetch = max(standard, 1)
	}
}

// Close ends the subscription. What was delivered and not acknowledged goes
// back to its place, marked as redelivered, its count unchanged. done, which
// may be nil, is called in the order of the connection's requests.
func (s *Subscription) Close(done func(error)) {
	disown(s.conn, &s.conn.mu.subs, s)
	s.end(false)
	s.conn.submit(&op{name: "unsubscribe", done: done})
}

// end takes the consumer away; failed counts what it holds as failed.
func (s *Subscription) end(failed bool) {
	counts := s.consuming()
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	links := s.links
	s.links, s.boxes, s.pending, s.head, s.taken = nil, nil, nil, 0, 0
	s.mu.Unlock()
	defer s.parted(counts)
	if s.browser != nil {
		s.box.shard.inbox.post(event{kind: evFunc, box: s.box, call: s.browser.stop})
		return
	}
	s.leave()
	for _, l := range links {
		l.detach(failed)
	}
}

// parted tells that the consumer has gone, from destinations with these counters.
func (s *Subscription) parted(from []*counters) {
	r := s.conn.r
	if !s.known.Load() {
		return
	}
	r.advisor.watches(s, -1)
	if r.ctx.Err() == nil {
		r.observe(Event{Kind: ConsumerRemoved, Destination: s.spec.Destination, Conn: s.conn, Consumer: s, Count: consumers(from)})
	}
}

// leave ends what is known of the subscription in the directory.
func (s *Subscription) leave() {
	dir := &s.conn.r.directory
	dir.mu.Lock()
	defer dir.mu.Unlock()
	delete(dir.watchers, s)
	for _, t := range s.topics {
		t.leave(s.live)
	}
	s.topics = nil
}

// push notes a delivery as outstanding and hands it to the Outlet. It reports
// false if the subscription has ended. Called by the shard.
func (s *Subscription) push(d *Delivery) bool {
	if s.pool != nil {
		s.handing.Lock()
		defer s.handing.Unlock()
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return false
	}
	d.ID = s.conn.lastID.Add(1)
	s.pulling.Store(false)
	if !d.End {
		s.pending = append(s.pending, d)
	}
	s.mu.Unlock()
	s.conn.out.Deliver(d)
	return true
}
