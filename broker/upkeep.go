package broker

import "slices"

// account keeps the sum of bytes in memory.
func (s *shard) account(box *mailbox) {
	n := box.machine.Bytes()
	s.r.usage.memory.Add(int64(n - box.bytes))
	s.bytes += n - box.bytes
	box.bytes = n
}

// relieve makes all windows small while the shard holds more than its part of
// the memory limit: what is in the store leaves memory, and what is not spills.
func (s *shard) relieve() {
	budget := int(s.r.cfg.Limits.Memory) / len(s.r.shards)
	switch {
	case !s.tight && s.bytes > budget:
		s.tight = true
	case s.tight && s.bytes < budget/2:
		s.tight = false
	default:
		return
	}
	for box := range s.boxes {
		box.squeezed = s.tight
		box.machine.SetLimits(box.limits())
		s.account(box)
	}
}

// wakeAtOnce bounds how many sleeping mailboxes are looked at in one scan.
const wakeAtOnce = 1000

// sleepers notes the mailboxes that have messages from before this reign: what
// has expired among them is to be found though nobody consumes.
func (s *shard) sleepers() {
	d := &s.r.directory
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, box := range d.queues {
		s.asleep = append(s.asleep, box)
	}
	for _, box := range d.subs {
		s.asleep = append(s.asleep, box)
	}
	s.asleep = slices.DeleteFunc(s.asleep, func(box *mailbox) bool {
		return box.shard != s || box.tail == 0 || box.policy.ExpirePeriod <= 0
	})
}

// scan lets go of idle machines, and wakes some of the sleepers.
func (s *shard) scan() {
	for box := range s.boxes {
		if box.machine.Idle() && !box.dirty && len(box.browsers) == 0 && len(box.pulls) == 0 {
			box.machine = nil
			delete(s.boxes, box)
			s.alarms.at(box, 0)
		}
	}
	n := min(len(s.asleep), wakeAtOnce)
	for _, box := range s.asleep[:n] {
		if box.machine == nil && !box.deleted.Load() {
			if info, ok := s.r.cfg.Store.Queue(box.id); ok && info.Depth > 0 {
				box.open()
				s.mark(box)
			}
		}
	}
	if s.asleep = s.asleep[n:]; len(s.asleep) == 0 {
		s.asleep = nil
	}
}

// expire looks for what has expired in a mailbox, once in its policy's period.
func (s *shard) expire(box *mailbox, now int64) {
	period := box.policy.ExpirePeriod.Milliseconds()
	if period <= 0 {
		return
	}
	if box.expiry == 0 {
		box.expiry = now + period
	}
	if now >= box.expiry {
		box.expiry = now + period
		box.machine.Expire(now)
	}
}

// excess gives by how many messages and bytes a queue that drops its oldest is
// above its limits.
func (b *mailbox) excess() (n, bytes int) {
	p := b.policy
	if p.Overflow != OverflowDropOldest || p.QueueMessages <= 0 && p.QueueBytes <= 0 || b.topic() {
		return 0, 0
	}
	depth, size := max(b.stats.volatile.Load(), 0), int64(0)
	if b.id != 0 {
		if info, ok := b.shard.r.cfg.Store.Queue(b.id); ok {
			depth += int64(info.Depth)
			size = int64(info.Bytes)
		}
	}
	if p.QueueMessages > 0 {
		n = int(max(depth-p.QueueMessages, 0))
	}
	if p.QueueBytes > 0 {
		bytes = int(max(size-p.QueueBytes, 0))
	}
	return n, bytes
}

// forget drops a mailbox that has ended, with all that it holds.
func (s *shard) forget(box *mailbox) {
	box.deleted.Store(true)
	box.gate.open()
	s.clearSpill(box)
	s.alarms.at(box, 0)
	box.pulls = nil
	if box.machine == nil {
		return
	}
	s.r.usage.memory.Add(int64(-box.bytes))
	s.bytes -= box.bytes
	box.bytes = 0
	box.machine.Close()
	box.machine = nil
	delete(s.boxes, box)
}
