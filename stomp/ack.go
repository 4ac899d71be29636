package stomp

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/quorate/quorate/broker"
	"github.com/quorate/quorate/stomp/frame"
)

const frameV12 = frame.V12

// An unacked delivery waits for the client's ACK or NACK.
type unacked struct {
	d         *broker.Delivery
	messageID string // before 1.2, where the client names it
}

// An ack identifier of 1.2 is "<connection>:<subscription>:<delivery>". One
// that a client kept from a connection before matches nothing here, so that it
// can never acknowledge another message.
func (s *session) appendAckID(b []byte, sub *subscription, d *broker.Delivery) []byte {
	b = append(b, "ack:"...)
	id := make([]byte, 0, 96)
	id = append(append(id, s.id...), ':')
	id = append(strconv.AppendUint(id, sub.number, 10), ':')
	id = strconv.AppendUint(id, d.ID, 10)
	return append(s.version.AppendValue(b, string(id)), '\n')
}

// acknowledge handles ACK and NACK. A NACK is for one message, which goes to
// the dead letters at once, as ActiveMQ takes it.
func (s *session) acknowledge(f *frame.Frame, expedited bool) error {
	tx, err := s.transaction(f)
	if err != nil {
		return err
	}
	s.mu.Lock()
	sub, d, err := s.find(f)
	if err != nil {
		s.mu.Unlock()
		return err
	}
	cumulative := sub.mode == ackClient && f.Command == frame.Ack
	sub.settle(d, cumulative)
	s.mu.Unlock()
	done := s.settleAck(s.expect(f, expedited))
	sub.calls.Lock()
	defer sub.calls.Unlock()
	if f.Command == frame.Nack {
		d.Sub.Reject(d, done)
	} else {
		d.Sub.Ack(d, cumulative, tx, done)
	}
	return nil
}

// find looks up what a frame acknowledges: by the ack identifier in 1.2, by
// the message's before [STOMP 1.2 ACK], [STOMP 1.1 ACK]. mu is held.
func (s *session) find(f *frame.Frame) (*subscription, *broker.Delivery, error) {
	if s.version >= frame.V12 {
		id, err := need(f, "id")
		if err != nil {
			return nil, nil, err
		}
		if sub, d := s.byAckID(id); d != nil {
			return sub, d, nil
		}
		return nil, nil, wrong(unknownMessage, "Unexpected %s received for id [%.200s]: there is no such message on this connection, or it was acknowledged.", f.Command, id)
	}
	id, err := need(f, "message-id")
	if err != nil {
		return nil, nil, err
	}
	if name, ok := f.Get("subscription"); ok {
		sub := s.mu.subs[name]
		if sub == nil {
			return nil, nil, wrong(unknownSubscription, "There is no subscription %.200q.", name)
		}
		if d := sub.byMessageID(id); d != nil {
			return sub, d, nil
		}
	} else {
		for _, sub := range s.mu.subs {
			if d := sub.byMessageID(id); d != nil {
				return sub, d, nil
			}
		}
	}
	return nil, nil, wrong(unknownMessage, "Unexpected %s received for message-id [%.200s]: it was not delivered on this connection, or it was acknowledged.", f.Command, id)
}

// byAckID looks up an identifier of 1.2. mu is held.
func (s *session) byAckID(id string) (*subscription, *broker.Delivery) {
	rest, ok := strings.CutPrefix(id, s.id)
	if !ok || rest == "" || rest[0] != ':' {
		return nil, nil
	}
	number, delivery, _ := strings.Cut(rest[1:], ":")
	n, err1 := strconv.ParseUint(number, 10, 64)
	d, err2 := strconv.ParseUint(delivery, 10, 64)
	if err1 != nil || err2 != nil {
		return nil, nil
	}
	sub := s.mu.numbers[n]
	if sub == nil {
		return nil, nil
	}
	for _, u := range sub.unacked { // almost always the first
		if u.d.ID == d {
			return sub, u.d
		}
	}
	return nil, nil
}

func (sub *subscription) byMessageID(id string) *broker.Delivery {
	for _, u := range sub.unacked {
		if u.messageID == id {
			return u.d
		}
	}
	return nil
}

// settle takes d, and with cumulative what was delivered before it, from what
// is to be acknowledged. session.mu is held.
func (sub *subscription) settle(d *broker.Delivery, cumulative bool) {
	i := slices.IndexFunc(sub.unacked, func(u unacked) bool { return u.d == d })
	switch {
	case i < 0:
	case cumulative || i == 0:
		clear(sub.unacked[:i+1])
		sub.unacked = sub.unacked[i+1:]
	default:
		sub.unacked = slices.Delete(sub.unacked, i, i+1)
	}
	if len(sub.unacked) == 0 {
		sub.unacked = nil
	}
}

// needsLength reports whether a body can only be read with its length.
func needsLength(b []byte) bool { return bytes.IndexByte(b, 0) >= 0 }
