package broker

import (
	"github.com/quorate/quorate/broker/queue"
	"github.com/quorate/quorate/message"
	"github.com/quorate/quorate/selector"
)

// parseSelector compiles a selector, nil for one that selects everything.
func parseSelector(op, text string) (*selector.Selector, error) {
	if text == "" {
		return nil, nil
	}
	s, err := selector.Parse(text)
	if err != nil {
		return nil, &Error{Kind: KindInvalidSelector, Op: op, Err: err}
	}
	return s, nil
}

// selects reports whether sel, which may be nil, selects m when it is sent.
func selects(sel *selector.Selector, m *message.Message) bool {
	return sel == nil || sel.Match(func(name string) any { return identifier(m, name) })
}

// selectsEntry reports whether sel, which may be nil, selects a message in a
// queue, which knows what has become of it so far.
func selectsEntry(sel *selector.Selector, e *queue.Entry) bool {
	if sel == nil {
		return true
	}
	m := e.Value.(*message.Message)
	return sel.Match(func(name string) any {
		switch name {
		case "JMSRedelivered":
			return e.Redelivered
		case "JMSXDeliveryCount":
			return int32(e.Count) + 1
		}
		return identifier(m, name)
	})
}

// maxSelected is the longest text, in bytes, that selectors see: patterns take
// time in proportion to it, on the goroutine that serves many queues.
const maxSelected = 64 << 10

// identifier gives what a name in a selector stands for [JMS 1.1 §3.8.1.1], nil
// if m has nothing of that name or too long a text. Header fields win over properties.
func identifier(m *message.Message, name string) any {
	if len(name) > 3 && name[:3] == "JMS" {
		if v, known := header(m, name); known {
			return v
		}
	}
	v, _ := m.Property(name)
	if s, ok := v.(string); ok && len(s) > maxSelected {
		return nil
	}
	return v
}

// header gives a header field as ActiveMQ's selectors see it: the delivery mode
// is a word, destinations are written with their prefix. What is given as a
// pointer does not have to be copied.
func header(m *message.Message, name string) (v any, known bool) {
	switch name {
	case "JMSMessageID":
		return &m.ID, true
	case "JMSDestination":
		if !m.Original.IsZero() {
			return m.Original.String(), true
		}
		return m.Destination.String(), true
	case "JMSReplyTo":
		to := m.ReplyTo.String()
		return text(&to), true
	case "JMSCorrelationID":
		return text(&m.CorrelationID), true
	case "JMSType":
		return text(&m.Type), true
	case "JMSDeliveryMode":
		if m.Persistent {
			return "PERSISTENT", true
		}
		return "NON_PERSISTENT", true
	case "JMSRedelivered":
		return false, true
	case "JMSXDeliveryCount":
		return int32(1), true
	case "JMSPriority":
		return int32(m.Priority), true
	case "JMSTimestamp":
		return &m.Timestamp, true
	case "JMSExpiration":
		return &m.Expiration, true
	case "JMSXUserID":
		return text(&m.UserID), true
	case "JMSXGroupID":
		return text(&m.GroupID), true
	case "JMSXGroupSeq":
		return m.GroupSeq, true
	}
	return nil, false
}

// text gives nil for a header field that is not set.
func text(s *string) any {
	if *s == "" || len(*s) > maxSelected {
		return nil
	}
	return s
}

// nothing is a selector that selects no message.
var nothing, _ = selector.Parse("FALSE")
