package stomp

import (
	"strconv"
	"time"

	"github.com/quorate/quorate/broker"
	"github.com/quorate/quorate/message"
	"github.com/quorate/quorate/stomp/frame"
)

// send hands a message to the broker, which may hold the sender back.
func (s *session) send(f *frame.Frame) error {
	tx, err := s.transaction(f)
	if err != nil {
		return err
	}
	m, err := s.message(f)
	if err != nil {
		return err
	}
	p, err := producer(f)
	if err != nil {
		return err
	}
	done := s.settle(s.expect(f, false))
	s.startBlocking()
	err = s.bc.SendFrom(p, m, tx, done)
	s.endBlocking()
	return err
}

// standard reports whether a header of SEND has a meaning of its own or is one
// that only the broker may set. All others become properties.
func standard(name string) bool {
	switch name {
	case "destination", "content-length", "receipt", "transaction", "persistent", "priority", "expires",
		"correlation-id", "reply-to", "type", "JMSXGroupID", "JMSXGroupSeq",
		// A client cannot forge these.
		"message-id", "redelivered", "subscription", "JMSXUserID", "JMSXDeliveryCount", "JMSXGroupFirstForConsumer", "timestamp", "ack",
		"original-destination", "browser", frame.HeaderProducer, frame.HeaderSequence:
		return true
	}
	return false
}

// message turns a SEND frame into a message.
func (s *session) message(f *frame.Frame) (*message.Message, error) {
	m := &message.Message{Timestamp: time.Now().UnixMilli(), Priority: 4, UserID: s.user, Body: f.Body, Format: message.Text}
	name, err := need(f, "destination")
	if err != nil {
		return nil, err
	}
	if m.Destination, _, err = s.destination(name); err != nil {
		return nil, err
	}
	s.sequence++
	var digits [20]byte
	m.ID = s.id + ":-1:1:" + string(strconv.AppendUint(digits[:0], s.sequence, 10))
	if f.Counted {
		m.Format = message.Bytes
	}
	custom := 0
	for _, h := range f.Headers {
		if !standard(h.Name) {
			custom++
			continue
		}
		if err := s.setHeader(m, h); err != nil {
			return nil, err
		}
	}
	if custom > 0 {
		m.Properties = make([]message.Property, 0, custom)
		addProperties(m, f)
	}
	return m, nil
}

func addProperties(m *message.Message, f *frame.Frame) {
	for _, h := range f.Headers {
		if standard(h.Name) {
			continue
		}
		m.Properties = append(m.Properties, message.Property{Name: h.Name, Value: h.Value})
		if h.Name == "amq-msg-type" {
			switch h.Value {
			case "text":
				m.Format = message.Text
			case "bytes":
				m.Format = message.Bytes
			}
		}
	}
}

// setHeader sets what a standard header says.
func (s *session) setHeader(m *message.Message, h frame.Header) (err error) {
	switch h.Name {
	case "persistent":
		m.Persistent = h.Value == "true"
	case "priority":
		n, err := number(h, 0, 255)
		m.Priority = uint8(min(n, 9))
		return err
	case "expires":
		m.Expiration, err = number(h, 0, 1<<62)
	case "correlation-id":
		m.CorrelationID = h.Value
	case "reply-to":
		if h.Value != "" {
			m.ReplyTo, _, err = s.destination(h.Value)
		}
	case "type":
		m.Type = h.Value
	case "JMSXGroupID":
		m.GroupID = h.Value
	case "JMSXGroupSeq":
		n, err := number(h, -1<<31, 1<<31-1)
		m.GroupSeq = int32(n)
		return err
	}
	return err
}

// producer reads how a client numbered its message or what id it gave it, if it
// did [M16].
func producer(f *frame.Frame) (broker.Producer, error) {
	p := broker.Producer{ID: f.Value(frame.HeaderDuplicate)}
	if len(p.ID) > broker.MaxDuplicateID {
		return p, wrong(badHeader, "The header %s has %d bytes, at most %d are allowed.", frame.HeaderDuplicate, len(p.ID), broker.MaxDuplicateID)
	}
	name, ok := f.Get(frame.HeaderProducer)
	if !ok {
		return p, nil
	}
	v := f.Value(frame.HeaderSequence)
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil || n == 0 || name == "" || len(name) > 256 {
		return broker.Producer{}, wrong(badHeader, "The headers %s (a name of at most 256 bytes) and %s (a number from 1) go together, they were %.40q and %.40q.",
			frame.HeaderProducer, frame.HeaderSequence, name, v)
	}
	p.Name, p.Sequence = name, n
	return p, nil
}

// number reads a whole number in the range.
func number(h frame.Header, lo, hi int64) (int64, error) {
	n, err := strconv.ParseInt(h.Value, 10, 64)
	if err != nil || n < lo || n > hi {
		return 0, wrong(badHeader, "The header %q must be a number from %d to %d, it was %.40q.", h.Name, lo, hi, h.Value)
	}
	return n, nil
}

// transaction gives the transaction that a frame belongs to, nil if none.
func (s *session) transaction(f *frame.Frame) (*broker.Tx, error) {
	name, ok := f.Get("transaction")
	if !ok {
		return nil, nil
	}
	tx := s.txs[name]
	if tx == nil {
		return nil, wrong(unknownTransaction, "The transaction %.100q was not begun, or has ended.", name)
	}
	return tx, nil
}
