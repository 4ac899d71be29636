package broker

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/quorate/quorate/message"
)

// watch subscribes to advisory topics.
func (r *rig) watch(topics ...string) *client {
	r.t.Helper()
	w := r.connect("watcher")
	for _, t := range topics {
		w.subscribe(Spec{Destination: topicNamed("ActiveMQ.Advisory." + t)})
	}
	r.advisorIdle()
	return w
}

// advisorIdle waits until all that was told has been published.
func (r *rig) advisorIdle() {
	r.t.Helper()
	r.quiet()
	r.until("all advisories are published", func() bool { return r.b.current().advisor.waiting.Load() <= 0 })
	r.quiet()
}

// from takes the next delivery from a topic; what comes from others waits.
func (o *client) from(name string) *Delivery {
	o.t.Helper()
	for i, d := range o.others {
		if d.Destination.Name == advisoryPrefix+name {
			o.others = append(o.others[:i:i], o.others[i+1:]...)
			return d
		}
	}
	for {
		d := await(o.t, o.got)
		if d.Destination.Name == advisoryPrefix+name {
			return d
		}
		o.others = append(o.others, d)
	}
}

// advised takes the next advisories: "TOPIC name=value …" with the properties
// that each wanted line names.
func (o *client) advised(want ...string) {
	o.t.Helper()
	for _, line := range want {
		words := strings.Fields(line)
		d := o.from(words[0])
		got := strings.TrimPrefix(d.Destination.Name, "ActiveMQ.Advisory.")
		for _, w := range words[1:] {
			name, _, _ := strings.Cut(w, "=")
			v, _ := d.Message.Property(name)
			got += fmt.Sprintf(" %s=%v", name, v)
		}
		if got != line || d.Message.Type != "Advisory" || d.Message.Persistent {
			o.t.Fatalf("got  %s (%+v)\nwant %s", got, d.Message.Properties, line)
		}
	}
}

// silent holds that no advisory came.
func (o *client) silent(r *rig) {
	o.t.Helper()
	r.advisorIdle()
	o.nothing(r)
	if len(o.others) > 0 {
		o.t.Fatalf("%v came, too", o.others[0].Destination)
	}
}

func TestConsumerAdvisories(t *testing.T) {
	r := newRig(t, nil)
	a := r.connect("a")
	a.subscribe(Spec{Destination: queueNamed("q")})
	w := r.watch("Consumer.Queue.q", "Consumer.Topic.t", "Consumer.Topic.x&sbquo;queue://y")
	w.advised("Consumer.Queue.q event=ConsumerAdded consumerCount=1 clientId=a")
	s := a.subscribe(Spec{Destination: queueNamed("q"), Selector: "a = 1"})
	w.advised("Consumer.Queue.q event=ConsumerAdded consumerCount=2 originBrokerName=b consumerId=" + s.ID() + " connectionId=" + a.c.ID() + " orignalDestination=queue://q")
	if err := wait(t, s.Close); err != nil {
		t.Fatal(err)
	}
	w.advised("Consumer.Queue.q event=ConsumerRemoved consumerCount=1 consumerId=" + s.ID())
	r.connect("c").subscribe(Spec{Destination: topicNamed("x")})
	a.subscribe(Spec{Destination: topicNamed("x,queue://y")})
	w.advised("Consumer.Topic.x&sbquo;queue://y consumerCount=3")
	b := r.connect("b")
	b.subscribe(Spec{Destination: topicNamed("t"), DurableName: "s"})
	w.advised("Consumer.Topic.t consumerCount=1 subscriptionName=s")
	a.c.Close()
	w.advised("Consumer.Topic.x&sbquo;queue://y event=ConsumerRemoved consumerCount=1")
}

// Nothing is made or sent for topics that nobody listens to, and there are no
// advisories about advisories.
func TestAdvisoriesOnDemand(t *testing.T) {
	r := newRig(t, nil)
	w := r.watch("Consumer.Queue.q")
	a := r.connect("a")
	a.subscribe(Spec{Destination: queueNamed("other")})
	a.subscribe(Spec{Destination: topicNamed("ActiveMQ.Advisory.Queue")})
	a.subscribe(Spec{Destination: queueNamed("q")})
	w.advised("Consumer.Queue.q consumerCount=1")
	w.silent(r)
	for _, d := range r.b.Destinations() {
		if n := d.Destination.Name; strings.HasPrefix(n, advisoryPrefix) && n != advisoryPrefix+"Queue" && n != advisoryPrefix+"Consumer.Queue.q" {
			t.Fatalf("%s was made", n)
		}
	}
}

func TestNoAdvisories(t *testing.T) {
	r := newRig(t, func(c *Config) { c.NoAdvisories = true })
	w := r.watch(">")
	r.connect("a").subscribe(Spec{Destination: queueNamed("q")})
	w.silent(r)
}

// Producers of a protocol that does not name them are known by what they send.
func TestProducerAdvisories(t *testing.T) {
	r := newRig(t, nil)
	w := r.watch("Producer.Queue.q", "Producer.Topic.t")
	a, b := r.connect("a"), r.connect("b")
	a.sends(queueNamed("q"), 1, 3)
	w.advised("Producer.Queue.q event=ProducerAdded producerCount=1 clientId=a producerId=" + a.c.ID() + ":1:1")
	b.sends(queueNamed("q"), 1, 1)
	w.advised("Producer.Queue.q producerCount=2 clientId=b")
	a.sends(topicNamed("t"), 1, 1)
	a.sends(queueNamed("q"), 4, 4)
	w.advised("Producer.Topic.t producerCount=1")
	b.c.Close()
	w.advised("Producer.Queue.q event=ProducerRemoved producerCount=1 clientId=b")
	c := r.connect("c")
	c.c.AddProducer("P", queueNamed("q"))
	w.advised("Producer.Queue.q producerCount=2 producerId=P clientId=c")
	c.sends(queueNamed("q"), 5, 5)
	c.c.RemoveProducer("P")
	c.c.RemoveProducer("P")
	w.advised("Producer.Queue.q event=ProducerRemoved producerCount=1 producerId=P")
	w.silent(r)
	for i := range maxProducers + 10 {
		a.c.sendsTo(queueNamed(fmt.Sprint(i)))
	}
	if n := len(a.c.producers()); n != maxProducers {
		t.Fatalf("%d producers are kept, want %d", n, maxProducers)
	}
}

// Clients learn from what they are told when they come which temporary
// destinations there are.
func TestAdvisoriesOfConnectionsAndDestinations(t *testing.T) {
	r := newRig(t, nil)
	a := r.connect("a")
	temp, err := a.c.TempDestination(message.TempQueue, "T1")
	if err != nil {
		t.Fatal(err)
	}
	w := r.watch("TempQueue", "TempTopic")
	w.advised("TempQueue event=DestinationAdded orignalDestination=temp-queue://T1 connectionId=" + a.c.ID())
	if _, err := a.c.TempDestination(message.TempTopic, "T2"); err != nil {
		t.Fatal(err)
	}
	w.advised("TempTopic event=DestinationAdded orignalDestination=temp-topic://T2")
	if err := a.c.DeleteTemp(temp); err != nil {
		t.Fatal(err)
	}
	w.advised("TempQueue event=DestinationRemoved orignalDestination=temp-queue://T1")
	w.c.Close()
	r.quiet()
	w = r.watch("Connection", "Queue", "Topic")
	w.advised("Connection event=ConnectionStarted clientId=a", "Connection event=ConnectionStarted clientId=watcher")
	b := r.connect("b")
	b.sends(queueNamed("q"), 1, 1)
	b.sends(topicNamed("t"), 1, 1)
	b.c.Close()
	w.advised("Connection event=ConnectionStarted clientId=b remoteAddress=r", "Queue event=DestinationAdded orignalDestination=queue://q",
		"Topic event=DestinationAdded orignalDestination=topic://t", "Connection event=ConnectionStopped clientId=b")
	if err := r.b.Delete(t.Context(), "q"); err != nil {
		t.Fatal(err)
	}
	w.advised("Queue event=DestinationRemoved orignalDestination=queue://q")
}

func TestAdvisoriesOfMessages(t *testing.T) {
	now := time.UnixMilli(1_000_000)
	r := newRig(t, func(c *Config) {
		c.Now = func() time.Time { return now }
		c.Policies.Default = &Entry{Policy: policyWith(func(p *Policy) {
			p.Advise = Advise{Delivery: true, Dispatched: true, Consumed: true, IfNoConsumers: true, IncludeBody: true}
		})}
	})
	a := r.connect("a")
	w := r.watch("Expired.Queue.q", "MessageDLQd.Queue.q", "MessageDelivered.Queue.q", "MessageDispatched.Queue.q", "MessageConsumed.Queue.q", "MessageDelivered.Topic.t")
	m := persistent(queueNamed("q"), "1")
	m.Expiration = 999_999
	a.send(m, nil)
	w.advised("MessageDelivered.Queue.q orignalMessageId=ID:1 orignalDestination=queue://q")
	a.sends(queueNamed("q"), 2, 3)
	w.advised("MessageDelivered.Queue.q orignalMessageId=ID:2", "MessageDelivered.Queue.q orignalMessageId=ID:3")
	s := a.subscribe(Spec{Destination: queueNamed("q"), Prefetch: 1})
	d := a.expect("2")[0]
	w.advised("Expired.Queue.q event=MessageExpired orignalMessageId=ID:1", "MessageDispatched.Queue.q orignalMessageId=ID:2 consumerId="+s.ID())
	ack(t, d, false)
	w.advised("MessageConsumed.Queue.q orignalMessageId=ID:2", "MessageDispatched.Queue.q orignalMessageId=ID:3")
	s.Reject(a.expect("3")[0], nil)
	got := w.from("MessageDLQd.Queue.q")
	if got.Destination.Name != "ActiveMQ.Advisory.MessageDLQd.Queue.q" || string(got.Message.Body) != "3" {
		t.Fatalf("got %v %q", got.Destination, got.Message.Body)
	}
	if e, ok := got.Message.Attached.(*Event); !ok || e.Kind != MessageDead || e.Message.ID != "ID:3" {
		t.Fatalf("attached %+v", got.Message.Attached)
	}
	a.send(persistent(topicNamed("t"), "4"), nil)
	w.advised("MessageDelivered.Topic.t orignalMessageId=ID:4")
}

func TestNoConsumerAdvisories(t *testing.T) {
	r := newRig(t, func(c *Config) {
		c.Policies.Default = &Entry{Policy: policyWith(func(p *Policy) { p.Advise.IfNoConsumers = true })}
	})
	w := r.watch("NoConsumer.Topic.t")
	a := r.connect("a")
	a.send(persistent(topicNamed("t"), "1"), nil)
	a.send(volatileMessage(topicNamed("t"), "2"), nil)
	d := await(t, w.got)
	if d.Destination.Name != "ActiveMQ.Advisory.NoConsumer.Topic.t" || string(d.Message.Body) != "2" || d.Message.Original != topicNamed("t") {
		t.Fatalf("got %v %q from %v", d.Destination, d.Message.Body, d.Message.Original)
	}
	a.subscribe(Spec{Destination: topicNamed("t")})
	r.quiet()
	a.send(volatileMessage(topicNamed("t"), "3"), nil)
	w.silent(r)
}

func TestAdvisoriesOfLimits(t *testing.T) {
	r := newRig(t, func(c *Config) {
		c.Policies.Default = &Entry{Policy: policyWith(func(p *Policy) {
			p.QueueMessages, p.ProducerFlowControl, p.Advise.FastProducers, p.Advise.WhenFull = 1, false, true, true
		})}
	})
	w := r.watch("FULL.Queue.q", "FastProducer.Queue.q")
	a := r.connect("a")
	a.sends(queueNamed("q"), 1, 1)
	wantKind(t, a.trySend(persistent(queueNamed("q"), "2"), nil), KindResourceLimit)
	w.advised("FastProducer.Queue.q clientId=a producerId="+a.c.ID()+":1:1", "FULL.Queue.q usageName=maxQueueMessages usageCount=1")
}

// Who watches all advisories with a wildcard does not leave a topic for each
// destination that ever was.
func TestWatchingAdvisoriesLeavesNoTopics(t *testing.T) {
	r := newRig(t, nil)
	w := r.watch(">")
	before := len(r.b.current().directory.allTopics())
	a := r.connect("")
	for range 50 {
		d, err := a.c.TempDestination(message.TempQueue, "")
		if err != nil {
			t.Fatal(err)
		}
		a.subscribe(Spec{Destination: d})
		w.from("Consumer.Queue." + d.Name)
		if err := a.c.DeleteTemp(d); err != nil {
			t.Fatal(err)
		}
	}
	r.advisorIdle()
	if n := len(r.b.current().directory.allTopics()); n != before {
		t.Fatalf("%d topics, there were %d", n, before)
	}
}
