package broker

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quorate/quorate/message"
)

func policied(change func(p *Policy)) Policy {
	p := DefaultPolicy()
	change(&p)
	return p
}

// TestPoliciesFor: one entry holds, alone, and the redelivery and what is
// dropped come on top.
func TestPoliciesFor(t *testing.T) {
	prefetch := func(n int) Policy { return policied(func(p *Policy) { p.QueuePrefetch = n }) }
	ps := Policies{
		Default: &Entry{Policy: prefetch(1)},
		Entries: []Entry{
			{Kind: message.Queue, Pattern: ">", Policy: policied(func(p *Policy) { p.QueuePrefetch, p.MaxRedeliveries = 2, 9 })},
			{Kind: message.Queue, Pattern: "a.*", Policy: prefetch(3)},
			{Kind: message.Queue, Pattern: "a.>", Policy: prefetch(4)},
			{Kind: message.Queue, Pattern: "a.b", Policy: prefetch(5)},
			{Kind: message.Queue, Pattern: "a.b", Policy: prefetch(6)},
			{Kind: message.TempQueue, Pattern: ">", Policy: prefetch(7)},
		},
		DefaultRedelivery: &Redelivery{Max: 1, Delay: time.Second, BackOff: 2},
		Redelivery:        []Redelivery{{Kind: message.Queue, Pattern: "a.>", Max: 3, BackOff: 1}},
		Drop:              Drop{TempQueues: true, Only: []*regexp.Regexp{regexp.MustCompile("^(?:a.c)$")}},
	}
	for _, c := range []struct {
		kind     message.Kind
		name     string
		prefetch int
		max      int
		dead     DeadLetterKind
	}{
		{message.Queue, "x", 2, 1, DeadLetterShared},
		{message.Queue, "a.x", 3, 3, DeadLetterShared},
		{message.Queue, "a.x.y", 4, 3, DeadLetterShared},
		{message.Queue, "a.b", 6, 3, DeadLetterShared},
		{message.Queue, "a.c", 3, 3, DeadLetterDiscard},
		{message.TempQueue, "t", 7, 1, DeadLetterDiscard},
		{message.Topic, "a.b", 1, 1, DeadLetterShared},
		{message.TempTopic, "t", 1, 1, DeadLetterShared},
	} {
		p := ps.For(message.Destination{Kind: c.kind, Name: c.name})
		if p.QueuePrefetch != c.prefetch || p.MaxRedeliveries != c.max || p.DeadLetter.Kind != c.dead {
			t.Errorf("%v %s: prefetch %d, redeliveries %d, dead letters %s; want %+v", c.kind, c.name, p.QueuePrefetch, p.MaxRedeliveries, p.DeadLetter.Kind, c)
		}
	}
}

// TestExplainPolicy: a value tells where it was written, also when it is what a
// redelivery put in the place of another.
func TestExplainPolicy(t *testing.T) {
	ps := Policies{
		Entries: []Entry{
			{Kind: message.Queue, Pattern: ">", Policy: DefaultPolicy(), At: "f:1"},
			{Kind: message.Queue, Pattern: "q", At: "f:2", Policy: policied(func(p *Policy) { p.QueuePrefetch, p.MaxRedeliveries = 5, 2 }),
				Said: map[string]string{"queuePrefetch": "f:3", "maximumRedeliveries": "f:4"}},
		},
		Redelivery:   []Redelivery{{Kind: message.Queue, Pattern: "q", Max: 7, MaxDelay: 90 * time.Minute, BackOff: 1, At: "f:5", Said: map[string]string{"maximumRedeliveryDelay": "f:6"}}},
		Drop:         Drop{All: true, Said: "f:7"},
		DropExceeded: "f:8", DropUnmatched: "f:9",
	}
	x := ps.Explain(queueNamed("q"))
	if x.Entry != (Held{"q", "f:2"}) || x.Redelivery != (Held{"q", "f:5"}) || !slices.Equal(x.Others, []Held{{">", "f:1"}}) {
		t.Errorf("got %+v", x)
	}
	want := map[string]string{
		"queuePrefetch":          "5 (1000) f:3",
		"maximumRedeliveries":    "7 (6) ",
		"maximumRedeliveryDelay": "1h30m (0) f:6",
		"deadLetterStrategy":     "discarding (shared) f:7",
		"processFailed":          "false (true) f:8",
		"expireMessagesPeriod":   "30s (30s) ",
	}
	for _, s := range x.Settings {
		if w, ok := want[s.Name]; ok && w != s.Value+" ("+s.Default+") "+s.From {
			t.Errorf("%s: got %+v, want %s", s.Name, s, w)
		}
		delete(want, s.Name)
	}
	if len(want) > 0 {
		t.Errorf("not told: %v", want)
	}
	for _, s := range ps.Explain(message.Destination{Kind: message.Topic, Name: "t"}).Settings {
		if s.Name == "processFailed" && s.From != "f:9" {
			t.Errorf("without a redelivery: %+v", s)
		}
	}
}

// TestWays compares what is told of routing with what was configured.
func TestWays(t *testing.T) {
	topic := func(name string) message.Destination { return message.Destination{Kind: message.Topic, Name: name} }
	v := Virtual{
		Topics: []VirtualTopic{
			{Name: "VirtualTopic.>", Prefix: "Consumer.*."},
			{Name: "aware.*", Prefix: "C.*.", Postfix: ".q", SelectorAware: true, Said: "f:1"},
		},
		Composites: []Composite{
			{Destination: queueNamed("in.>"), ForwardOnly: true, Forward: []Forward{{Destination: queueNamed("out"), Selector: "a = 1"}, {Destination: topic("seen")}}, Said: "f:2"},
			{Destination: topic("t"), ForwardOnly: true, Unmatched: true, Forward: []Forward{{Destination: queueNamed("out")}}, Said: "f:3"},
		},
		Mirror: &Mirror{Prefix: "M.", Said: "f:4"},
	}
	for d, want := range map[message.Destination][]string{
		topic("other"):                       nil,
		{Kind: message.TempQueue, Name: "t"}: nil,
		topic("VirtualTopic.a"):              {"copied to queue://Consumer.*.VirtualTopic.a"},
		topic("aware.x"):                     {"copied to queue://C.*.aware.x.q if a consumer of the queue selects it f:1"},
		queueNamed("Consumer.A.VirtualTopic.a"): {
			"copied to topic://M.Consumer.A.VirtualTopic.a f:4", "gets copies from topic://VirtualTopic.a"},
		queueNamed("C.A.aware.x.q"): {
			"copied to topic://M.C.A.aware.x.q f:4", "gets copies from topic://aware.x if a consumer of the queue selects it f:1"},
		queueNamed("C.A.aware.x.y"): {"copied to topic://M.C.A.aware.x.y f:4"},
		queueNamed("in.1"): {
			"forwarded to queue://out if a = 1 f:2", "forwarded to topic://seen f:2", "keeps nothing f:2"},
		queueNamed("out"): {
			"copied to topic://M.out f:4", "gets what is sent to queue://in.> if a = 1 f:2", "gets what is sent to topic://t f:3"},
		topic("t"):    {"forwarded to queue://out f:3", "keeps what no filter takes f:3"},
		topic("M.in"): {"gets copies from queue://in f:4"},
	} {
		var got []string
		for _, w := range v.Explain(d) {
			text := w.Verb + " " + w.Other
			if w.When != "" {
				text += " if " + w.When
			}
			got = append(got, strings.TrimSpace(text+" "+w.From))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v\ngot  %q\nwant %q", d, got, want)
		}
	}
}
