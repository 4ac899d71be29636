package broker

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quorate/quorate/message"
)

var routeSeed = flag.Uint64("routeseed", 0, "seed of the random routes; 0 takes one from the clock")

// TestRoutesModel holds random sends to all kinds of destinations, alone and in
// transactions, to a simple model, while queues and durable subscriptions come
// and go and reigns end. Run one again with -routeseed.
func TestRoutesModel(t *testing.T) {
	seed := *routeSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", seed)
	m := &routeModel{
		t: t, rnd: rand.New(rand.NewPCG(seed, 1)),
		queues: map[string][]routed{}, durables: map[string]*modelDurable{},
	}
	m.r = newRig(t, func(c *Config) {
		c.Virtual.Composites = []Composite{
			{Destination: queueNamed("both"), Forward: []Forward{{queueNamed("a"), ""}, {topicNamed("t.1"), ""}}, ForwardOnly: true},
			{Destination: queueNamed("odd"), Forward: []Forward{{queueNamed("b"), "odd"}}, ForwardOnly: true, Unmatched: true},
			{Destination: topicNamed("t.2"), Forward: []Forward{{queueNamed("a"), "odd"}}},
		}
	})
	m.begin()
	for range 300 {
		m.step()
	}
	m.check()
	m.drain()
}

// A routed message is where the model has it.
type routed struct {
	body   string
	stored bool
}

type modelDurable struct {
	topic   string
	pending []routed
}

type modelSend struct {
	to  string
	odd bool
	m   routed
}

type routeModel struct {
	t   *testing.T
	rnd *rand.Rand
	r   *rig
	a   *client // sends
	n   int

	queues   map[string][]routed
	durables map[string]*modelDurable // by client id
	tx       *Tx
	inTx     []modelSend
}

var (
	modelSends = []string{
		"a", "b", "both", "odd", "a,b", "b, a,b", "a,topic://t.1", "topic://t.1", "topic://t.2", "topic://t.2,queue://b",
		"topic://VirtualTopic.x", "topic://VirtualTopic.y.z", "Consumer.A.VirtualTopic.x", "Consumer.B.VirtualTopic.y.z", "odd,both",
	}
	modelTopics = []string{"t.1", "t.2", "t.*", ">", "VirtualTopic.x", "VirtualTopic.>"}
)

// begin connects the sender of a reign.
func (m *routeModel) begin() { m.a, m.tx, m.inTx = m.r.connect("sender"), nil, nil }

func (m *routeModel) step() {
	switch n := m.rnd.IntN(100); {
	case n < 55:
		m.send()
	case n < 65:
		m.endTx()
	case n < 75:
		m.deleteQueue()
	case n < 85:
		m.subscribe()
	case n < 89:
		m.unsubscribe()
	case n < 97:
		m.check()
	default:
		m.failover()
	}
}

func (m *routeModel) send() {
	m.n++
	s := modelSend{to: modelSends[m.rnd.IntN(len(modelSends))], odd: m.n%2 == 1, m: routed{fmt.Sprint(m.n), m.rnd.IntN(3) > 0}}
	d, err := message.ParseDestination(s.to)
	if err != nil || strings.Contains(s.to, ",") {
		if d = queueNamed(s.to); strings.HasPrefix(s.to, "topic:") {
			d.Kind = message.Topic
		}
	}
	msg := persistent(d, s.m.body)
	msg.Persistent = s.m.stored
	msg.Properties = []message.Property{{Name: "odd", Value: s.odd}}
	if m.rnd.IntN(3) > 0 {
		m.a.send(msg, nil)
		m.arrive(s)
		return
	}
	if m.tx == nil {
		if m.tx, err = m.a.c.Begin(); err != nil {
			m.t.Fatal(err)
		}
	}
	m.a.send(msg, m.tx)
	m.inTx = append(m.inTx, s)
	for _, name := range m.targets(s, map[string]bool{}) {
		m.make(name) // it is made when the message is sent to the transaction
	}
}

func (m *routeModel) endTx() {
	if m.tx == nil {
		return
	}
	end := m.tx.Commit
	if m.rnd.IntN(3) == 0 {
		end, m.inTx = m.tx.Rollback, nil
	}
	if err := wait(m.t, end); err != nil {
		m.t.Fatal(err)
	}
	for _, s := range m.inTx {
		m.arrive(s)
	}
	m.tx, m.inTx = nil, nil
}

// make is what naming a queue does.
func (m *routeModel) make(target string) {
	if name, ok := strings.CutPrefix(target, "queue "); ok && m.queues[name] == nil {
		m.queues[name] = []routed{}
	}
}

// arrive puts a message where the model says that it goes.
func (m *routeModel) arrive(s modelSend) {
	for _, target := range m.targets(s, map[string]bool{}) {
		m.make(target)
		kind, name, _ := strings.Cut(target, " ")
		switch {
		case kind == "queue":
			m.queues[name] = append(m.queues[name], s.m)
		case kind == "durable":
			m.durables[name].pending = append(m.durables[name].pending, s.m)
		}
	}
}

// targets gives where a message goes, "queue NAME" or "durable CLIENT", each once.
func (m *routeModel) targets(s modelSend, seen map[string]bool) (all []string) {
	add := func(target string) {
		if !seen[target] {
			seen[target] = true
			all = append(all, target)
		}
	}
	kind := "queue"
	for i, one := range strings.Split(s.to, ",") {
		name, topic := strings.CutPrefix(strings.TrimSpace(one), "topic://")
		name, queue := strings.CutPrefix(name, "queue://")
		if i == 0 && topic {
			kind = "topic"
		}
		topic = topic || kind == "topic" && !queue
		further := func(to string) { all = append(all, m.targets(modelSend{to, s.odd, s.m}, seen)...) }
		switch {
		case name == "both" && !topic:
			further("a")
			further("topic://t.1")
		case name == "odd" && !topic && s.odd:
			further("b")
		case !topic:
			add("queue " + name)
		default:
			if name == "t.2" && s.odd {
				further("a")
			}
			for client, d := range m.durables {
				if Match(d.topic, name) {
					add("durable " + client)
				}
			}
			for q := range m.queues {
				if strings.HasPrefix(q, "Consumer.") && strings.HasSuffix(q, "."+name) {
					add("queue " + q)
				}
			}
		}
	}
	return all
}

func (m *routeModel) deleteQueue() {
	name := []string{"a", "b", "odd", "Consumer.A.VirtualTopic.x", "Consumer.B.VirtualTopic.y.z"}[m.rnd.IntN(5)]
	there := m.there(name)
	if err := m.r.b.Delete(m.t.Context(), name); (err == nil) != there {
		m.t.Fatalf("delete %s: %v, it is there: %v", name, err, there)
	}
	delete(m.queues, name)
}

// there reports whether there is a queue. The model does not know of those that
// were made because a filter leads to them, and let nothing through.
func (m *routeModel) there(name string) bool {
	is := func(s DestinationStats) bool { return s.Destination == queueNamed(name) }
	return m.queues[name] != nil || slices.ContainsFunc(m.r.b.Destinations(), is)
}

func (m *routeModel) subscribe() {
	id := fmt.Sprint("d", m.rnd.IntN(4))
	if m.durables[id] == nil {
		m.durables[id] = &modelDurable{topic: modelTopics[m.rnd.IntN(len(modelTopics))]}
	}
	m.take(id, 2)
}

// take consumes from a durable subscription.
func (m *routeModel) take(id string, most int) {
	d := m.durables[id]
	c := m.r.connect(id)
	m.consume(c, Spec{Destination: topicNamed(d.topic), DurableName: "n"}, &d.pending, most)
}

// consume takes some messages, which must be the first, and goes.
func (m *routeModel) consume(c *client, spec Spec, pending *[]routed, most int) {
	m.t.Helper()
	sub := c.subscribe(spec)
	n := min(most, len(*pending))
	for i := range n {
		d := await(m.t, c.got)
		if want := (*pending)[i].body; bodyOf(d) != want {
			m.t.Fatalf("%v: got %q, want %q of %v", spec, bodyOf(d), want, *pending)
		}
		ack(m.t, d, false)
	}
	*pending = (*pending)[n:]
	if err := wait(m.t, sub.Close); err != nil { // in order: what is left did not fail
		m.t.Fatal(err)
	}
	c.c.Close()
	m.r.quiet()
}

func (m *routeModel) unsubscribe() {
	for id := range m.durables {
		c := m.r.connect(id)
		if err := wait(m.t, func(done func(error)) { c.c.RemoveDurable(id, "n", done) }); err != nil {
			m.t.Fatal(err)
		}
		c.c.Close()
		delete(m.durables, id)
		return
	}
}

// failover ends the reign, and with it what was not stored.
func (m *routeModel) failover() {
	m.r.failover()
	volatile := func(x routed) bool { return !x.stored }
	for name, q := range m.queues {
		m.queues[name] = slices.DeleteFunc(q, volatile)
	}
	for _, d := range m.durables {
		d.pending = slices.DeleteFunc(d.pending, volatile)
	}
	m.begin()
}

// check holds the depths to the model.
func (m *routeModel) check() {
	m.t.Helper()
	m.r.quiet()
	for name, q := range m.queues {
		if n := m.r.depth(queueNamed(name)); n != uint64(len(q)) {
			m.t.Fatalf("%d messages in %s, want %v", n, name, q)
		}
	}
	if n := m.r.b.Usage().InFlight; n != 0 {
		m.t.Fatalf("%d bytes are in flight", n)
	}
}

// drain takes everything, in order.
func (m *routeModel) drain() {
	for name := range m.queues {
		q := m.queues[name]
		m.consume(m.r.connect(""), Spec{Destination: queueNamed(name)}, &q, len(q))
		m.queues[name] = q
	}
	for id := range m.durables {
		m.take(id, len(m.durables[id].pending))
	}
	m.check()
}
