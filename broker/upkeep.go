package broker

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

// scan looks for what has expired, and lets go of idle machines.
func (s *shard) scan() {
	now := s.r.now()
	for box := range s.boxes {
		box.machine.Expire(now)
		s.perform(box)
		s.account(box)
		if box.machine.Idle() && !box.dirty && len(box.browsers) == 0 {
			box.machine = nil
			delete(s.boxes, box)
		}
	}
	s.flush()
}

// forget drops a mailbox that has ended, with all that it holds.
func (s *shard) forget(box *mailbox) {
	box.deleted.Store(true)
	box.gate.open()
	s.clearSpill(box)
	if box.machine == nil {
		return
	}
	s.r.usage.memory.Add(int64(-box.bytes))
	s.bytes -= box.bytes
	box.bytes = 0
	box.machine = nil
	delete(s.boxes, box)
}
