package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/quorate/quorate/broker"
	"github.com/quorate/quorate/console"
	"github.com/quorate/quorate/store"
)

// master gives the broker, if this node is the master.
func (n *Node) master() (*broker.Broker, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.mu.broker == nil {
		return nil, console.ErrNotMaster
	}
	return n.mu.broker, nil
}

// Destinations gives all destinations with what is pending.
func (n *Node) Destinations() ([]console.Destination, error) {
	b, err := n.master()
	if err != nil {
		return nil, err
	}
	stats := b.Destinations()
	out := make([]console.Destination, len(stats))
	for i, s := range stats {
		out[i] = console.Destination{
			Name: s.Destination.String(), Pending: s.Pending, Bytes: s.Bytes, Paused: s.Paused,
			Consumers: s.Consumers, Producers: s.Producers,
			Enqueued: s.Enqueued, Dispatched: s.Dispatched, Dequeued: s.Dequeued, Expired: s.Expired, Dead: s.Dead,
		}
		if d := s.Durable; d != nil {
			out[i].Subscription, out[i].Client = d.Name, d.Client
		}
	}
	return out, nil
}

// Groups gives the message groups of a queue.
func (n *Node) Groups(ctx context.Context, queue string) ([]console.Group, error) {
	b, err := n.master()
	if err != nil {
		return nil, err
	}
	groups, err := b.Groups(ctx, queue)
	if err != nil {
		return nil, err
	}
	out := make([]console.Group, len(groups))
	for i, g := range groups {
		out[i] = console.Group{Name: g.Name, Outstanding: g.Outstanding, Waiting: g.Waiting}
		if g.Owner != nil {
			out[i].Consumer = g.Owner.Conn().Info().Remote
		}
	}
	return out, nil
}

// Jobs gives the next messages that wait for their time.
func (n *Node) Jobs(after console.JobPlace, most int) ([]console.Job, error) {
	b, err := n.master()
	if err != nil {
		return nil, err
	}
	jobs, err := b.Jobs(store.JobPos{Due: after.Due, ID: store.JobID(after.ID)}, most)
	if err != nil {
		return nil, err
	}
	out := make([]console.Job, len(jobs))
	for i, j := range jobs {
		out[i] = console.Job{
			JobPlace: console.JobPlace{Due: j.At.Due, ID: uint64(j.At.ID)}, Name: j.ID, At: time.UnixMilli(j.At.Due),
			Destination: j.Message.Destination.String(), Bytes: j.BodySize, Cron: j.Asked.Cron, Left: j.Left,
		}
		if j.Asked.Period > 0 {
			out[i].Period = (time.Duration(j.Asked.Period) * time.Millisecond).String()
		}
	}
	return out, nil
}

// Operate does what an operator asks for.
func (n *Node) Operate(ctx context.Context, o console.Operation) (string, error) {
	b, err := n.master()
	if err != nil {
		return "", err
	}
	switch o.Do {
	case "purge":
		return "purged " + o.Queue, b.Purge(ctx, o.Queue)
	case "delete":
		return "deleted " + o.Queue, b.Delete(ctx, o.Queue)
	case "pause":
		return "paused " + o.Queue, b.Pause(ctx, o.Queue)
	case "resume":
		return "resumed " + o.Queue, b.Resume(ctx, o.Queue)
	case "retry":
		moved, err := b.Retry(ctx, o.Queue)
		return fmt.Sprintf("sent %d messages of %s back where they died", moved, o.Queue), err
	case "drop-group":
		dropped, err := b.DropGroup(ctx, o.Queue, o.Group)
		return fmt.Sprintf("took %d groups of %s from their consumers", dropped, o.Queue), err
	case "remove-job":
		return "removed " + o.Job, b.RemoveJob(ctx, o.Job)
	case "move-job":
		if o.At.IsZero() {
			return "", errors.New("move-job: no time is given")
		}
		return "moved " + o.Job + " to " + o.At.Format(time.RFC3339), b.Reschedule(ctx, o.Job, o.At)
	}
	return "", fmt.Errorf("%q is no operation: want purge, delete, pause, resume, retry, drop-group, remove-job or move-job", o.Do)
}
