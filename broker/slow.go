package broker

import (
	"fmt"
	"slices"
	"time"
)

// leastCheck bounds how often slow consumers are looked for.
const leastCheck = 100 * time.Millisecond

// An Aborter is an Outlet that can end one subscription and leave the connection
// to its client. The subscription has ended already, and reason says why. With
// another Outlet the connection ends.
type Aborter interface {
	Abort(s *Subscription, reason error)
}

// slowness is what is known of one consumer from earlier looks. A consumer is
// slow if its prefetch is full and messages wait for it, or, where the policy
// says so, if it has not acknowledged anything for too long.
type slowness struct {
	next  time.Time // look
	acks  uint64    // that it had made at the last look
	acked time.Time // when they were fewer, or it had nothing to acknowledge
	since time.Time // it is slow since then; zero: it is not
	count int       // looks in a row
}

// A laggard is a consumer that was slow for too long.
type laggard struct {
	sub    *Subscription
	policy *Policy
	known  *slowness
}

// slowWatch looks for slow consumers. Only its goroutine touches it.
type slowWatch struct {
	r    *reign
	seen map[*Subscription]*slowness
}

func newSlowWatch(r *reign) *slowWatch {
	return &slowWatch{r: r, seen: map[*Subscription]*slowness{}}
}

// period gives the time between two looks, 0 if no policy asks for them.
func (w *slowWatch) period() (period time.Duration) {
	ps := &w.r.cfg.Policies
	add := func(p *Policy) {
		if p.Slow.Abort || p.Advise.SlowConsumers {
			if every := max(p.Slow.CheckPeriod, leastCheck); period == 0 || every < period {
				period = every
			}
		}
	}
	if ps.Default != nil {
		add(&ps.Default.Policy)
	}
	for i := range ps.Entries {
		add(&ps.Entries[i].Policy)
	}
	return period
}

func (w *slowWatch) run() {
	period := w.period()
	if period == 0 {
		return
	}
	t := time.NewTicker(period)
	defer t.Stop()
	for {
		select {
		case <-w.r.ctx.Done():
			return
		case <-t.C:
			w.look()
		}
	}
}

// look looks at all consumers whose policy says that it is time.
func (w *slowWatch) look() {
	now := w.r.cfg.Now()
	alive := map[*Subscription]*slowness{}
	for _, c := range w.r.connections() {
		var slow []laggard
		for _, s := range c.subscriptions() {
			p := s.slowPolicy()
			if p == nil {
				continue
			}
			k := w.seen[s]
			if k == nil {
				k = &slowness{acked: now}
			}
			alive[s] = k
			if now.Before(k.next) {
				continue
			}
			k.next = now.Add(max(p.Slow.CheckPeriod, leastCheck))
			if w.judge(s, p, k, now) {
				slow = append(slow, laggard{s, p, k})
				delete(alive, s)
			}
		}
		w.abort(c, slow, now)
	}
	w.seen = alive
}

// slowPolicy gives the policy of what a subscription takes from, nil if it does
// not ask for a look.
func (s *Subscription) slowPolicy() *Policy {
	if s.browser != nil || s.spec.Pull {
		return nil
	}
	for _, l := range s.takesFrom() {
		if p := l.box.policy; p.Slow.Abort || p.Advise.SlowConsumers {
			return p
		}
	}
	return nil
}

// judge notes whether a consumer is slow, and reports whether it has been for
// too long.
func (w *slowWatch) judge(s *Subscription, p *Policy, k *slowness, now time.Time) bool {
	s.mu.Lock()
	outstanding, acks := len(s.pending)-s.head-s.taken, s.acks
	s.mu.Unlock()
	if idle := outstanding == 0; acks != k.acks || idle && (p.Slow.IgnoreIdle || p.Slow.MaxSinceAck <= 0) {
		k.acks, k.acked = acks, now
	}
	slow := false
	if p.Slow.MaxSinceAck > 0 {
		slow = now.Sub(k.acked) > p.Slow.MaxSinceAck
	} else {
		slow = outstanding >= s.spec.Prefetch && w.waiting(s)
	}
	if !slow {
		if k.count > 0 {
			w.r.cfg.Logger.Info(fmt.Sprintf("sub: %s is no longer slow", s.ID()))
		}
		k.count, k.since = 0, time.Time{}
		return false
	}
	if k.count == 0 {
		k.since = now
		if p.Advise.SlowConsumers {
			w.r.observe(Event{Kind: SlowConsumer, Destination: s.spec.Destination, Conn: s.conn, Consumer: s})
		}
	}
	k.count++
	return p.Slow.Abort &&
		(p.Slow.MaxDuration > 0 && now.Sub(k.since) >= p.Slow.MaxDuration || p.Slow.MaxCount > 0 && k.count >= p.Slow.MaxCount)
}

// waiting reports whether messages wait where a subscription takes from.
func (w *slowWatch) waiting(s *Subscription) bool {
	for _, l := range s.takesFrom() {
		box, some := l.box, make(chan bool, 1)
		box.shard.inbox.post(event{kind: evFunc, call: func() {
			if box.machine == nil {
				some <- false
				return
			}
			st := box.machine.Status()
			some <- st.Ready > 0 || !st.Complete
		}})
		select {
		case yes := <-some:
			if yes {
				return true
			}
		case <-w.r.ctx.Done():
			return false
		}
	}
	return false
}

// abort ends slow subscriptions of one connection, or the connection.
func (w *slowWatch) abort(c *Conn, slow []laggard, now time.Time) {
	if len(slow) == 0 {
		return
	}
	log := w.r.cfg.Logger
	out, ok := c.out.(Aborter)
	if !ok || slices.ContainsFunc(slow, func(l laggard) bool { return l.policy.Slow.AbortConnection }) {
		log.Info(fmt.Sprintf("aborting connection:%s with %d slow consumers", c.ID(), len(slow)), "client", c.info.ClientID, "remote", c.info.Remote)
		c.fail(slow[0].reason(now))
		return
	}
	for _, l := range slow {
		log.Info(fmt.Sprintf("aborting slow consumer: %s for destination:%s", l.sub.ID(), l.sub.spec.Destination))
		disown(c, &c.mu.subs, l.sub)
		l.sub.end(true)
		out.Abort(l.sub, l.reason(now))
	}
}

// reason says why a consumer is aborted.
func (l *laggard) reason(now time.Time) error {
	p := &l.policy.Slow
	what := fmt.Sprintf("its prefetch of %d has been full while messages wait for %v", l.sub.spec.Prefetch, now.Sub(l.known.since))
	if p.MaxSinceAck > 0 {
		what = fmt.Sprintf("it has acknowledged nothing for %v (maxTimeSinceLastAck is %v)", now.Sub(l.known.acked), p.MaxSinceAck)
	}
	return errorf(KindResourceLimit, "consume", "the consumer of %s is slow: %s, seen %d times (maxSlowDuration is %v, maxSlowCount %d)",
		l.sub.spec.Destination, what, l.known.count, p.MaxDuration, p.MaxCount)
}
