package broker

import (
	"slices"

	"github.com/quorate/quorate/broker/queue"
)

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
