package broker

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/quorate/quorate/broker/schedule"
	"github.com/quorate/quorate/message"
	"github.com/quorate/quorate/store"
)

// Properties of a message that is delivered later, as ActiveMQ names them.
const (
	propScheduled = "AMQ_SCHEDULED_" // what the next four begin with
	propDelay     = "AMQ_SCHEDULED_DELAY"
	propPeriod    = "AMQ_SCHEDULED_PERIOD"
	propRepeat    = "AMQ_SCHEDULED_REPEAT"
	propCron      = "AMQ_SCHEDULED_CRON"
	propJob       = "scheduledJobId" // of a message that was delivered later; one that has it is delivered at once
)

// later is what a sending has besides if its message waits for its time.
type later struct {
	plan *schedule.Plan
	due  int64 // milliseconds since 1970, set when it is logged
}

// direct finds where a message goes, or when.
func (r *reign) direct(ctx context.Context, s *sending, from *Conn) error {
	plan, err := r.plan(s.msg)
	if err != nil {
		return err
	}
	if plan == nil {
		return r.route(ctx, "send", s, from)
	}
	s.later = &later{plan: plan}
	return checkNames("send", s.msg.Destination)
}

// checkNames refuses what a message could not be sent to when its time comes.
func checkNames(op string, d message.Destination) error {
	list, err := d.Split()
	if err != nil {
		return &Error{Kind: KindInvalidDestination, Op: op, Err: err}
	}
	for _, one := range list {
		if err := checkName(op, one); err != nil {
			return err
		}
		if isPattern(one.Name) {
			return errorf(KindInvalidDestination, op, "%s: a message goes to one destination or to several by name, wildcards are for consumers", one)
		}
	}
	return nil
}

// plan gives what the properties of a message ask for, nil for nothing.
func (r *reign) plan(m *message.Message) (*schedule.Plan, error) {
	if r.cfg.NoScheduler || !slices.ContainsFunc(m.Properties, func(p message.Property) bool { return strings.HasPrefix(p.Name, propScheduled) }) {
		return nil, nil
	}
	var q schedule.Request
	asked := false
	for _, p := range m.Properties {
		var n int64
		var err error
		switch p.Name {
		case propJob:
			return nil, nil
		case propDelay: // one that is over already is none
			n, err = whole(p.Value)
			asked, q.Delay = true, max(n, 0)
		case propPeriod:
			q.Period, err = whole(p.Value)
			asked = true
		case propRepeat:
			n, err = whole(p.Value)
			if q.Repeat = int(n); n != int64(int32(n)) {
				err = fmt.Errorf("%d is out of range", n)
			}
		case propCron:
			q.Cron = fmt.Sprint(p.Value)
			asked = true
		}
		if err != nil {
			return nil, errorf(KindInvalidArgument, "send", "property %s: %v", p.Name, err)
		}
	}
	if !asked {
		return nil, nil
	}
	if max := r.cfg.MaxRepeat; max > 0 && q.Repeat > max {
		return nil, errorf(KindInvalidArgument, "send", "property %s: %d, at most maxSchedulerRepeatAllowed, which is %d, is allowed", propRepeat, q.Repeat, max)
	}
	plan, err := schedule.New(q)
	if err != nil {
		return nil, errorf(KindInvalidArgument, "send", "properties %s…: %v", propScheduled, err)
	}
	return plan, nil
}

// whole reads the value of a property as a whole number, as ActiveMQ converts it.
func whole(v any) (int64, error) {
	switch v := v.(type) {
	case int8:
		return int64(v), nil
	case int16:
		return int64(v), nil
	case int32:
		return int64(v), nil
	case int64:
		return v, nil
	case string:
		n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%q is not a whole number", v)
		}
		return n, nil
	}
	return 0, fmt.Errorf("%v (%T) is not a whole number", v, v)
}

// schedule adds the message to a batch as one that waits. Its time counts from
// now: in a transaction, from its commit.
func (s *sending) schedule(r *reign, b *store.Batch) {
	now := r.cfg.Now()
	s.later.due = s.later.plan.First(now.UnixMilli(), now.Location())
	h := headers.Get().(*[]byte)
	*h = s.msg.AppendHeader((*h)[:0])
	b.Schedule(store.Schedule{
		Due: s.later.due, Spec: s.later.plan.Append(nil), Header: *h, Body: s.msg.Body,
		Producer: s.producer.Name, Sequence: s.producer.Sequence, ID: s.producer.ID,
	})
	headers.Put(h)
}

// occurrence gives a scheduled message as it is delivered at now: with its job's
// id and without what asked for it. If it comes more than once each has an id
// of its own. A time to live begins now [ActiveMQ SchedulerBroker].
func (r *reign) occurrence(m *message.Message, j *store.Job, plan *schedule.Plan, now int64) *message.Message {
	c := *m
	c.Properties = make([]message.Property, 0, len(m.Properties)+1)
	for _, p := range m.Properties {
		switch p.Name {
		case propDelay, propPeriod, propRepeat, propCron:
		default:
			c.Properties = append(c.Properties, p)
		}
	}
	c.Properties = append(c.Properties, message.Property{Name: propJob, Value: jobName(j.ID)})
	if plan.Repeat != 0 || plan.Cron != "" {
		c.ID = r.name("ID:")
	}
	if c.Timestamp > 0 && c.Expiration > c.Timestamp && now > c.Timestamp {
		c.Expiration += now - c.Timestamp
		c.Timestamp = now
	}
	return &c
}

// jobPrefix and the number of the job are its scheduledJobId.
const jobPrefix = "ID:job-"

func jobName(id store.JobID) string { return jobPrefix + strconv.FormatUint(uint64(id), 10) }

// jobNamed reads what jobName gives; false for another string, which names no job.
func jobNamed(name string) (store.JobID, bool) {
	text, ok := strings.CutPrefix(name, jobPrefix)
	n, err := strconv.ParseUint(text, 10, 64)
	return store.JobID(n), ok && err == nil
}
