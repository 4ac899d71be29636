package broker

import (
	"errors"
	"math"
	"sync"
	"time"

	"github.com/quorate/quorate/broker/schedule"
	"github.com/quorate/quorate/message"
	"github.com/quorate/quorate/store"
)

const (
	jobPage    = 256              // jobs that are read at once
	jobBytes   = 1 << 20          // … and bytes of their headers
	jobsFlying = 1024             // occurrences in the hands of the log
	jobWait    = 30 * time.Second // at most this long nobody looks at the wall clock
)

// scheduler sends messages whose time has come: one goroutine that reads the
// store's jobs in the order of their times, a page at a time, and holds nothing
// of those behind it. It fires a job on condition of the time that it is due
// at, so an occurrence happens once, whoever else tries.
type scheduler struct {
	r    *reign
	c    *Conn // who sends; nobody's connection
	wake chan struct{}

	cursor store.JobPos             // jobs up to here were looked at; of the goroutine
	bad    map[store.JobID]struct{} // jobs that cannot be read, told once; of the goroutine

	mu     sync.Mutex
	back   store.JobPos // the first job that came since the last page was read; zero for none
	until  int64        // it sleeps until then; 0: it does not
	flying map[store.JobPos]struct{}
}

// nobody is the outlet of a connection that has no client.
type nobody struct{}

func (nobody) Deliver(*Delivery) {}
func (nobody) Close(error)       {}

func (s *scheduler) init(r *reign) {
	s.r, s.wake = r, make(chan struct{}, 1)
	s.flying, s.bad = map[store.JobPos]struct{}{}, map[store.JobID]struct{}{}
	s.c = &Conn{r: r, info: ConnInfo{ID: r.name("ID:scheduler-"), Protocol: "scheduler"}, out: nobody{}, since: r.cfg.Now()}
	s.c.ctx, s.c.cancel = r.ctx, func() {}
}

func (s *scheduler) run() {
	for s.r.ctx.Err() == nil && !s.c.ended.Load() {
		if wait := s.sleep(s.round()); wait > 0 {
			t := time.NewTimer(wait)
			select {
			case <-s.r.ctx.Done():
			case <-s.wake:
			case <-t.C:
			}
			t.Stop()
		}
		s.mu.Lock()
		s.until = 0
		s.mu.Unlock()
	}
}

// sleep says how long to sleep until a moment, 0 if something came meanwhile.
func (s *scheduler) sleep(until int64) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.back.Due != 0 && s.back.Due < until {
		return 0
	}
	s.until = until
	wait := jobWait
	if left := until - s.r.now(); left < wait.Milliseconds() {
		wait = time.Duration(max(left, 1)) * time.Millisecond
	}
	return wait
}

// arrived tells of a job that was scheduled or goes on at p. Called on the
// goroutine that applies the log.
func (s *scheduler) arrived(p store.JobPos) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.back.Due == 0 || p.Less(s.back) {
		s.back = p
	}
	if p.Due < s.until {
		s.poke()
	}
}

func (s *scheduler) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// begin notes an occurrence that is about to be logged. It reports false if it is
// noted already.
func (s *scheduler) begin(p store.JobPos) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.flying[p]; there {
		return false
	}
	s.flying[p] = struct{}{}
	return true
}

func (s *scheduler) landed(p store.JobPos) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.flying) >= jobsFlying {
		s.poke()
	}
	delete(s.flying, p)
}

// from gives where the next page begins, and whether there is room for what is
// on it.
func (s *scheduler) from() (store.JobPos, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.flying) >= jobsFlying {
		return s.cursor, false
	}
	if p := s.back; p.Due != 0 && !s.cursor.Less(p) {
		p.ID--
		s.cursor = p
	}
	s.back = store.JobPos{}
	return s.cursor, true
}

// round fires what is due, and says until when there is nothing to do.
func (s *scheduler) round() (until int64) {
	for s.r.ctx.Err() == nil {
		after, ok := s.from()
		if !ok {
			return math.MaxInt64
		}
		page, err := s.r.cfg.Store.Jobs(after, jobPage, jobBytes)
		if err != nil {
			s.r.cfg.Logger.Error("cannot read scheduled messages", "err", err)
			return s.r.now() + loadRetry.Milliseconds()
		}
		if len(page) == 0 {
			return math.MaxInt64
		}
		for i := range page {
			j := &page[i]
			if j.Due > s.r.now() {
				return j.Due
			}
			if !s.fire(j) {
				return s.r.now() + loadRetry.Milliseconds()
			}
			s.cursor = j.JobPos
		}
	}
	return math.MaxInt64
}

// fire sends a job whose time has come. It reports false if it has to be tried
// again.
func (s *scheduler) fire(j *store.Job) bool {
	m, plan, err := readJob(j)
	if err != nil {
		if _, told := s.bad[j.ID]; !told {
			s.bad[j.ID] = struct{}{}
			s.r.cfg.Logger.Error("a scheduled message cannot be read, it stays where it is", "job", jobName(j.ID), "err", err)
		}
		return true
	}
	if !s.begin(j.JobPos) {
		return true
	}
	o := occurrence{s: s, job: j.JobPos}
	again, err := o.make(j, m, plan)
	switch {
	case errors.Is(err, store.ErrNoJob): // removed since the page was read
		again = false
	case err != nil && lost(err) || s.r.ctx.Err() != nil:
		again = true
	case err != nil && again:
		s.r.cfg.Logger.Error("cannot send a scheduled message yet", "job", jobName(j.ID), "destination", m.Destination.String(), "err", err)
	default:
		if err != nil { // as in ActiveMQ, that one is lost
			s.r.cfg.Logger.Warn("cannot send a scheduled message", "job", jobName(j.ID), "destination", m.Destination.String(), "err", err)
		}
		o.propose()
		return true
	}
	s.landed(j.JobPos)
	return !again
}

func readJob(j *store.Job) (*message.Message, *schedule.Plan, error) {
	m, err := message.DecodeHeader(j.Header)
	if err != nil {
		return nil, nil, err
	}
	plan, err := schedule.Decode(j.Spec)
	return m, plan, err
}

// occurrence is one firing of a job.
type occurrence struct {
	s    *scheduler
	job  store.JobPos
	fire store.Fire
	send sending // msg is nil if nothing is delivered
}

// make says what the firing does. again tells that an error may pass.
func (o *occurrence) make(j *store.Job, m *message.Message, plan *schedule.Plan) (again bool, err error) {
	r := o.s.r
	now := r.cfg.Now()
	deliver, next := plan.Step(j.Due, now.UnixMilli(), now.Location())
	o.fire = store.Fire{Job: j.ID, Due: j.Due, Next: next}
	if next != 0 {
		o.fire.Spec = plan.Append(nil)
	}
	if !deliver {
		return false, nil
	}
	m = r.occurrence(m, j, plan, now.UnixMilli())
	if m.Body, err = r.cfg.Store.JobBody(j); err != nil {
		return true, err
	}
	send := sending{msg: m, size: int64(m.Size())}
	if err := r.route(r.ctx, "deliver a scheduled message", &send, o.s.c); err != nil {
		return false, err
	}
	if err := r.admission.acquire(r.ctx, send.size); err != nil {
		return true, err
	}
	if err := o.s.c.keep("deliver a scheduled message", &send); err != nil {
		r.admission.release(send.size)
		return false, err
	}
	o.send = send
	o.fire.Header, o.fire.Targets = m.AppendHeader(nil), send.targets(nil)
	return false, nil
}

// propose logs the firing. What follows from it follows in the log's order.
func (o *occurrence) propose() {
	var b store.Batch
	b.Fire(o.fire)
	o.s.c.propose(&op{name: "deliver a scheduled message", bytes: o.send.size, applied: o.applied, done: o.done}, &b)
}

func (o *occurrence) done(err error) {
	if err == nil {
		return
	}
	o.s.landed(o.job)
	if !lost(err) {
		o.s.r.cfg.Logger.Warn("a scheduled message was not delivered", "job", jobName(o.job.ID), "err", err)
	}
}

func (o *occurrence) applied(_ *op, res store.Result) error {
	out := &res.Ops[0]
	o.s.landed(o.job)
	if out.Code != store.Done { // it was removed or changed meanwhile
		return nil
	}
	if o.fire.Next != 0 {
		o.s.arrived(store.JobPos{Due: o.fire.Next, ID: o.job.ID})
	}
	if o.send.msg == nil {
		return nil
	}
	o.send.size = 0 // the op has it
	o.s.c.stats.enqueued.Add(1)
	if o.send.stored == 0 {
		out = nil
	}
	return o.s.c.publish(&o.send, out)
}
