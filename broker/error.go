package broker

import (
	"errors"
	"fmt"
)

// A Kind says what a caller can do about an Error. Each protocol maps kinds
// to its own codes in one table.
type Kind uint8

// The kinds of an Error.
const (
	KindInternal           Kind = iota // a fault of the broker
	KindInvalidDestination             // no such destination, or not usable like this
	KindInvalidSelector                // a selector that cannot be evaluated
	KindInvalidClientID                // the client identifier is missing or in use
	KindInvalidArgument                // a request that makes no sense
	KindSecurity                       // not allowed
	KindResourceLimit                  // a limit of the configuration was reached; Detail names it
	KindInUse                          // exclusive and held by somebody else
	KindNotFound                       // the delivery, subscription or transaction is not there (any more)
	KindTxRolledBack                   // the transaction was rolled back
	KindNotMaster                      // refused before the log: this node does not serve (any more)
	KindUnknown                        // in the log or not, nobody knows: never answered, the connection ends
)

var kindNames = [...]string{
	"internal error", "invalid destination", "invalid selector", "invalid client id", "invalid argument",
	"not allowed", "resource limit", "in use", "not found", "transaction rolled back", "not master", "unknown outcome",
}

// String gives the kind in words.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// An Error tells why the broker did not do what was asked.
type Error struct {
	Kind   Kind
	Op     string // what was asked: "send", "subscribe", "commit", …
	Detail string // for a person: what, which limit, which usage
	Err    error  // the cause, may be nil
}

// Error gives operation, detail and cause in one line.
func (e *Error) Error() string {
	s := e.Op + ": "
	if e.Detail != "" {
		s += e.Detail
	} else {
		s += e.Kind.String()
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is makes errors.Is(err, ErrUnknown) and the like compare kinds only.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Op == "" && t.Kind == e.Kind
}

// What callers branch on, for errors.Is.
var (
	// ErrUnknown is never answered to a client: the connection is closed, and
	// the client's own failover resolves it [M11].
	ErrUnknown = &Error{Kind: KindUnknown}
	// ErrNotMaster means that the request did not enter the log and never will.
	ErrNotMaster = &Error{Kind: KindNotMaster}
	// ErrClosed means that the connection, subscription or transaction has ended.
	ErrClosed = &Error{Kind: KindNotFound}
)

// KindOf gives the kind of err, KindInternal for foreign errors.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return KindInternal
}

func errorf(k Kind, op, format string, args ...any) *Error {
	return &Error{Kind: k, Op: op, Detail: fmt.Sprintf(format, args...)}
}
