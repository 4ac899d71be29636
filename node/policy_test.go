package node

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quorate/quorate/broker"
	"github.com/quorate/quorate/config"
	"github.com/quorate/quorate/message"
)

// TestPolicyNames: what the table of configuration calls a value is what
// explain calls it, and there is no value without the other.
func TestPolicyNames(t *testing.T) {
	var keys, attrs []string
	for _, k := range config.Keys() {
		if name, ok := strings.CutPrefix(k.Name, "policy."); ok {
			keys = append(keys, name)
		}
	}
	for _, s := range new(broker.Policies).Explain(message.Destination{Kind: message.Queue, Name: "q"}).Settings {
		attrs = append(attrs, s.Name)
	}
	slices.Sort(keys)
	slices.Sort(attrs)
	if !slices.Equal(keys, attrs) {
		t.Errorf("keys  %v\nattrs %v", keys, attrs)
	}
}

// TestDefaultPolicy: an entry that says nothing holds what is held without one.
func TestDefaultPolicy(t *testing.T) {
	p := config.PolicyOf(config.Queue, ">")
	if got, want := policy(&p), broker.DefaultPolicy(); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// TestPolicyIsWhole sets every field of a configured policy and looks for one
// that did not arrive.
func TestPolicyIsWhole(t *testing.T) {
	var p config.Policy
	fill(reflect.ValueOf(&p).Elem())
	out := policy(&p)
	for _, path := range zeros(reflect.ValueOf(out), "Policy") {
		t.Errorf("%s is not translated", path)
	}
}

func fill(v reflect.Value) {
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.Struct:
			fill(f)
		case reflect.String:
			f.SetString("s")
		case reflect.Bool:
			f.SetBool(true)
		case reflect.Int, reflect.Int64:
			f.SetInt(7)
		case reflect.Float64:
			f.SetFloat(7)
		}
	}
}

func zeros(v reflect.Value, path string) []string {
	var out []string
	for i := range v.NumField() {
		name := path + "." + v.Type().Field(i).Name
		if f := v.Field(i); f.Kind() == reflect.Struct {
			out = append(out, zeros(f, name)...)
		} else if f.IsZero() {
			out = append(out, name)
		}
	}
	return out
}

func load(t *testing.T, file string) *config.Config {
	t.Helper()
	cfg, _, err := config.Load(config.Sources{File: file, Flags: map[string]string{"memory": "400 mb"}})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// TestMessaging reads a file as a broker gets it.
func TestMessaging(t *testing.T) {
	c, err := Messaging(load(t, "testdata/messaging.xml"))
	if err != nil {
		t.Fatal(err)
	}
	queue := func(name string) message.Destination { return message.Destination{Kind: message.Queue, Name: name} }
	p := c.Policies.For(queue("orders.eu"))
	if p.QueuePrefetch != 10 || p.MaxRedeliveries != 4 || p.RedeliveryDelay != 5*time.Second || p.NextRedeliveryDelay != 10*time.Second {
		t.Errorf("an entry and the redelivery of its destination: %+v", p)
	}
	if p := c.Policies.For(queue("other")); p.QueuePrefetch != 5 || p.MaxRedeliveries != 6 || p.RedeliveryBackOff != 2 || p.MaxRedeliveryDelay != time.Minute {
		t.Errorf("the two default entries: %+v", p)
	}
	for d, want := range map[message.Destination]broker.DeadLetterKind{
		queue("trash.1"):                     broker.DeadLetterDiscard,
		queue("trash"):                       broker.DeadLetterShared,
		{Kind: message.TempQueue, Name: "t"}: broker.DeadLetterDiscard,
		{Kind: message.TempTopic, Name: "t"}: broker.DeadLetterShared,
	} {
		if got := c.Policies.For(d).DeadLetter.Kind; got != want {
			t.Errorf("dead letters of %v: %s, want %s", d, got, want)
		}
	}
	want := broker.Virtual{
		Topics: []broker.VirtualTopic{{Name: "events.>", Prefix: "Sub.*.", SelectorAware: true, Original: true, Said: "messaging.xml:29"}},
		Composites: []broker.Composite{{Destination: queue("in"), Unmatched: true, ForwardOnly: true, Forward: []broker.Forward{
			{Destination: queue("a")},
			{Destination: message.Destination{Kind: message.Topic, Name: "b"}, Selector: "colour = 'red'"},
		}, Said: "messaging.xml:30"}},
		Mirror: &broker.Mirror{Prefix: "mirror.", Said: "messaging.xml:38"},
	}
	if !reflect.DeepEqual(c.Virtual, want) {
		t.Errorf("got  %+v\nwant %+v", c.Virtual, want)
	}
	if !reflect.DeepEqual(c.Destinations, []message.Destination{queue("in"), {Kind: message.Topic, Name: "news"}}) {
		t.Errorf("destinations %v", c.Destinations)
	}
	if c.Stamp != (broker.Stamp{On: true, FutureOnly: true, MaxTTL: time.Hour}) || c.Force != broker.AlwaysPersistent {
		t.Errorf("stamp %+v, force %v", c.Stamp, c.Force)
	}
	if !c.NoScheduler || c.MaxRepeat != 100 || !c.NoAdvisories || c.GCPeriod != 10*time.Second || c.GCSweep != 5 || c.IdleDurables != 24*time.Hour {
		t.Errorf("got %+v", c)
	}
}

// TestExplain: each value tells its line.
func TestExplain(t *testing.T) {
	c, err := Messaging(load(t, "testdata/messaging.xml"))
	if err != nil {
		t.Fatal(err)
	}
	x := c.Policies.Explain(message.Destination{Kind: message.Queue, Name: "orders.eu"})
	if x.Entry != (broker.Held{Pattern: "orders.>", At: "messaging.xml:9"}) || x.Redelivery != (broker.Held{Pattern: "orders.>", At: "messaging.xml:16"}) {
		t.Errorf("entry %+v, redelivery %+v", x.Entry, x.Redelivery)
	}
	from := map[string]string{}
	for _, s := range x.Settings {
		from[s.Name] = s.Value + " " + s.From
	}
	for name, want := range map[string]string{
		"queuePrefetch":          "10 messaging.xml:9",
		"maximumRedeliveries":    "4 messaging.xml:16",
		"redeliveryDelay":        "10s messaging.xml:16",
		"maximumRedeliveryDelay": "0 messaging.xml:16, default of redeliveryPolicy",
		"topicPrefetch":          "32767 ",
	} {
		if from[name] != want {
			t.Errorf("%s: got %q, want %q", name, from[name], want)
		}
	}
}

func TestBadSelector(t *testing.T) {
	_, err := Messaging(load(t, "testdata/selector.xml"))
	if err == nil || !strings.HasPrefix(err.Error(), `selector.xml:8: refused: <filteredDestination queue="b">: selector "colour =": offset 8`) {
		t.Errorf("got %v", err)
	}
}
