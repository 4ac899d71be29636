package broker

import (
	"slices"
	"time"

	"github.com/quorate/quorate/broker/queue"
)

// Pull asks for one message, for a subscription that was made with Spec.Pull: one
// delivery follows, or empty is called, on a goroutine of the broker that it must
// not block. It is called after wait; with wait 0 as soon as it is known that there
// is nothing, in the store neither; never with a negative wait. One Pull at a time:
// while one waits, another is refused with KindInUse.
func (s *Subscription) Pull(wait time.Duration, empty func()) error {
	const op = "pull"
	if !s.spec.Pull {
		return errorf(KindInvalidArgument, op, "the subscription to %s has a prefetch of %d", s.spec.Destination, s.spec.Prefetch)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errorf(KindNotFound, op, "the subscription to %s has ended", s.spec.Destination)
	}
	if !s.pulling.CompareAndSwap(false, true) {
		return errorf(KindInUse, op, "the subscription to %s waits for a message already", s.spec.Destination)
	}
	l := s.links[0]
	deadline := int64(0)
	switch {
	case wait < 0:
		deadline = -1
	case wait > 0:
		deadline = s.conn.r.now() + max(wait.Milliseconds(), 1)
	}
	none := func() {
		s.pulling.Store(false)
		empty()
	}
	l.box.shard.inbox.post(event{kind: evFunc, box: l.box, call: func() {
		if !l.box.shard.pull(l.box, l.consumer, deadline, none) {
			none()
		}
	}})
	return nil
}

// A pulling is a consumer with a prefetch of 0 that waits for one message.
type pulling struct {
	consumer *queue.Consumer
	deadline int64 // milliseconds since 1970; 0: when it is known that nothing is there; negative: none
	empty    func()
}

// pull lets a consumer without a prefetch have one message of its mailbox: it
// gets one delivery, or empty is called on the shard, at the deadline (0: as
// soon as it is known that there is nothing for it; negative: never). It reports
// false, and nothing follows, if the consumer waits for one already. Called by
// the shard.
func (s *shard) pull(box *mailbox, c *queue.Consumer, deadline int64, empty func()) bool {
	if box.machine == nil || !box.machine.Pull(c) {
		return false
	}
	box.pulls = append(box.pulls, pulling{c, deadline, empty})
	s.mark(box)
	return true
}

// pulled looks at who waits for one message after a dispatch.
func (s *shard) pulled(box *mailbox, now int64) {
	box.pulls = slices.DeleteFunc(box.pulls, func(p pulling) bool {
		switch {
		case p.consumer.Credit == 0:
			return true // it has it, or is gone
		case p.deadline == 0 && box.machine.Dry(p.consumer), p.deadline > 0 && now >= p.deadline:
			if box.machine.Unpull(p.consumer) {
				p.empty()
			}
			return true
		}
		return false
	})
}

// nextPull gives the first deadline of those who wait, 0 if there is none.
func (b *mailbox) nextPull() int64 {
	first := int64(0)
	for _, p := range b.pulls {
		if p.deadline > 0 && (first == 0 || p.deadline < first) {
			first = p.deadline
		}
	}
	return first
}
