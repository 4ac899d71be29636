// Package schedule says when a scheduled message is due: a machine without a
// clock. Times are milliseconds since 1970.
//
//	Request ─ New ─▶ Plan ─ First(now) ─▶ due … Step(due, now) ─▶ deliver? next due …
package schedule

import (
	"fmt"
	"time"
)

// A Request is what the properties AMQ_SCHEDULED_* ask for.
type Request struct {
	Delay  int64 // AMQ_SCHEDULED_DELAY: before the first delivery, milliseconds
	Period int64 // AMQ_SCHEDULED_PERIOD: between two deliveries, and before the first if there is no delay
	Repeat int   // AMQ_SCHEDULED_REPEAT: deliveries behind the first; -1 without end
	Cron   string
}

// maxBursts is how many series of deliveries that a cron entry began run at a
// time; while there are so many none begins.
const maxBursts = 64

// A Plan is a Request on its way: which deliveries are still to come. It says
// what happens and is changed by nobody but its methods.
//
// Without a cron entry the message is delivered once, and Repeat times more at
// intervals of Period. With one it is delivered each time that the entry names;
// if there is a Repeat, too, each such time begins a series of its own: delay,
// first delivery, Repeat times more [ActiveMQ, Delay and Schedule Message Delivery].
type Plan struct {
	Request
	left     int     // without cron: repeats that are left
	cronNext int64   // with cron: the next time that the entry names
	bursts   []burst // with cron and repeat: series that have begun, in no order
	cron     *Cron
}

type burst struct {
	next int64
	left int
}

// New checks a request.
func New(r Request) (*Plan, error) {
	p := &Plan{Request: r, left: r.Repeat}
	switch {
	case r.Delay < 0 || r.Delay > maxSpan:
		return nil, fmt.Errorf("a delay of %d ms, it must be 0 to %d", r.Delay, int64(maxSpan))
	case r.Period < 0 || r.Period > maxSpan:
		return nil, fmt.Errorf("a period of %d ms, it must be 0 to %d", r.Period, int64(maxSpan))
	case r.Repeat < -1:
		return nil, fmt.Errorf("a repeat of %d, it must be -1 (without end) or more", r.Repeat)
	case r.Repeat == -1 && r.Period == 0:
		return nil, fmt.Errorf("a repeat without end needs a period")
	}
	if r.Cron == "" {
		return p, nil
	}
	var err error
	p.cron, err = ParseCron(r.Cron)
	return p, err
}

// maxSpan keeps sums of times from overflowing: a thousand years.
const maxSpan = 1000 * 366 * 24 * 3600 * 1000

// First gives when the message is due first; loc is the zone of the cron entry.
func (p *Plan) First(now int64, loc *time.Location) int64 {
	if p.cron == nil {
		return now + p.offset()
	}
	p.cronNext = p.nextCron(now, loc)
	return p.cronNext
}

// offset is how long after its beginning a series has its first delivery.
func (p *Plan) offset() int64 {
	if p.Delay > 0 {
		return p.Delay
	}
	return p.Period
}

func (p *Plan) nextCron(now int64, loc *time.Location) int64 {
	t, ok := p.cron.Next(time.UnixMilli(now).In(loc))
	if !ok { // ParseCron saw one within the horizon
		return now + maxSpan
	}
	return t.UnixMilli()
}

// Step is the moment due, which has come: whether the message is delivered, and
// when the plan goes on, above due; 0 if it has ended. What was missed while
// nobody looked is not made up: the plan goes on from now, as in ActiveMQ.
func (p *Plan) Step(due, now int64, loc *time.Location) (deliver bool, next int64) {
	now = max(now, due)
	switch {
	case p.cron == nil:
		deliver = true
		if p.left == 0 {
			return true, 0
		}
		next, p.left = p.repeat(due, now, p.left)
	case p.Repeat == 0:
		deliver = true
		p.cronNext = p.nextCron(now, loc)
		next = p.cronNext
	default:
		deliver, next = p.series(now, loc)
	}
	return deliver, max(next, due+1)
}

// repeat gives the time of the next delivery of a series, and how many are left
// behind it. A series that is on time keeps its rhythm.
func (p *Plan) repeat(due, now int64, left int) (next int64, rest int) {
	if next = due + p.Period; next <= now {
		next = now + p.Period
	}
	if left > 0 {
		left--
	}
	return next, left
}

// series begins a series where the cron entry says so, and delivers the first
// that is due of those that run.
func (p *Plan) series(now int64, loc *time.Location) (deliver bool, next int64) {
	if p.cronNext <= now {
		if len(p.bursts) < maxBursts {
			p.bursts = append(p.bursts, burst{p.cronNext + p.offset(), p.Repeat})
		}
		p.cronNext = p.nextCron(now, loc)
	}
	if i := p.earliest(); i >= 0 && p.bursts[i].next <= now {
		deliver = true
		if b := &p.bursts[i]; b.left == 0 {
			p.bursts = append(p.bursts[:i], p.bursts[i+1:]...)
		} else {
			b.next, b.left = p.repeat(b.next, now, b.left)
		}
	}
	next = p.cronNext
	if i := p.earliest(); i >= 0 {
		next = min(next, p.bursts[i].next)
	}
	return deliver, next
}

func (p *Plan) earliest() int {
	first := -1
	for i := range p.bursts {
		if first < 0 || p.bursts[i].next < p.bursts[first].next {
			first = i
		}
	}
	return first
}

// Move says that the next delivery, or the next series, is at due instead.
func (p *Plan) Move(due int64) {
	if p.cron != nil {
		p.cronNext = due
		p.bursts = nil
	}
}

// Left gives how many deliveries are left behind the next one, -1 without end.
func (p *Plan) Left() int {
	if p.cron != nil {
		return -1
	}
	return p.left
}
