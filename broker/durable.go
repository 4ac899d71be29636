package broker

import (
	"context"
	"strings"

	"github.com/quorate/quorate/message"
	"github.com/quorate/quorate/store"
)

// openDurable begins a durable topic subscription, created in the log if it is
// new; one with another topic, selector or noLocal than before is made anew, as
// JMS has it [JMS 1.1 §6.11.1].
func (s *Subscription) openDurable(all []message.Destination) error {
	const op = "subscribe"
	c, d := s.conn, all[0]
	switch {
	case len(all) > 1:
		return errorf(KindInvalidDestination, op, "%s: a durable subscription is to one topic, or to all that match a name with wildcards", s.spec.Destination)
	case d.Kind != message.Topic:
		return errorf(KindInvalidDestination, op, "%s: only a topic has durable subscriptions", d)
	case c.info.ClientID == "":
		return errorf(KindInvalidClientID, op, "a durable subscription needs a client id")
	}
	if err := checkName(op, d); err != nil {
		return err
	}
	want := store.Subscription{Client: c.info.ClientID, Name: s.spec.DurableName, Topic: d.Name, Selector: s.spec.Selector, NoLocal: s.spec.NoLocal}
	box, err := c.durable(want)
	if err != nil {
		return err
	}
	if !box.active.CompareAndSwap(false, true) {
		return errorf(KindInUse, op, "the durable subscription %q of client %q is active already", want.Name, want.Client)
	}
	s.prefetch(box.policy.DurableTopicPrefetch)
	s.attach(s.link(box))
	return nil
}

// durable gives the mailbox of a durable subscription as wanted.
func (c *Conn) durable(want store.Subscription) (*mailbox, error) {
	const op = "subscribe"
	key := subscriber{want.Client, want.Name}
	dir := &c.r.directory
	for {
		dir.mu.RLock()
		box := dir.subs[key]
		dir.mu.RUnlock()
		switch {
		case box == nil:
			var b store.Batch
			b.CreateQueue(store.KindSubscription, subscriptionName(key), &want)
			if _, err := c.r.logged(c.ctx, op, &b, func(out store.Outcome, err error) { c.r.createdDurable(out, err, want) }); err != nil {
				return nil, err
			}
		case *box.durable == want:
			return box, nil
		default:
			if err := c.r.dropDurable(c.ctx, op, box); err != nil {
				return nil, err
			}
		}
	}
}

// createdDurable follows the creation of a durable subscription in the log. One
// that was there already stays what it was.
func (r *reign) createdDurable(out store.Outcome, err error, want store.Subscription) {
	if err != nil {
		return
	}
	key := subscriber{want.Client, want.Name}
	dir := &r.directory
	dir.mu.Lock()
	defer dir.mu.Unlock()
	if box := dir.subs[key]; box != nil && box.id == out.Queue {
		return
	}
	info, ok := r.cfg.Store.Queue(out.Queue)
	if !ok {
		return // the store failed
	}
	r.addDurable(out.Queue, info.Name, info.Subscription).tail = uint64(info.Last)
}

// subscriptionName is the queue's name of a durable subscription, unambiguous
// whatever its two parts are.
func subscriptionName(k subscriber) string {
	return strings.NewReplacer("%", "%25", ":", "%3A").Replace(k.client) + ":" + k.name
}

// dropDurable deletes a durable subscription that nobody uses.
func (r *reign) dropDurable(ctx context.Context, op string, box *mailbox) error {
	if !box.active.CompareAndSwap(false, true) {
		return errorf(KindInUse, op, "the durable subscription %q of client %q is active", box.durable.Name, box.durable.Client)
	}
	var b store.Batch
	b.DeleteQueue(box.id)
	_, err := r.logged(ctx, op, &b, func(_ store.Outcome, err error) {
		if err != nil {
			box.active.Store(false)
			return
		}
		dir := &r.directory
		dir.mu.Lock()
		r.removeDurable(box)
		dir.mu.Unlock()
		box.end()
	})
	return err
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
		err = c.r.dropDurable(c.ctx, op, box)
	}
	c.submit(failing(op, done, err))
}
