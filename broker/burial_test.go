package broker

import (
	"strings"
	"testing"

	"github.com/quorate/quorate/message"
	"github.com/quorate/quorate/store"
)

// A message whose header is as long as one may be becomes a dead letter without
// the text of its cause.
func TestDeadLetterWithALongHeader(t *testing.T) {
	r := newRig(t, nil)
	a := r.connect("")
	m := persistent(queueNamed("q"), "1")
	m.Properties = []message.Property{{Name: "long", Value: ""}}
	m.Properties[0].Value = strings.Repeat("x", store.MaxHeader-len(m.AppendHeader(nil))-64)
	a.send(m, nil)
	r.reject(Spec{Destination: queueNamed("q")}, "")
	got := r.take(queueNamed("ActiveMQ.DLQ"))
	if cause, there := got.Property(propCause); !there || cause != "" || string(got.Body) != "1" {
		t.Fatalf("cause %q (%v), body %q", cause, there, got.Body)
	}
}

// One that cannot be moved at all stays out of the way, and its queue is read on.
func TestDeadLetterThatCannotBeMoved(t *testing.T) {
	r := newRig(t, nil)
	a := r.connect("")
	m := persistent(queueNamed("q"), "1")
	m.Properties = []message.Property{{Name: "long", Value: ""}}
	m.Properties[0].Value = strings.Repeat("x", store.MaxHeader-len(m.AppendHeader(nil))-4)
	a.send(m, nil)
	r.reject(Spec{Destination: queueNamed("q")}, "")
	box := r.queueBox("q")
	r.until("nothing is dying", func() bool { // the dead letter queue is made first
		dying := make(chan int, 1)
		box.shard.inbox.post(event{kind: evFunc, call: func() { dying <- box.dying }})
		return await(t, dying) == 0
	})
	if n := r.depth(queueNamed("q")); n != 1 {
		t.Fatalf("the queue has %d messages, want 1", n)
	}
}

// A dead letter queue that cannot be made is made later.
func TestDeadLetterQueueThatIsMadeLater(t *testing.T) {
	r := newRig(t, nil)
	a := r.connect("")
	a.sends(queueNamed("q"), 1, 2)
	s := a.subscribe(Spec{Destination: queueNamed("q")})
	got := a.expect("1", "2")
	proposed := make(chan struct{})
	r.log.failWith(store.ErrRefused)
	r.log.proposed(func() { close(proposed) })
	s.Reject(got[0], nil)
	await(t, proposed) // the queue
	refused := make(chan error, 1)
	r.st.Propose(new(store.Batch), func(_ store.Result, err error) { refused <- err })
	await(t, refused)
	r.log.failWith(nil)
	s.Reject(got[1], nil)
	b := r.connect("")
	b.subscribe(Spec{Destination: queueNamed("ActiveMQ.DLQ")})
	b.expect("1", "2")
}

// The bound of the number of topics does not hold for one that dead letters go to.
func TestDeadLetterTopicBeyondTheBound(t *testing.T) {
	r := newRig(t, func(c *Config) {
		c.Policies.Default = &Entry{Policy: policyWith(func(p *Policy) {
			p.MaxDestinations = 1
			p.DeadLetter.Kind, p.DeadLetter.TopicForQueues = DeadLetterIndividual, true
		})}
	})
	a := r.connect("")
	a.subscribe(Spec{Destination: topicNamed("only")})
	a.sends(queueNamed("q"), 1, 1)
	r.reject(Spec{Destination: queueNamed("q")}, "")
	r.untilDepth("q", func(n uint64) bool { return n == 0 })
	if n := len(r.st.Queues()); n != 1 {
		t.Fatalf("%d queues, want q alone", n)
	}
}
