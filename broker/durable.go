package broker

import (
	"strings"

	"github.com/quorate/quorate/message"
	"github.com/quorate/quorate/store"
)

// openDurable begins a durable topic subscription, created in the log if it is
// new; one with another topic or noLocal than before is made anew, as JMS has
// it.
func (s *Subscription) openDurable() error {
	const op = "subscribe"
	c, d := s.conn, s.spec.Destination
	switch {
	case d.Kind != message.Topic:
		return errorf(KindInvalidDestination, op, "%s: only a topic has durable subscriptions", d)
	case c.info.ClientID == "":
		return errorf(KindInvalidClientID, op, "a durable subscription needs a client id")
	}
	want := store.Subscription{Client: c.info.ClientID, Name: s.spec.DurableName, Topic: d.Name, NoLocal: s.spec.NoLocal}
	box, err := c.durable(want)
	if err != nil {
		return err
	}
	if !box.active.CompareAndSwap(false, true) {
		return errorf(KindInUse, op, "the durable subscription %q of client %q is active already", want.Name, want.Client)
	}
	s.box = box
	s.prefetch(box.policy.DurableTopicPrefetch)
	s.attach()
	return nil
}

// durable gives the mailbox of a durable subscription as wanted.
func (c *Conn) durable(want store.Subscription) (*mailbox, error) {
	const op = "subscribe"
	key := subscriber{want.Client, want.Name}
	dir := &c.r.directory
	dir.mu.RLock()
	box := dir.subs[key]
	dir.mu.RUnlock()
	if box != nil {
		if *box.durable == want {
			return box, nil
		}
		if err := c.dropDurable(op, box); err != nil {
			return nil, err
		}
	}
	name := subscriptionName(key)
	var b store.Batch
	b.CreateQueue(store.KindSubscription, name, &want)
	out, err := c.r.logged(c.ctx, op, &b)
	if err != nil {
		return nil, err
	}
	dir.mu.Lock()
	defer dir.mu.Unlock()
	if box := dir.subs[key]; box != nil && box.id == out.Queue {
		return box, nil
	}
	box = c.r.addDurable(out.Queue, name, &want)
	if !out.Created {
		if info, ok := c.r.cfg.Store.Queue(out.Queue); ok {
			box.tail = uint64(info.Last)
		}
	}
	return box, nil
}

// subscriptionName is the queue's name of a durable subscription, unambiguous
// whatever its two parts are.
func subscriptionName(k subscriber) string {
	return strings.NewReplacer("%", "%25", ":", "%3A").Replace(k.client) + ":" + k.name
}

// dropDurable deletes a durable subscription that nobody uses.
func (c *Conn) dropDurable(op string, box *mailbox) error {
	if !box.active.CompareAndSwap(false, true) {
		return errorf(KindInUse, op, "the durable subscription %q of client %q is active", box.durable.Name, box.durable.Client)
	}
	var b store.Batch
	b.DeleteQueue(box.id)
	if _, err := c.r.logged(c.ctx, op, &b); err != nil {
		box.active.Store(false)
		return err
	}
	dir := &c.r.directory
	dir.mu.Lock()
	c.r.removeDurable(box)
	dir.mu.Unlock()
	box.shard.inbox.post(event{kind: evFunc, call: func() { box.shard.forget(box) }})
	return nil
}

// RemoveDurable deletes a durable subscription with all that is pending in it.
// It blocks until the log has it; done, which may be nil, is called in the order
// of the connection's requests. An active one is refused.
func (c *Conn) RemoveDurable(client, name string, done func(error)) {
	const op = "unsubscribe"
	dir := &c.r.directory
	dir.mu.RLock()
	box := dir.subs[subscriber{client, name}]
	dir.mu.RUnlock()
	var err error
	if box == nil {
		err = errorf(KindNotFound, op, "no durable subscription %q of client %q", name, client)
	} else {
		err = c.dropDurable(op, box)
	}
	c.submit(failing(op, done, err))
}
