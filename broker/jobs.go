package broker

import (
	"context"
	"errors"
	"time"

	"github.com/quorate/quorate/broker/schedule"
	"github.com/quorate/quorate/message"
	"github.com/quorate/quorate/store"
)

// A Job is a message that waits for its time.
type Job struct {
	At       store.JobPos // its place: due time and number
	ID       string       // its scheduledJobId
	Message  *message.Message
	BodySize int              // of the message, whose Body is not read
	Asked    schedule.Request // what its properties asked for
	Left     int              // deliveries behind the next one, -1 without end
}

// Jobs gives the next n jobs behind after in the order of their times. The zero
// place is before the first; the last one's At goes on.
func (b *Broker) Jobs(after store.JobPos, n int) ([]Job, error) {
	r := b.current()
	if r == nil {
		return nil, &Error{Kind: KindNotMaster, Op: "list jobs", Detail: "the broker does not serve"}
	}
	page, err := r.cfg.Store.Jobs(after, n, jobBytes)
	if err != nil {
		return nil, &Error{Kind: KindInternal, Op: "list jobs", Err: err}
	}
	all := make([]Job, len(page))
	for i := range page {
		if all[i], err = describeJob(&page[i]); err != nil {
			return nil, &Error{Kind: KindInternal, Op: "list jobs", Detail: jobName(page[i].ID), Err: err}
		}
	}
	return all, nil
}

func describeJob(j *store.Job) (Job, error) {
	m, plan, err := readJob(j)
	if err != nil {
		return Job{}, err
	}
	return Job{At: j.JobPos, ID: jobName(j.ID), Message: m, BodySize: j.BodySize, Asked: plan.Request, Left: plan.Left()}, nil
}

// RemoveJob removes a job by its scheduledJobId.
func (b *Broker) RemoveJob(ctx context.Context, id string) error {
	const op = "remove job"
	r, n, err := b.job(op, id)
	if err != nil {
		return err
	}
	var batch store.Batch
	batch.Unschedule(n)
	return r.jobChange(ctx, op, id, &batch, func() {})
}

// Reschedule says that the next delivery of a job is at due instead; one whose
// cron entry begins series has its next series begin then. What follows goes by
// its plan.
func (b *Broker) Reschedule(ctx context.Context, id string, due time.Time) error {
	const op = "reschedule job"
	at := due.UnixMilli()
	if at <= 0 {
		return errorf(KindInvalidArgument, op, "%s is before 1970", due)
	}
	for { // until nothing fires it between the look and the change
		r, n, err := b.job(op, id)
		if err != nil {
			return err
		}
		j, err := r.cfg.Store.Job(n)
		if err != nil {
			return jobError(op, id, err)
		}
		_, plan, err := readJob(&j)
		if err != nil {
			return &Error{Kind: KindInternal, Op: op, Detail: id, Err: err}
		}
		plan.Move(at)
		var batch store.Batch
		batch.Fire(store.Fire{Job: n, Due: j.Due, Next: at, Spec: plan.Append(nil)})
		err = r.jobChange(ctx, op, id, &batch, func() { r.scheduler.arrived(store.JobPos{Due: at, ID: n}) })
		if err == nil || KindOf(err) != KindNotFound {
			return err
		}
	}
}

// jobChange logs a change of one job.
func (r *reign) jobChange(ctx context.Context, op, id string, b *store.Batch, then func()) error {
	out, err := r.logged(ctx, op, b, func(out store.Outcome, err error) {
		if err == nil && out.Code == store.Done {
			then()
		}
	})
	if err == nil && out.Code != store.Done {
		err = jobError(op, id, store.ErrNoJob)
	}
	return err
}

func (b *Broker) job(op, id string) (*reign, store.JobID, error) {
	r := b.current()
	if r == nil {
		return nil, 0, &Error{Kind: KindNotMaster, Op: op, Detail: "the broker does not serve"}
	}
	n, ok := jobNamed(id)
	if !ok {
		return nil, 0, jobError(op, id, store.ErrNoJob)
	}
	return r, n, nil
}

func jobError(op, id string, err error) error {
	if errors.Is(err, store.ErrNoJob) {
		return errorf(KindNotFound, op, "there is no job %q", id)
	}
	return &Error{Kind: KindInternal, Op: op, Detail: id, Err: err}
}
