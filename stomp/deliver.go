package stomp

import (
	"strconv"

	"github.com/quorate/quorate/broker"
	"github.com/quorate/quorate/message"
)

// Deliver queues a message for the writer. It does not block.
func (s *session) Deliver(d *broker.Delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.out.broken {
		return
	}
	sub := s.mu.byOwner[d.Sub]
	if sub == nil {
		s.mu.early = append(s.mu.early, d)
		return
	}
	s.enqueue(sub, d)
}

// enqueue notes what the client will have to acknowledge. mu is held.
func (s *session) enqueue(sub *subscription, d *broker.Delivery) {
	if sub.mode != ackAuto && !d.End {
		u := unacked{d: d}
		if s.version < frameV12 {
			u.messageID = d.Message.ID
		}
		sub.unacked = append(sub.unacked, u)
	}
	s.out.push(item{delivery: d, sub: sub})
}

// deliveredBody is what stands in the body of a MESSAGE: text as UTF-8 and
// bytes as they are. What another protocol laid out in its own way and nobody
// can turn into text is left out, as ActiveMQ does.
func deliveredBody(d *broker.Delivery) []byte {
	if d.End || d.Message.Encoding != message.Canonical {
		return nil
	}
	return d.Message.Body
}

// appendMessage appends a MESSAGE frame up to its last header.
func (s *session) appendMessage(b []byte, sub *subscription, d *broker.Delivery) []byte {
	v := s.version
	b = append(b, "MESSAGE\n"...)
	if sub.id != "" {
		b = v.AppendHeader(b, "subscription", sub.id)
	}
	if d.End {
		return s.appendEnd(b, sub)
	}
	m := d.Message
	b = v.AppendHeader(b, "message-id", m.ID)
	b = s.appendDestination(b, "destination", d.Destination)
	if sub.mode != ackAuto && v >= frameV12 {
		b = s.appendAckID(b, sub, d)
	}
	body := deliveredBody(d)
	if m.Format == message.Bytes || needsLength(body) {
		b = v.AppendInt(b, "content-length", int64(len(body)))
	}
	b = v.AppendInt(b, "expires", m.Expiration)
	b = v.AppendInt(b, "priority", int64(m.Priority))
	b = v.AppendInt(b, "timestamp", m.Timestamp)
	if m.Persistent {
		b = append(b, "persistent:true\n"...)
	}
	if d.Redelivered {
		b = append(b, "redelivered:true\n"...)
	}
	if d.Count > 0 {
		b = v.AppendInt(b, "JMSXDeliveryCount", int64(d.Count)+1)
	}
	return s.appendOptional(b, d)
}

// appendOptional appends what a message need not have.
func (s *session) appendOptional(b []byte, d *broker.Delivery) []byte {
	v, m := s.version, d.Message
	for _, h := range [...]struct{ name, value string }{
		{"correlation-id", m.CorrelationID}, {"type", m.Type}, {"JMSXGroupID", m.GroupID}, {"JMSXUserID", m.UserID},
	} {
		if h.value != "" {
			b = v.AppendHeader(b, h.name, h.value)
		}
	}
	if d.First {
		b = append(b, "JMSXGroupFirstForConsumer:true\n"...)
	}
	if m.GroupSeq != 0 {
		b = v.AppendInt(b, "JMSXGroupSeq", int64(m.GroupSeq))
	}
	if !m.ReplyTo.IsZero() {
		b = s.appendDestination(b, "reply-to", m.ReplyTo)
	}
	if o := d.Original(); !o.IsZero() {
		b = s.appendDestination(b, "original-destination", o)
	}
	for _, p := range m.Properties {
		if standard(p.Name) {
			continue
		}
		if text, ok := propertyText(p.Value); ok {
			b = v.AppendHeader(b, p.Name, text)
		}
	}
	return b
}

// appendEnd appends what tells a browser that it has seen everything.
func (s *session) appendEnd(b []byte, sub *subscription) []byte {
	b = s.appendDestination(b, "destination", sub.destination)
	b = s.version.AppendHeader(b, "message-id", s.id+":-1:0:"+strconv.FormatUint(sub.number, 10))
	return append(b, "browser:end\n"...)
}

// propertyText writes a property as Java's toString does. Maps and lists have
// no place in a header.
func propertyText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case int8:
		return strconv.FormatInt(int64(v), 10), true
	case int16:
		return strconv.FormatInt(int64(v), 10), true
	case int32:
		return strconv.FormatInt(int64(v), 10), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case message.Char:
		return string(rune(v)), true
	case float32:
		return strconv.FormatFloat(float64(v), 'g', -1, 32), true
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), true
	}
	return "", false
}
