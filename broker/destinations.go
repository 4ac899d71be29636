package broker

import (
	"github.com/quorate/quorate/message"
)

// makeDestinations makes those that are to be there from the start.
func (r *reign) makeDestinations() {
	const op = "create destination"
	for _, d := range r.cfg.Destinations {
		err := checkName(op, d)
		switch {
		case err != nil:
		case d.Kind == message.Topic:
			_, err = r.topic(op, d)
		case d.Kind == message.Queue:
			_, err = r.queue(r.ctx, op, d)
		default:
			err = errorf(KindInvalidDestination, op, "%s: a temporary destination begins with its connection", d)
		}
		if r.ctx.Err() != nil {
			return
		}
		if err != nil {
			r.cfg.Logger.Error("cannot make a configured destination", "destination", d.String(), "err", err)
		}
	}
}

// graveOp is what makes a dead letter queue: no limit keeps it from being made.
const graveOp = "create dead letter queue"

// mayAdd refuses a destination that is one too many for its policy. The
// directory's lock is held.
func (r *reign) mayAdd(op string, d message.Destination) error {
	e := r.cfg.Policies.entry(d)
	if e == nil || e.Policy.MaxDestinations <= 0 || op == graveOp || isAdvisory(d) {
		return nil
	}
	dir := &r.directory
	n := 0
	if d.Kind.IsTopic() {
		for name := range dir.topics {
			if o := (message.Destination{Kind: message.Topic, Name: name}); e.matches(o) && !isAdvisory(o) {
				n++
			}
		}
	} else {
		for name := range dir.queues {
			if e.matches(message.Destination{Kind: message.Queue, Name: name}) {
				n++
			}
		}
	}
	if n < e.Policy.MaxDestinations {
		return nil
	}
	return errorf(KindResourceLimit, op, "%s would be one too many: maxDestinations of the policy for %q is %d, and there are %d",
		d, e.pattern(), e.Policy.MaxDestinations, n)
}

// pattern gives what an entry is for; the default one is for everything.
func (e *Entry) pattern() string {
	if e.Pattern == "" {
		return ">"
	}
	return e.Pattern
}

func (e *Entry) matches(d message.Destination) bool {
	return (e.Kind == 0 || e.Kind == d.Kind) && Match(e.pattern(), d.Name)
}
