package config

import (
	"math"
	"time"
)

// redeliveryKeys are the attributes of a redeliveryPolicy. The last part of a
// name is that of the policy's value which it replaces.
var redeliveryKeys = []Key{
	onRedelivery("maximumRedeliveries", "number", "6", integer(func(t *target) *int { return &t.redelivery.Max }, -1, math.MaxInt32),
		"How often a message is delivered again before it goes to the dead letters. -1: for ever."),
	onRedelivery("initialRedeliveryDelay", "duration", "1s", redeliveryDuration(func(r *Redelivery) *time.Duration { return &r.Delay }),
		"How long it waits for its first redelivery."),
	onRedelivery("redeliveryDelay", "duration", "1s", redeliveryDuration(func(r *Redelivery) *time.Duration { return &r.Next }),
		"How long it waits for the others, without `useExponentialBackOff`."),
	onRedelivery("useExponentialBackOff", "true or false", "false", boolean(func(t *target) *bool { return &t.redelivery.exponential }),
		"Whether the delay grows, by `backOffMultiplier` from one redelivery to the next."),
	onRedelivery("backOffMultiplier", "factor", "5", factor(func(t *target) *float64 { return &t.redelivery.BackOff }, 0, 1000),
		"The factor. Up to 1: it does not grow."),
	onRedelivery("maximumRedeliveryDelay", "duration", "-1", redeliveryDuration(func(r *Redelivery) *time.Duration { return &r.MaxDelay }),
		"Where it ends to grow. -1: nowhere."),
}

func onRedelivery(name, kind, def string, set setter, doc string) Key {
	return Key{Name: "redelivery." + name, XML: []string{pathRedelivery + "@" + name}, Type: kind, Default: def, Since: first, set: set, Doc: doc}
}

func redeliveryDuration(field func(*Redelivery) *time.Duration) setter {
	return never(duration(func(t *target) *time.Duration { return field(t.redelivery) }, 0, longest))
}
