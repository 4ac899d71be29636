package broker

import (
	"strings"
	"testing"

	"github.com/quorate/quorate/message"
)

// What has become of a message in its queue can be selected.
func TestSelectDeliveryCount(t *testing.T) {
	r := newRig(t, nil)
	a := r.connect("")
	q := queueNamed("q")
	fresh := a.subscribe(Spec{Destination: q, Selector: "JMSXDeliveryCount = 1 AND NOT JMSRedelivered"})
	again := r.connect("")
	again.subscribe(Spec{Destination: q, Selector: "JMSXDeliveryCount > 1"})
	a.sends(q, 1, 2)
	list := a.expect("1", "2")
	again.nothing(r)
	fresh.Nack(list[0], false, nil, nil)
	if d := again.expect("1")[0]; !d.Redelivered || d.Count != 1 {
		t.Fatalf("redelivered %v, count %d", d.Redelivered, d.Count)
	}
	a.nothing(r)
}

// Header fields, and what is not set.
func TestSelectHeaders(t *testing.T) {
	m := persistent(queueNamed("q"), "1").With("n", int32(3))
	m.ID, m.Type, m.GroupID, m.Timestamp = "ID:1", "kind", "g", 5
	for text, want := range map[string]bool{
		"JMSMessageID = 'ID:1' AND JMSType = 'kind' AND JMSXGroupID = 'g'": true,
		"JMSDestination = 'queue://q' AND JMSDeliveryMode = 'PERSISTENT'":  true,
		"JMSPriority = 4 AND JMSTimestamp = 5 AND JMSExpiration = 0":       true,
		"JMSCorrelationID IS NULL AND JMSReplyTo IS NULL AND n = 3":        true,
		"JMSXUserID IS NOT NULL": false,
		"JMSCorrelationID = 'c'": false,
	} {
		sel, err := parseSelector("test", text)
		if err != nil {
			t.Fatal(err)
		}
		if got := selects(sel, m); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

// A text that is too long is as one that is not there.
func TestSelectorsDoNotSeeVeryLongTexts(t *testing.T) {
	long := strings.Repeat("x", maxSelected+1)
	for _, c := range []struct {
		m    message.Message
		text string
	}{
		{message.Message{Properties: []message.Property{{Name: "p", Value: long}}}, "p IS NULL"},
		{message.Message{Properties: []message.Property{{Name: "p", Value: long[1:]}}}, "p LIKE '%x'"},
		{message.Message{CorrelationID: long}, "JMSCorrelationID IS NULL"},
		{message.Message{CorrelationID: long[1:]}, "JMSCorrelationID LIKE 'x%'"},
	} {
		sel, err := parseSelector("test", c.text)
		if err != nil {
			t.Fatal(err)
		}
		if !selects(sel, &c.m) {
			t.Errorf("%s does not hold", c.text)
		}
	}
}
