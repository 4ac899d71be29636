package broker

import (
	"strconv"
	"strings"

	"github.com/quorate/quorate/message"
)

// advisoryType is the JMSType of an advisory.
const advisoryType = "Advisory"

// advisoryKinds are the kinds of a destination in the names of advisory topics.
var advisoryKinds = [...]string{message.Queue: "Queue", message.Topic: "Topic", message.TempQueue: "TempQueue", message.TempTopic: "TempTopic"}

// advisoryTopics say where an event is told: of the destination, its kind and
// its name follow. ActiveMQ takes temporary ones together with the others of
// their kind for some, and apart for others.
var advisoryTopics = [...]struct {
	prefix string
	of     bool // the destination's kind and name follow
	apart  bool // temporary ones have a kind of their own
}{
	ConnectionStarted: {"Connection", false, false}, ConnectionStopped: {"Connection", false, false},
	ConsumerAdded: {"Consumer.", true, false}, ConsumerRemoved: {"Consumer.", true, false},
	ProducerAdded: {"Producer.", true, false}, ProducerRemoved: {"Producer.", true, false},
	MessageExpired: {"Expired.", true, false}, NoConsumers: {"NoConsumer.", true, false},
	MessageDead: {"MessageDLQd.", true, true}, MessageDiscarded: {"MessageDiscarded.", true, true},
	MessageDelivered: {"MessageDelivered.", true, true}, MessageDispatched: {"MessageDispatched.", true, true},
	MessageConsumed: {"MessageConsumed.", true, true}, SlowConsumer: {"SlowConsumer.", true, true},
	ProducerBlocked: {"FastProducer.", true, true}, LimitReached: {"FULL.", true, true},
}

// advisoryTopic gives the topic that an event is told on.
func advisoryTopic(e *Event) message.Destination {
	d := e.Destination
	name := advisoryPrefix
	switch e.Kind {
	case DestinationAdded, DestinationRemoved:
		name += advisoryKinds[d.Kind]
	default:
		t := advisoryTopics[e.Kind]
		name += t.prefix
		if t.of {
			kind := d.Kind
			if !t.apart && kind.IsTemp() {
				kind -= message.TempQueue - message.Queue
			}
			name += advisoryKinds[kind] + "." + strings.ReplaceAll(d.Name, ",", "&sbquo;")
		}
	}
	return message.Destination{Kind: message.Topic, Name: name}
}

// message makes the advisory of an event, with the properties that ActiveMQ
// sets (misspelled as there) and a few that say what its body says in ActiveMQ.
// A protocol that has the body builds it from the Event.
func (a *advisor) message(e *Event, to message.Destination) *message.Message {
	a.sequence++
	kept := *e
	m := &message.Message{
		ID: a.id + strconv.FormatUint(a.sequence, 10), Destination: to, Type: advisoryType,
		Timestamp: a.r.now(), Priority: 4, Attached: &kept,
	}
	if e.Kind == NoConsumers { // it is the message itself
		c := *e.Message
		c.Original, c.Destination, c.Attached = e.Destination, to, &kept
		return &c
	}
	p := properties{}
	p.text("originBrokerId", a.r.cfg.Name)
	p.text("originBrokerName", a.r.cfg.Name)
	p.text("event", e.Kind.String())
	switch e.Kind {
	case ConsumerAdded, ConsumerRemoved:
		p.number("consumerCount", e.Count)
	case ProducerAdded, ProducerRemoved:
		p.number("producerCount", e.Count)
	case LimitReached:
		p.text("usageName", e.Limit)
		p = append(p, message.Property{Name: "usageCount", Value: e.Used})
	case MessageDiscarded:
		p.number("discardedCount", e.Count)
	}
	if !e.Destination.IsZero() {
		p.text("orignalDestination", e.Destination.String())
	}
	p.about(e)
	m.Properties = p
	if e.Message != nil && a.r.policy(e.Destination).Advise.IncludeBody {
		m.Body, m.Format, m.Encoding = e.Message.Body, e.Message.Format, e.Message.Encoding
	}
	return m
}

// properties are those of an advisory.
type properties []message.Property

func (p *properties) text(name, value string) {
	if value != "" {
		*p = append(*p, message.Property{Name: name, Value: value})
	}
}

func (p *properties) number(name string, n int) {
	*p = append(*p, message.Property{Name: name, Value: int32(n)})
}

// about says which message, consumer, producer and connection an event is
// about.
func (p *properties) about(e *Event) {
	if e.Message != nil {
		p.text("orignalMessageId", e.Message.ID)
	}
	c := e.Conn
	if e.Consumer != nil {
		p.text("consumerId", e.Consumer.ID())
		p.text("selector", e.Consumer.spec.Selector)
		p.text("subscriptionName", e.Consumer.spec.DurableName)
		c = e.Consumer.conn
	}
	p.text("producerId", e.Producer)
	if c != nil {
		p.text("connectionId", c.ID())
		p.text("clientId", c.info.ClientID)
		p.text("userName", c.info.User)
		p.text("remoteAddress", c.info.Remote)
		p.text("protocol", c.info.Protocol)
	}
}
