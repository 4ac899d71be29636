package broker

import (
	"context"
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/quorate/quorate/message"
	"github.com/quorate/quorate/store"
)

// A directory knows the destinations by name.
type directory struct {
	seed     maphash.Seed
	standard *Policy // of every destination, if there are no entries

	mu     sync.RWMutex
	queues map[string]*mailbox
	topics map[string]*topic
	temps  map[message.Destination]any // *mailbox or *topic
	subs   map[subscriber]*mailbox
	making map[string]chan struct{} // being created; closed when that has ended
}

// A subscriber is the name of a durable subscription.
type subscriber struct{ client, name string }

// A topic is a name that feeds subscriptions. Nothing of it is in the store.
type topic struct {
	dest    message.Destination
	owner   *Conn // of a temporary topic
	policy  *Policy
	shard   *shard
	stats   counters
	durable atomic.Pointer[[]*mailbox] // copied on write under the directory's lock

	live []*Subscription // the shard's own
}

// load makes the mailboxes of what is in the store.
func (d *directory) load(r *reign) {
	d.seed = maphash.MakeSeed()
	if len(r.cfg.Policies.Entries) == 0 {
		p := r.cfg.Policies.For(message.Destination{Kind: message.Queue, Name: "any"})
		d.standard = &p
	}
	d.queues, d.topics = map[string]*mailbox{}, map[string]*topic{}
	d.temps, d.subs = map[message.Destination]any{}, map[subscriber]*mailbox{}
	d.making = map[string]chan struct{}{}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, q := range r.cfg.Store.Queues() {
		switch q.Kind {
		case store.KindQueue:
			b := r.mailbox(message.Destination{Kind: message.Queue, Name: q.Name}, q.ID, nil)
			b.tail = uint64(q.Last)
			d.queues[q.Name] = b
		case store.KindSubscription:
			r.addDurable(q.ID, q.Name, q.Subscription).tail = uint64(q.Last)
		}
	}
}

// drop lets go of what refers to the spill.
func (d *directory) drop(r *reign) {
	for _, s := range r.shards {
		s.dropSpill()
	}
}

func (r *reign) policy(d message.Destination) *Policy {
	if p := r.directory.standard; p != nil {
		return p
	}
	p := r.cfg.Policies.For(d)
	return &p
}

func (r *reign) shardOf(name string) *shard {
	return r.shards[maphash.String(r.directory.seed, name)%uint64(len(r.shards))]
}

func (r *reign) mailbox(d message.Destination, id store.QueueID, sub *store.Subscription) *mailbox {
	b := &mailbox{id: id, name: d.Name, dest: d, durable: sub, policy: r.policy(d), shard: r.shardOf(d.Name)}
	b.self[0] = b
	return b
}

// addDurable makes the mailbox of a durable subscription; the lock is held.
func (r *reign) addDurable(id store.QueueID, name string, sub *store.Subscription) *mailbox {
	b := r.mailbox(message.Destination{Kind: message.Topic, Name: sub.Topic}, id, sub)
	b.name, b.shard = name, r.shardOf(name)
	r.directory.subs[subscriber{sub.Client, sub.Name}] = b
	t := r.topicLocked(b.dest)
	list := append([]*mailbox{b}, t.boxes()...)
	t.durable.Store(&list)
	return b
}

// removeDurable forgets the mailbox of a durable subscription; the lock is held.
func (r *reign) removeDurable(b *mailbox) {
	key := subscriber{b.durable.Client, b.durable.Name}
	if r.directory.subs[key] == b {
		delete(r.directory.subs, key)
	}
	t := r.topicLocked(b.dest)
	var list []*mailbox
	for _, o := range t.boxes() {
		if o != b {
			list = append(list, o)
		}
	}
	t.durable.Store(&list)
}

func (t *topic) boxes() []*mailbox {
	if p := t.durable.Load(); p != nil {
		return *p
	}
	return nil
}

// targets gives the durable subscriptions that want what c sends.
func (t *topic) targets(c *Conn) []*mailbox {
	all := t.boxes()
	for i, b := range all {
		if b.durable.NoLocal && b.durable.Client == c.info.ClientID {
			some := append([]*mailbox{}, all[:i]...)
			for _, o := range all[i+1:] {
				if !o.durable.NoLocal || o.durable.Client != c.info.ClientID {
					some = append(some, o)
				}
			}
			return some
		}
	}
	return all
}

// checkName refuses what names no single destination.
func checkName(op string, d message.Destination) error {
	switch {
	case d.Name == "":
		return errorf(KindInvalidDestination, op, "a destination without a name")
	case d.Kind < message.Queue || d.Kind > message.TempTopic:
		return errorf(KindInvalidDestination, op, "%s is neither a queue nor a topic", d)
	case strings.Contains(d.Name, ","):
		return errorf(KindInvalidDestination, op, "%s: composite destinations are not supported", d)
	}
	for e := range strings.SplitSeq(d.Name, ".") {
		if e == "*" || e == ">" {
			return errorf(KindInvalidDestination, op, "%s: wildcards are not supported", d)
		}
	}
	return nil
}

// topic gives a topic, made on first use.
func (r *reign) topic(d message.Destination) (*topic, error) {
	dir := &r.directory
	dir.mu.RLock()
	t := dir.topics[d.Name]
	if d.Kind == message.TempTopic {
		t, _ = dir.temps[d].(*topic)
	}
	dir.mu.RUnlock()
	if t != nil {
		return t, nil
	}
	if d.Kind == message.TempTopic {
		return nil, errorf(KindInvalidDestination, "send", "%s does not exist (any more)", d)
	}
	dir.mu.Lock()
	defer dir.mu.Unlock()
	return r.topicLocked(d), nil
}

func (r *reign) topicLocked(d message.Destination) *topic {
	t := r.directory.topics[d.Name]
	if t == nil {
		t = &topic{dest: d, policy: r.policy(d), shard: r.shardOf(d.Name)}
		r.directory.topics[d.Name] = t
		r.observe(Event{Kind: DestinationAdded, Destination: d})
	}
	return t
}

// queue gives the mailbox of a queue, made on first use. It may block until
// the log has the new queue.
func (r *reign) queue(ctx context.Context, op string, d message.Destination) (*mailbox, error) {
	dir := &r.directory
	for {
		dir.mu.RLock()
		b := dir.queues[d.Name]
		if d.Kind == message.TempQueue {
			b, _ = dir.temps[d].(*mailbox)
		}
		dir.mu.RUnlock()
		if b != nil {
			return b, nil
		}
		if d.Kind == message.TempQueue {
			return nil, errorf(KindInvalidDestination, op, "%s does not exist (any more)", d)
		}
		wait, mine := dir.make(d.Name)
		if !mine {
			select {
			case <-wait:
				continue
			case <-ctx.Done():
				return nil, &Error{Kind: KindNotMaster, Op: op, Err: ctx.Err()}
			}
		}
		return r.makeQueue(ctx, op, d)
	}
}

// make reports whether the caller is the one to create the queue; it calls made
// afterwards. Otherwise the channel is closed when another one has.
func (d *directory) make(name string) (<-chan struct{}, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if wait := d.making[name]; wait != nil {
		return wait, false
	}
	d.making[name] = make(chan struct{})
	return nil, true
}

func (d *directory) made(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	close(d.making[name])
	delete(d.making, name)
}

func (r *reign) makeQueue(ctx context.Context, op string, d message.Destination) (*mailbox, error) {
	defer r.directory.made(d.Name)
	r.directory.mu.RLock()
	b := r.directory.queues[d.Name] // made since the caller looked
	r.directory.mu.RUnlock()
	if b != nil {
		return b, nil
	}
	var batch store.Batch
	batch.CreateQueue(store.KindQueue, d.Name, nil)
	out, err := r.logged(ctx, op, &batch, nil)
	if err != nil {
		return nil, err
	}
	b = r.mailbox(d, out.Queue, nil)
	r.directory.mu.Lock()
	r.directory.queues[d.Name] = b
	r.directory.mu.Unlock()
	r.observe(Event{Kind: DestinationAdded, Destination: d})
	return b, nil
}

// logged proposes a batch of one operation and waits for its outcome. What
// follows from it is then's: it is called in the order of the log, before what
// was logged later has its effect, and also if nobody waits any more.
func (r *reign) logged(ctx context.Context, op string, b *store.Batch, then func(store.Outcome, error)) (store.Outcome, error) {
	type answer struct {
		out store.Outcome
		err error
	}
	ch := make(chan answer, 1)
	r.cfg.Store.Propose(b, func(res store.Result, err error) {
		a := answer{err: storeError(op, err)}
		if err == nil {
			a.out = res.Ops[0]
		}
		if then != nil {
			then(a.out, a.err)
		}
		ch <- a
	})
	select {
	case a := <-ch:
		return a.out, a.err
	case <-ctx.Done():
		return store.Outcome{}, &Error{Kind: KindUnknown, Op: op, Err: ctx.Err()}
	}
}
