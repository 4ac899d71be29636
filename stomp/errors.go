package stomp

import (
	"errors"
	"fmt"

	"github.com/quorate/quorate/broker"
	"github.com/quorate/quorate/stomp/frame"
)

// A fault is something a client did wrong that the protocol itself forbids.
type fault int

const (
	badFrame fault = iota
	notConnected
	connectedTwice
	badVersion
	badCommand
	badLogin
	badHeader
	missingHeader
	unknownSubscription
	duplicateSubscription
	unknownMessage
	unknownTransaction
	duplicateTransaction
)

// A protocolError is answered with an ERROR frame. The detail says what was
// wrong and what is allowed.
type protocolError struct {
	fault  fault
	detail string
}

func (e *protocolError) Error() string { return e.detail }

func wrong(f fault, format string, args ...any) error {
	return &protocolError{f, fmt.Sprintf(format, args...)}
}

// messages is the one table of the message header of ERROR frames: what the
// protocol forbids, then what the broker refuses. An empty entry takes the
// error's own text, where ActiveMQ's clients know it.
var messages = struct {
	fault map[fault]string
	kind  map[broker.Kind]string
}{
	fault: map[fault]string{
		badFrame:              "Malformed frame.",
		notConnected:          "Not connected.",
		connectedTwice:        "Already connected.",
		badVersion:            "",
		badCommand:            "",
		badLogin:              "",
		badHeader:             "Invalid header.",
		missingHeader:         "Missing header.",
		unknownSubscription:   "No subscription matched.",
		duplicateSubscription: "There already is a subscription with that id.",
		unknownMessage:        "Unexpected acknowledgement.",
		unknownTransaction:    "Invalid transaction.",
		duplicateTransaction:  "The transaction is active.",
	},
	kind: map[broker.Kind]string{
		broker.KindInternal:           "Internal error.",
		broker.KindInvalidDestination: "Invalid destination.",
		broker.KindInvalidSelector:    "Invalid selector.",
		broker.KindInvalidClientID:    "Invalid client id.",
		broker.KindInvalidArgument:    "Invalid request.",
		broker.KindSecurity:           "Not allowed.",
		broker.KindResourceLimit:      "Resource limit reached.",
		broker.KindInUse:              "In use.",
		broker.KindNotFound:           "Not found.",
		broker.KindTxRolledBack:       "Transaction rolled back.",
	},
}

// silent reports whether nothing may be answered: the outcome is unknown, or
// this node does not serve any more, and the client will ask the next one.
func silent(err error) bool {
	k := broker.KindOf(err)
	return k == broker.KindUnknown || k == broker.KindNotMaster
}

// describe gives the message header and the body of an ERROR frame.
func describe(err error) (message, body string) {
	body = err.Error()
	var pe *protocolError
	if errors.As(err, &pe) {
		message = messages.fault[pe.fault]
	} else {
		message = messages.kind[broker.KindOf(err)]
	}
	if message == "" {
		message = body
	}
	return message, body
}

// refuse answers a frame that the broker did not accept, or ends the
// connection without an answer.
func (s *session) refuse(receipt string, err error) {
	if silent(err) {
		s.end(err)
		return
	}
	s.fail(receipt, err)
}

// fail answers with an ERROR frame, after which the connection is closed
// [STOMP 1.2 ERROR]: whatever a client sent behind a refused frame is not
// processed, so that the order of a producer has no hole.
func (s *session) fail(receipt string, err error) {
	message, body := describe(err)
	f := frame.Frame{Command: frame.Error, Body: []byte(body + "\n"), Headers: []frame.Header{
		{Name: "message", Value: message}, {Name: "content-type", Value: "text/plain"},
	}}
	if receipt != "" {
		f.Headers = append(f.Headers, frame.Header{Name: "receipt-id", Value: receipt})
	}
	var pe *protocolError
	if errors.As(err, &pe) && pe.fault == badVersion {
		f.Headers = append(f.Headers, frame.Header{Name: "version", Value: "1.2,1.1,1.0"})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sendLast(f.Append(nil, s.version))
}
