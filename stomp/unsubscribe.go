package stomp

import (
	"maps"
	"slices"

	"github.com/quorate/quorate/stomp/frame"
)

// unsubscribe ends a subscription, by its id or, in 1.0, by its destination.
// With activemq.subscriptionName it removes a durable one for good.
func (s *session) unsubscribe(f *frame.Frame) error {
	o := &subscribeOptions{f: f}
	if name := o.text("subscriptionName", "subcriptionName", "durable-subscription-name"); name != "" {
		return s.removeDurable(f, name)
	}
	key, ok := f.Get("id")
	if !ok {
		if s.version >= frame.V11 {
			return wrong(missingHeader, "An UNSUBSCRIBE frame of STOMP %v needs the header \"id\".", s.version)
		}
		var err error
		if key, err = need(f, "destination"); err != nil {
			return err
		}
	}
	s.mu.Lock()
	sub := s.mu.subs[key]
	s.mu.Unlock()
	if sub == nil {
		return wrong(unknownSubscription, "There is no subscription %.200q.", key)
	}
	s.forget(sub, s.settle(s.expect(f, false)))
	return nil
}

// forget ends a subscription. What is queued of it is not written any more;
// what the client did not acknowledge goes to others.
func (s *session) forget(sub *subscription, done func(error)) {
	sub.closed.Store(true)
	s.mu.Lock()
	delete(s.mu.subs, sub.key)
	delete(s.mu.numbers, sub.number)
	delete(s.mu.byOwner, sub.owner)
	s.mu.Unlock()
	sub.calls.Lock()
	defer sub.calls.Unlock()
	sub.owner.Close(done)
}

// removeDurable removes a durable subscription. If this connection has it in
// use, that ends first.
func (s *session) removeDurable(f *frame.Frame, name string) error {
	if s.clientID == "" {
		return wrong(missingHeader, "Removing a durable subscription needs the header \"client-id\" in CONNECT.")
	}
	done := s.settle(s.expect(f, false))
	for _, sub := range s.subscriptions() {
		if sub.durable != name {
			continue
		}
		closed := make(chan error, 1)
		s.forget(sub, func(err error) { closed <- err })
		select {
		case err := <-closed:
			if err != nil {
				return err
			}
		case <-s.over:
			return nil
		}
	}
	s.bc.RemoveDurable(s.clientID, name, done)
	return nil
}

func (s *session) subscriptions() []*subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.mu.subs))
}
