package broker

import "github.com/quorate/quorate/message"

// stamps reports whether stamp may change a message.
func (cfg *Config) stamps() bool { return cfg.Stamp.On || cfg.Force != AsSent }

// stamp gives m as the broker takes it: its times corrected as ActiveMQ's
// timeStampingBrokerPlugin does, its persistence as the broker forces it. m
// itself does not change. A message without a time was sent so on purpose and
// keeps it so, and a dead letter keeps its times.
func (r *reign) stamp(m *message.Message) *message.Message {
	c := *m
	switch r.cfg.Force {
	case AlwaysPersistent:
		c.Persistent = true
	case NeverPersistent:
		c.Persistent = false
	}
	if s := &r.cfg.Stamp; s.On && m.Timestamp > 0 && !isDeadLetter(m) {
		s.times(&c, r.now())
	}
	return &c
}

// times sets the time of sending to now, and moves the expiration with it.
func (s *Stamp) times(m *message.Message, now int64) {
	life := s.ZeroTTL.Milliseconds()
	if m.Expiration > 0 {
		life = m.Expiration - m.Timestamp
	}
	if longest := s.MaxTTL.Milliseconds(); longest > 0 && life > longest {
		life = longest
	}
	expires := now + life
	if s.FutureOnly && expires <= m.Expiration {
		return
	}
	if life > 0 {
		m.Expiration = expires
	}
	m.Timestamp = now
}
