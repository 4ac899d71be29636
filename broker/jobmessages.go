package broker

import (
	"errors"
	"math"
	"strings"

	"github.com/quorate/quorate/message"
	"github.com/quorate/quorate/store"
)

// A message to the management destination asks for something that concerns
// scheduled messages [ActiveMQ ScheduledMessage].
const (
	jobDestination = "ActiveMQ.Scheduler.Management"

	propAction = "AMQ_SCHEDULER_ACTION"
	propStart  = "ACTION_START_TIME" // with propEnd: jobs that are due from here to there, in milliseconds since 1970
	propEnd    = "ACTION_END_TIME"

	actionBrowse    = "BROWSE"    // a message to JMSReplyTo for each job
	actionRemove    = "REMOVE"    // the job of scheduledJobId
	actionRemoveAll = "REMOVEALL" // all jobs
)

// jobRemovals is how many jobs one batch removes.
const jobRemovals = 500

// managesJobs reports whether messages to d are for the scheduler. As in
// ActiveMQ whatever begins with the name is, in any case and of any kind.
func (r *reign) managesJobs(d message.Destination) bool {
	return !r.cfg.NoScheduler && len(d.Name) >= len(jobDestination) && strings.EqualFold(d.Name[:len(jobDestination)], jobDestination)
}

// manageJobs does what a message to the management destination asks for. It is
// not part of a transaction. What asks for nothing is ignored, as in ActiveMQ.
// done is called when it has happened.
func (c *Conn) manageJobs(m *message.Message, done func(error)) error {
	action, _ := m.Property(propAction)
	from, to, err := span(m)
	if err != nil {
		return err
	}
	switch action {
	case actionBrowse:
		if m.ReplyTo.IsZero() {
			break
		}
		if err = c.caughtUp(); err == nil {
			err = c.browseJobs(from, to, m.ReplyTo)
		}
	case actionRemove:
		id, _ := m.Property(propJob)
		name, _ := id.(string)
		if n, ok := jobNamed(name); ok {
			var b store.Batch
			b.Unschedule(n)
			c.propose(&op{name: "remove job", done: done, applied: ignoring}, &b)
			return nil
		}
	case actionRemoveAll:
		if err = c.caughtUp(); err == nil {
			return c.removeJobs(from, to, done)
		}
	}
	if err == nil {
		c.submit(&op{name: "send", done: done})
	}
	return err
}

// caughtUp waits until the connection's requests so far have had their effect:
// what it has just scheduled is a job.
func (c *Conn) caughtUp() error {
	done := make(chan error, 1)
	c.submit(&op{name: "manage scheduled messages", done: func(err error) { done <- err }})
	select {
	case err := <-done:
		return err
	case <-c.ctx.Done():
		return c.gone(c.ctx.Err())
	}
}

// ignoring is how a removal ends whose job may be gone already.
func ignoring(*op, store.Result) error { return nil }

// span gives the due times that a management message is about: all, unless it
// has both bounds.
func span(m *message.Message) (from, to int64, err error) {
	start, ok := m.Property(propStart)
	end, both := m.Property(propEnd)
	if !ok || !both {
		return 1, math.MaxInt64, nil
	}
	if from, err = whole(start); err == nil {
		to, err = whole(end)
	}
	if err != nil {
		return 0, 0, errorf(KindInvalidArgument, "manage scheduled messages", "properties %s and %s: %v", propStart, propEnd, err)
	}
	return max(from, 1), to, nil
}

// eachJob calls f for the jobs that are due from a time to another, a page at a
// time.
func (r *reign) eachJob(from, to int64, f func(page []store.Job) error) error {
	after := store.JobPos{Due: from - 1, ID: math.MaxUint64 - 1}
	for {
		page, err := r.cfg.Store.Jobs(after, jobRemovals, jobBytes)
		if err != nil {
			return &Error{Kind: KindInternal, Op: "manage scheduled messages", Err: err}
		}
		n := 0
		for n < len(page) && page[n].Due <= to {
			n++
		}
		if n == 0 {
			return nil
		}
		if err := f(page[:n]); err != nil {
			return err
		}
		after = page[n-1].JobPos
	}
}

// removeJobs removes jobs in batches; done is called after the last.
func (c *Conn) removeJobs(from, to int64, done func(error)) error {
	err := c.r.eachJob(from, to, func(page []store.Job) error {
		var b store.Batch
		for i := range page {
			b.Unschedule(page[i].ID)
		}
		c.propose(&op{name: "remove jobs", applied: ignoring}, &b)
		return c.usable("remove jobs")
	})
	if err == nil {
		c.submit(&op{name: "remove jobs", done: done})
	}
	return err
}

// browseJobs sends a message for each job: the scheduled message itself, with
// the properties that asked for it and its id, not persistent.
func (c *Conn) browseJobs(from, to int64, reply message.Destination) error {
	return c.r.eachJob(from, to, func(page []store.Job) error {
		for i := range page {
			m, err := c.r.jobMessage(&page[i], reply)
			if errors.Is(err, store.ErrNoJob) {
				continue
			}
			if err == nil {
				err = c.sendReply(m)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *reign) jobMessage(j *store.Job, reply message.Destination) (*message.Message, error) {
	m, err := message.DecodeHeader(j.Header)
	if err != nil {
		return nil, &Error{Kind: KindInternal, Op: "browse jobs", Detail: jobName(j.ID), Err: err}
	}
	if m.Body, err = r.cfg.Store.JobBody(j); err != nil {
		return nil, err
	}
	m.Original, m.Destination = m.Destination, reply
	m.ID, m.Type, m.Persistent = r.name("ID:"), advisoryType, false
	return m.With(propJob, jobName(j.ID)), nil
}

// sendReply sends a message of the broker in answer to one of the connection's.
func (c *Conn) sendReply(m *message.Message) error {
	s := sending{msg: m, size: int64(m.Size())}
	if err := c.r.route(c.ctx, "browse jobs", &s, c.r.scheduler.c); err != nil {
		return err
	}
	if err := c.gone(c.r.admission.acquire(c.ctx, s.size)); err != nil {
		return err
	}
	o := &op{name: "browse jobs", send: s, lent: s.size}
	o.local = func() { _ = c.r.scheduler.c.publish(&o.send, nil) }
	c.submit(o)
	return nil
}
