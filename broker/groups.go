package broker

import (
	"context"

	"github.com/quorate/quorate/broker/queue"
)

// GroupStats tells about a message group of a queue.
type GroupStats struct {
	Name        string
	Owner       *Subscription // nil: none
	Outstanding int           // with the owner, or acknowledged and not settled
	Waiting     int           // in memory, until the owner takes more or there is another one
}

// Groups gives the message groups of a queue that have a consumer or wait for
// one, in order of name.
func (b *Broker) Groups(ctx context.Context, name string) ([]GroupStats, error) {
	return inspect(ctx, b, "list groups", name, func(m *queue.Machine) []GroupStats {
		var out []GroupStats
		for _, g := range m.Groups() {
			s := GroupStats{Name: g.Name, Outstanding: g.Outstanding, Waiting: g.Waiting}
			if l, ok := g.Owner.(*link); ok {
				s.Owner = l.sub
			}
			out = append(out, s)
		}
		return out
	})
}

// DropGroup takes a message group from its consumer: what comes next of it may
// go to another one, once what is outstanding is settled. The empty name stands
// for all groups. It says how many had a consumer.
func (b *Broker) DropGroup(ctx context.Context, name, group string) (int, error) {
	return inspect(ctx, b, "drop groups", name, func(m *queue.Machine) int {
		if group == "" {
			return m.DropGroups()
		}
		if m.DropGroup(group) {
			return 1
		}
		return 0
	})
}

// inspect gives what fn finds in the machine of a queue, on its shard; the zero
// value if there is none.
func inspect[T any](ctx context.Context, b *Broker, op, name string, fn func(*queue.Machine) T) (T, error) {
	var zero T
	r, box, err := b.existing(op, name)
	if err != nil {
		return zero, err
	}
	found := make(chan T, 1)
	box.shard.inbox.post(event{kind: evFunc, box: box, call: func() {
		if box.machine == nil {
			found <- zero
			return
		}
		found <- fn(box.machine)
	}})
	select {
	case v := <-found:
		return v, nil
	case <-ctx.Done():
		return zero, &Error{Kind: KindUnknown, Op: op, Err: ctx.Err()}
	case <-r.ctx.Done():
		return zero, &Error{Kind: KindNotMaster, Op: op, Detail: "the broker stops"}
	}
}
