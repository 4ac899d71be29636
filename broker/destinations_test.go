package broker

import (
	"strings"
	"testing"

	"github.com/quorate/quorate/message"
)

func TestDestinationsAtStart(t *testing.T) {
	var log logged
	r := newRig(t, func(c *Config) {
		c.Logger = log.logger()
		c.Destinations = []message.Destination{queueNamed("a"), topicNamed("b"), queueNamed(""), {Kind: message.TempQueue, Name: "c"}}
	})
	r.until("they are made", func() bool { return r.names() == "[queue://a topic://b]" })
	r.until("the others are told of", func() bool { return log.count("cannot make a configured destination") == 2 })
}

func TestMaxDestinations(t *testing.T) {
	r := newRig(t, func(c *Config) {
		c.Policies.Default = &Entry{Policy: policyWith(func(p *Policy) { p.MaxDestinations = 1 })}
		c.Policies.Entries = []Entry{{Pattern: "few.>", Policy: policyWith(func(p *Policy) { p.MaxDestinations = 2 })}}
	})
	a := r.connect("")
	for _, name := range []string{"few.1", "few.2", "few.1"} {
		a.sends(queueNamed(name), 1, 1)
		a.sends(topicNamed(name), 1, 1)
	}
	err := a.trySend(persistent(queueNamed("few.3"), "1"), nil)
	wantKind(t, err, KindResourceLimit)
	if !strings.Contains(err.Error(), `queue://few.3 would be one too many: maxDestinations of the policy for "few.>" is 2, and there are 2`) {
		t.Fatal(err)
	}
	wantKind(t, a.trySend(persistent(topicNamed("few.3"), "1"), nil), KindResourceLimit)
	_, err = a.c.Subscribe(Spec{Destination: topicNamed("few.3")})
	wantKind(t, err, KindResourceLimit)
	_, err = a.c.Subscribe(Spec{Destination: queueNamed("few.3")})
	wantKind(t, err, KindResourceLimit)
	if err := r.b.Delete(t.Context(), "few.2"); err != nil {
		t.Fatal(err)
	}
	a.sends(queueNamed("few.3"), 1, 1)
	// Dead letters find their queue all the same.
	r.reject(Spec{Destination: queueNamed("few.1")}, "")
	r.take(queueNamed("ActiveMQ.DLQ"))
}
