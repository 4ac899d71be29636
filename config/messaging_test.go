package config

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// readMessaging loads a broker that contains the text.
func readMessaging(t *testing.T, attrs, inside string) *Messaging {
	t.Helper()
	cfg, _, err := Load(Sources{document: []byte("<broker " + attrs + ">" + inside + "</broker>"), Flags: map[string]string{"memory": "400 mb"}})
	if err != nil {
		t.Fatal(err)
	}
	return &cfg.Messaging
}

const policyMap, policyMapEnd = "<destinationPolicy><policyMap><policyEntries>", "</policyEntries></policyMap></destinationPolicy>"

// TestPolicyEntry: what stands in an entry changes this and nothing else.
func TestPolicyEntry(t *testing.T) {
	for text, change := range map[string]func(p *Policy){
		`<policyEntry queue="q"/>`: func(*Policy) {},
		`<policyEntry queue="q" prioritizedMessages="true" maximumRedeliveries="-1" backOffMultiplier="1.5"/>`: func(p *Policy) {
			p.Prioritized, p.MaxRedeliveries, p.RedeliveryBackOff = true, -1, 1.5
		},
		`<policyEntry queue="q" consumersBeforeDispatchStarts="2"/>`: func(p *Policy) {
			p.ConsumersBeforeDispatch, p.TimeBeforeDispatch = 2, time.Second
		},
		`<policyEntry queue="q" inactiveTimoutBeforeGC="5000" gcInactiveDestinations="TRUE" maxDestinations="-1"/>`: func(p *Policy) {
			p.InactiveTimeout, p.GCInactive = 5*time.Second, true
		},
		`<policyEntry queue="q" maxQueueMessages="10" maxQueueBytes="1 mb" overflow="dropoldest" producerFlowControl="false"/>`: func(p *Policy) {
			p.QueueMessages, p.QueueBytes, p.Overflow, p.ProducerFlowControl = 10, mib, "dropOldest", false
		},
		`<policyEntry queue="q"><deadLetterStrategy><individualDeadLetterStrategy queuePrefix="DLQ." useQueueForTopicMessages="false"/></deadLetterStrategy></policyEntry>`: func(p *Policy) {
			p.DeadLetter.Kind, p.DeadLetter.QueuePrefix, p.DeadLetter.TopicForTopics = "individual", "DLQ.", true
		},
		`<policyEntry queue="q"><deadLetterStrategy><discarding/></deadLetterStrategy></policyEntry>`: func(p *Policy) {
			p.DeadLetter.Kind = "discarding"
		},
		`<policyEntry queue="q"><deadLetterStrategy><sharedDeadLetterStrategy expiration="60000"><deadLetterQueue><queue physicalName="D"/></deadLetterQueue></sharedDeadLetterStrategy></deadLetterStrategy></policyEntry>`: func(p *Policy) {
			p.DeadLetter.Queue, p.DeadLetter.Expiration = "D", time.Minute
		},
		`<policyEntry queue="q"><pendingMessageLimitStrategy><prefetchRatePendingMessageLimitStrategy/></pendingMessageLimitStrategy></policyEntry>`: func(p *Policy) {
			p.PendingRate = 0.5
		},
		`<policyEntry queue="q"><subscriptionRecoveryPolicy><fixedSizedSubscriptionRecoveryPolicy/></subscriptionRecoveryPolicy></policyEntry>`: func(p *Policy) {
			p.Recovery, p.RecoverySize = recoverBytes, 64*kib
		},
		`<policyEntry queue="q"><subscriptionRecoveryPolicy><timedSubscriptionRecoveryPolicy recoverDuration="5000"/></subscriptionRecoveryPolicy></policyEntry>`: func(p *Policy) {
			p.Recovery, p.RecoveryTime = recoverTimed, 5*time.Second
		},
		`<policyEntry queue="q"><slowConsumerStrategy><abortSlowAckConsumerStrategy maxSlowDuration="-1"/></slowConsumerStrategy></policyEntry>`: func(p *Policy) {
			p.Slow.Abort, p.Slow.MaxSinceAck, p.Slow.MaxDuration = true, 30*time.Second, 0
		},
		`<policyEntry queue="q"><slowConsumerStrategy><abortSlowConsumerStrategy maxSlowCount="3"/></slowConsumerStrategy></policyEntry>`: func(p *Policy) {
			p.Slow.Abort, p.Slow.MaxCount = true, 3
		},
	} {
		m := readMessaging(t, "", policyMap+text+policyMapEnd)
		want := PolicyOf(Queue, "q")
		change(&want)
		if len(m.Policies) != 1 {
			t.Fatalf("%s: %d policies", text, len(m.Policies))
		}
		got := m.Policies[0]
		got.Line, got.Said, want.Said = 0, nil, nil
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s\ngot  %+v\nwant %+v", text, got, want)
		}
	}
}

// TestEntriesOfMaps: for what an entry is, and which is the default.
func TestEntriesOfMaps(t *testing.T) {
	m := readMessaging(t, "", `<destinationPolicy><policyMap>
		<defaultEntry><policyEntry queue="ignored" queuePrefetch="5"/></defaultEntry>
		<policyEntries>
		<policyEntry queue="a, b" topic="c"/><policyEntry tempQueue="true" tempTopic="false"/><policyEntry/>
		</policyEntries></policyMap></destinationPolicy>`)
	var got []string
	for _, p := range m.Policies {
		got = append(got, string(p.Kind)+" "+p.Pattern)
	}
	if want := []string{"queue a", "queue b", "topic c", "tempQueue >", "queue >", "topic >"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if m.DefaultPolicy == nil || m.DefaultPolicy.QueuePrefetch != 5 || m.DefaultPolicy.Kind != "" {
		t.Errorf("default %+v", m.DefaultPolicy)
	}
}

// TestSaid: each attribute knows its line, also those that an element implies.
func TestSaid(t *testing.T) {
	m := readMessaging(t, "", policyMap+`
		<policyEntry
			topic="t"
			topicPrefetch="5">
			<subscriptionRecoveryPolicy>
				<fixedCountSubscriptionRecoveryPolicy/>
			</subscriptionRecoveryPolicy>
		</policyEntry>`+policyMapEnd)
	p := m.Policies[0]
	want := Said{"topicPrefetch": 4, "subscriptionRecoveryPolicy": 6, "recoverySize": 6}
	if p.Line != 2 || !reflect.DeepEqual(p.Said, want) {
		t.Errorf("line %d, said %v, want %v", p.Line, p.Said, want)
	}
}

const redeliveries, redeliveriesEnd = "<plugins><redeliveryPlugin><redeliveryPolicyMap><redeliveryPolicyMap>", "</redeliveryPolicyMap></redeliveryPolicyMap></redeliveryPlugin></plugins>"

func TestRedelivery(t *testing.T) {
	m := readMessaging(t, "", redeliveries+`<redeliveryPolicyEntries>
		<redeliveryPolicy queue="a" backOffMultiplier="3"/>
		<redeliveryPolicy queue="b" backOffMultiplier="3" useExponentialBackOff="true" maximumRedeliveryDelay="60000" initialRedeliveryDelay="0"/>
		</redeliveryPolicyEntries><defaultEntry><redeliveryPolicy maximumRedeliveries="0"/></defaultEntry>`+redeliveriesEnd)
	if m.DropExceeded != 0 || m.DropUnmatched != 0 {
		t.Errorf("dropped by lines %d and %d", m.DropExceeded, m.DropUnmatched)
	}
	if m := readMessaging(t, "", `<plugins><redeliveryPlugin sendToDlqIfMaxRetriesExceeded="false" fallbackToDeadLetter="true"/></plugins>`); m.DropExceeded != 1 || m.DropUnmatched != 0 {
		t.Errorf("dropped by lines %d and %d", m.DropExceeded, m.DropUnmatched)
	}
	plain := Redelivery{Max: 6, Delay: time.Second, Next: time.Second, BackOff: 1}
	a, b, def := plain, plain, plain
	a.Kind, a.Pattern = Queue, "a"
	b.Kind, b.Pattern, b.BackOff, b.MaxDelay, b.Delay, b.exponential = Queue, "b", 3, time.Minute, 0, true
	def.Max = 0
	got := append(m.Redeliveries, *m.DefaultRedelivery)
	for i := range got {
		got[i].Line, got[i].Said = 0, nil
	}
	if want := []Redelivery{a, b, def}; !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// TestRouting: what holds by default, and what replaces it.
func TestRouting(t *testing.T) {
	byDefault := []VirtualTopic{{Name: "VirtualTopic.>", Prefix: "Consumer.*.", Original: true}}
	const empty = "<destinationInterceptors/>"
	for _, c := range []struct {
		attrs, inside string
		want          Virtual
	}{
		{"", "", Virtual{Topics: byDefault}},
		{`useVirtualTopics="false"`, "", Virtual{}},
		{`useMirroredQueues="true"`, "", Virtual{Topics: byDefault, Mirror: &Mirror{Prefix: "VirtualTopic.Mirror."}}},
		{`useMirroredQueues="true"`, empty, Virtual{}},
		{"", `<destinationInterceptors><mirroredQueue postfix=".m" prefix=""/></destinationInterceptors>`, Virtual{Mirror: &Mirror{Postfix: ".m", Line: 1}}},
		{"", `<destinationInterceptors><virtualDestinationInterceptor><virtualDestinations>
			<virtualTopic/>
			<compositeTopic name="t" forwardOnly="false"><forwardTo>
				<filteredDestination queue="q" selector="a = 1"/></forwardTo></compositeTopic>
			</virtualDestinations></virtualDestinationInterceptor></destinationInterceptors>`,
			Virtual{
				Topics: []VirtualTopic{{Name: ">", Prefix: "Consumer.*.", Original: true, Line: 2}},
				Composites: []Composite{{Kind: Topic, Name: "t", Line: 3, Forward: []Forward{
					{Destination: Destination{Kind: Queue, Name: "q", Line: 4}, Selector: "a = 1"}}}},
			}},
	} {
		if got := readMessaging(t, c.attrs, c.inside).Virtual; !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s %s\ngot  %+v\nwant %+v", c.attrs, c.inside, got, c.want)
		}
	}
}

func TestPlugins(t *testing.T) {
	m := readMessaging(t, "", `<plugins><discardingDLQBrokerPlugin/><forcePersistencyModeBrokerPlugin/><timeStampingBrokerPlugin ttlCeiling="1000"/></plugins>`)
	if d := m.Drop; !d.All || !d.TempQueues || !d.TempTopics || d.Line != 1 {
		t.Errorf("a plugin that is told nothing drops everything: %+v", d)
	}
	if m.Force != "nonPersistent" || m.Stamp != (Stamp{On: true, MaxTTL: time.Second}) {
		t.Errorf("force %q, stamp %+v", m.Force, m.Stamp)
	}
	m = readMessaging(t, "", `<plugins><discardingDLQBrokerPlugin dropAll="false" dropOnly="a.c x.*"/></plugins>`)
	for name, want := range map[string]bool{"a.c": true, "abc": true, "a.cd": false, "x": true, "yx": false} {
		got := false
		for _, re := range m.Drop.Only {
			got = got || re.MatchString(name)
		}
		if got != want {
			t.Errorf("%s is dropped: %v", name, got)
		}
	}
}

// TestTooManyPolicies: each new destination is matched against all of them.
func TestTooManyPolicies(t *testing.T) {
	doc := "<broker>" + policyMap + `<policyEntry queue="` + strings.Repeat("q,", maxPolicies) + `q"/>` + policyMapEnd + "</broker>"
	_, _, err := Load(Sources{document: []byte(doc)})
	if err == nil || !strings.Contains(err.Error(), "more than 10000 policies") {
		t.Errorf("got %v", err)
	}
}

func TestFrom(t *testing.T) {
	_, report, err := Load(Sources{File: "testdata/trading.xml", Flags: map[string]string{"temp-usage": "1 gb"}})
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"usage.store": "trading.xml:101", "usage.temp": "--temp-usage", "usage.storePercent": ""} {
		if got := report.From(key); got != want {
			t.Errorf("%s is from %q, want %q", key, got, want)
		}
	}
}
