package broker

import (
	"context"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/quorate/quorate/message"
	"github.com/quorate/quorate/store"
)

// A directory knows the destinations by name.
type directory struct {
	seed     maphash.Seed
	standard *Policy // of every destination, if there are no entries

	// generation is raised when a queue, a durable subscription or a topic has
	// come or gone: routes that were made before are made anew.
	generation atomic.Uint64

	mu           sync.RWMutex
	queues       map[string]*mailbox
	topics       map[string]*topic
	temps        map[message.Destination]any // *mailbox or *topic
	subs         map[subscriber]*mailbox
	durables     map[string][]*mailbox      // by topic; the lists are only appended to, or replaced
	patterns     []*mailbox                 // durable subscriptions to topics with wildcards
	watchers     map[*Subscription]struct{} // those with wildcards: they take what comes
	making       map[string]chan struct{}   // being created; closed when that has ended
	routes       map[message.Destination]*route
	routesOf     uint64 // generation of routes
	routesWeight int    // of all routes
}

// A subscriber is the name of a durable subscription.
type subscriber struct{ client, name string }

// load makes the mailboxes of what is in the store.
func (d *directory) load(r *reign) {
	d.seed = maphash.MakeSeed()
	if len(r.cfg.Policies.Entries) == 0 {
		p := r.cfg.Policies.For(message.Destination{Kind: message.Queue, Name: "any"})
		d.standard = &p
	}
	d.queues, d.topics = map[string]*mailbox{}, map[string]*topic{}
	d.temps, d.subs = map[message.Destination]any{}, map[subscriber]*mailbox{}
	d.durables, d.watchers = map[string][]*mailbox{}, map[*Subscription]struct{}{}
	d.making, d.routes = map[string]chan struct{}{}, map[message.Destination]*route{}
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
	b.life.begin(r.now())
	return b
}

// addDurable makes the mailbox of a durable subscription; the lock is held.
func (r *reign) addDurable(id store.QueueID, name string, sub *store.Subscription) *mailbox {
	b := r.mailbox(message.Destination{Kind: message.Topic, Name: sub.Topic}, id, sub)
	b.name, b.shard = name, r.shardOf(name)
	sel, err := parseSelector("load subscription", sub.Selector)
	if err != nil { // it was checked when the subscription was made
		r.cfg.Logger.Error("a durable subscription gets nothing: its selector cannot be read", "client", sub.Client, "subscription", sub.Name, "err", err)
		sel = nothing
	}
	b.selector = sel
	dir := &r.directory
	dir.subs[subscriber{sub.Client, sub.Name}] = b
	if b.wild = isPattern(sub.Topic); b.wild {
		dir.patterns = append(dir.patterns, b)
	} else {
		// Readers have the list as it was: what is behind its end is nobody's yet.
		dir.durables[sub.Topic] = append(dir.durables[sub.Topic], b)
		r.topicLocked(b.dest)
	}
	dir.generation.Add(1)
	return b
}

// removeDurable forgets the mailbox of a durable subscription; the lock is held.
func (r *reign) removeDurable(b *mailbox) {
	dir := &r.directory
	key := subscriber{b.durable.Client, b.durable.Name}
	if dir.subs[key] == b {
		delete(dir.subs, key)
	}
	without := func(list []*mailbox) []*mailbox {
		return slices.DeleteFunc(slices.Clone(list), func(o *mailbox) bool { return o == b })
	}
	dir.patterns = without(dir.patterns)
	if list := without(dir.durables[b.durable.Topic]); len(list) > 0 {
		dir.durables[b.durable.Topic] = list
	} else {
		delete(dir.durables, b.durable.Topic)
	}
	dir.generation.Add(1)
}

// durablesOf gives the durable subscriptions to a topic, by name and with
// wildcards.
func (d *directory) durablesOf(topic string) []*mailbox {
	d.mu.RLock()
	defer d.mu.RUnlock()
	all := slices.Clip(d.durables[topic])
	for _, box := range d.patterns {
		if Match(box.durable.Topic, topic) {
			all = append(all, box)
		}
	}
	return all
}

// checkName refuses what is not the name of a destination.
func checkName(op string, d message.Destination) error {
	switch {
	case d.Name == "":
		return errorf(KindInvalidDestination, op, "a destination without a name")
	case d.Kind < message.Queue || d.Kind > message.TempTopic:
		return errorf(KindInvalidDestination, op, "%s is neither a queue nor a topic", d)
	case len(d.Name) > store.MaxName:
		return errorf(KindInvalidDestination, op, "a name of %d bytes, at most %d are allowed", len(d.Name), store.MaxName)
	case d.Kind.IsTemp() && isPattern(d.Name):
		return errorf(KindInvalidDestination, op, "%s: there are no wildcards for temporary destinations", d)
	}
	return nil
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
	err := r.mayAdd(op, d)
	r.directory.mu.RUnlock()
	if b != nil {
		return b, nil
	}
	if err != nil {
		return nil, err
	}
	var batch store.Batch
	batch.CreateQueue(store.KindQueue, d.Name, nil)
	out, err := r.logged(ctx, op, &batch, nil)
	if err != nil {
		return nil, err
	}
	b = r.mailbox(d, out.Queue, nil)
	dir := &r.directory
	dir.mu.Lock()
	dir.queues[d.Name] = b
	dir.generation.Add(1)
	for s := range dir.watchers {
		s.meetQueue(b)
	}
	dir.mu.Unlock()
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
