package stomp

import (
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/quorate/quorate/broker"
	"github.com/quorate/quorate/message"
	"github.com/quorate/quorate/stomp/frame"
)

// An ackMode says what the client does with what it receives
// [STOMP 1.2 SUBSCRIBE ack Header].
type ackMode uint8

const (
	ackAuto       ackMode = iota // nothing: written is acknowledged
	ackClient                    // an ACK is for all before it, too
	ackIndividual                // an ACK is for one message
)

// A subscription is the client's side of a broker's subscription.
type subscription struct {
	id          string // as the client calls it; may be empty in 1.0
	key         string // in session.subs
	number      uint64
	mode        ackMode
	destination message.Destination
	durable     string // its name, if it is durable
	owner       *broker.Subscription
	calls       sync.Mutex  // the broker takes one of Ack, Reject and Close at a time
	unacked     []unacked   // in the order of delivery; guarded by session.mu
	closed      atomic.Bool // nothing of it is written any more
}

// subscribe begins a subscription.
func (s *session) subscribe(f *frame.Frame) error {
	sub, spec, err := s.specify(f)
	if err != nil {
		return err
	}
	s.mu.Lock()
	taken := s.mu.subs[sub.key] != nil
	s.mu.Unlock()
	if taken {
		return wrong(duplicateSubscription, "There already is a subscription %.200q: choose another id or unsubscribe first.", sub.key)
	}
	receipt := f.Value("receipt")
	r := s.expect(f, false)
	owner, err := s.bc.Subscribe(spec)
	if err != nil {
		s.refuse(receipt, err)
		return nil
	}
	s.register(sub, owner)
	s.ready(r)
	return nil
}

// register makes a subscription known, and queues what came before it was.
func (s *session) register(sub *subscription, owner *broker.Subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.subs == nil {
		s.mu.subs = make(map[string]*subscription)
		s.mu.numbers = make(map[uint64]*subscription)
		s.mu.byOwner = make(map[*broker.Subscription]*subscription)
	}
	sub.owner = owner
	s.mu.subs[sub.key], s.mu.numbers[sub.number], s.mu.byOwner[owner] = sub, sub, sub
	for _, d := range s.mu.early {
		if d.Sub == owner {
			s.enqueue(sub, d)
		}
	}
	s.mu.early = nil
}

// specify reads a SUBSCRIBE frame.
func (s *session) specify(f *frame.Frame) (*subscription, broker.Spec, error) {
	var spec broker.Spec
	name, err := need(f, "destination")
	if err != nil {
		return nil, spec, err
	}
	d, options, err := s.destination(name)
	if err != nil {
		return nil, spec, err
	}
	id, hasID := f.Get("id")
	if !hasID && s.version >= frame.V11 {
		return nil, spec, wrong(missingHeader, "A SUBSCRIBE frame of STOMP %v needs the header \"id\".", s.version)
	}
	sub := &subscription{id: id, key: id, destination: d}
	if !hasID {
		sub.key = name
	}
	s.nextSub++
	sub.number = s.nextSub
	if sub.mode, err = mode(f); err != nil {
		return nil, spec, err
	}
	spec.Destination, spec.Selector = d, convertible(f.Value("selector"))
	o := &subscribeOptions{f: f, query: options}
	s.readOptions(o, &spec)
	sub.durable = spec.DurableName
	if o.err != nil {
		return nil, spec, o.err
	}
	return sub, spec, s.allowed(sub, &spec)
}

// readOptions reads activemq.* headers and consumer.* options. Those that the
// broker has no use for (dispatchAsync) are known and change nothing.
func (s *session) readOptions(o *subscribeOptions, spec *broker.Spec) {
	spec.Browser = o.flag("browser")
	spec.Prefetch = o.number("prefetchSize", 0, 1<<20)
	if _, said := o.get("prefetchSize"); said && spec.Prefetch == 0 {
		spec.Prefetch = 1 // nobody can pull over STOMP
	}
	spec.DurableName = o.text("subscriptionName", "subcriptionName", "durable-subscription-name")
	spec.NoLocal = o.flag("noLocal")
	spec.Exclusive = o.flag("exclusive")
	spec.Priority = o.number("priority", -128, 127)
	spec.Retroactive = o.flag("retroactive")
	spec.MaxWaiting = o.number("maximumPendingMessageLimit", 0, 1<<30)
	if s := o.text("selector"); s != "" && spec.Selector == "" {
		spec.Selector = convertible(s)
	}
}

// convertible has a selector compare text with numbers: all properties of STOMP
// are text. ActiveMQ does the same, and understands the opposite, too.
func convertible(selector string) string {
	const convert, not = "convert_string_expressions:", "no_convert_string_expressions:"
	if strings.TrimSpace(selector) == "" || strings.HasPrefix(selector, convert) || strings.HasPrefix(selector, not) {
		return selector
	}
	return convert + selector
}

// allowed refuses what does not go together.
func (s *session) allowed(sub *subscription, spec *broker.Spec) error {
	switch {
	case spec.Browser && sub.id == "":
		return wrong(missingHeader, "A browser needs the header \"id\", which tells its messages apart.")
	case spec.Browser && spec.Destination.Kind.IsTopic():
		return wrong(badHeader, "Only queues can be browsed, %v is a topic.", spec.Destination)
	case spec.DurableName != "" && spec.Destination.Kind != message.Topic:
		return wrong(badHeader, "Only a subscription to a topic can be durable, %v is none.", spec.Destination)
	case spec.DurableName != "" && s.clientID == "":
		return wrong(missingHeader, "A durable subscription needs the header \"client-id\" in CONNECT.")
	}
	return nil
}

func mode(f *frame.Frame) (ackMode, error) {
	switch v := f.Value("ack"); v {
	case "", "auto":
		return ackAuto, nil
	case "client":
		return ackClient, nil
	case "client-individual":
		return ackIndividual, nil
	default:
		return 0, wrong(badHeader, "The header \"ack\" must be auto, client or client-individual, it was %.40q.", v)
	}
}

// subscribeOptions reads an option from the header activemq.NAME or from
// ?consumer.NAME of the destination.
type subscribeOptions struct {
	f     *frame.Frame
	query url.Values
	err   error
}

func (o *subscribeOptions) get(name string) (string, bool) {
	if v, ok := o.f.Get("activemq." + name); ok {
		return v, true
	}
	if name == "browser" || strings.Contains(name, "-") {
		if v, ok := o.f.Get(name); ok {
			return v, true
		}
	}
	if o.query.Has("consumer." + name) {
		return o.query.Get("consumer." + name), true
	}
	return "", false
}

// text gives the first of the names that is there.
func (o *subscribeOptions) text(names ...string) string {
	for _, name := range names {
		if v, ok := o.get(name); ok {
			return v
		}
	}
	return ""
}

func (o *subscribeOptions) flag(name string) bool { return o.text(name) == "true" }

func (o *subscribeOptions) number(name string, lo, hi int) int {
	v, ok := o.get(name)
	if !ok {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSpace(v))
	if (err != nil || n < lo || n > hi) && o.err == nil {
		o.err = wrong(badHeader, "The option %s must be a number from %d to %d, it was %.40q.", name, lo, hi, v)
	}
	return n
}
