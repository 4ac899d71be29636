package selector

import (
	"errors"
	"slices"
	"strings"
)

// maxText bounds a selector's text, and the strings that it builds, in bytes.
const maxText = 16 << 10

// The prefixes say whether strings that spell numbers are taken for them.
const (
	convertPrefix   = "convert_string_expressions:"
	noConvertPrefix = "no_convert_string_expressions:"
)

// A Selector is a compiled selector. It is immutable and may be used by
// several goroutines at once. The nil Selector matches every message.
type Selector struct {
	text    string
	root    *node
	names   []string
	convert bool
}

// Parse compiles text. A blank text is no selector: Parse returns nil, which
// matches everything. An error is an *Error.
func Parse(text string) (*Selector, error) {
	if len(text) > maxText {
		return nil, &Error{Text: text, Offset: maxText, Problem: "the text is longer than 16384 bytes"}
	}
	start, convert := cutPrefixes(text)
	p := &parser{lexer: lexer{text: text, offset: start}, convert: convert}
	root, err := p.parse()
	if err != nil {
		return nil, unprefixed(err, start)
	}
	if root == nil {
		return nil, nil
	}
	slices.Sort(p.names)
	return &Selector{text: text, root: root, names: slices.Compact(p.names), convert: convert}, nil
}

// unprefixed makes an error speak of the expression that starts at start: a door
// may have put a prefix before it that the client does not know of.
func unprefixed(err error, start int) error {
	var e *Error
	if errors.As(err, &e) {
		e.Text, e.Offset = e.Text[start:], e.Offset-start
	}
	return err
}

// cutPrefixes finds where the expression starts. The last prefix decides: a
// door puts its own before what the client wrote.
func cutPrefixes(text string) (start int, convert bool) {
	for {
		rest := strings.TrimLeft(text[start:], blanks)
		at := len(text) - len(rest)
		switch {
		case strings.HasPrefix(rest, convertPrefix):
			start, convert = at+len(convertPrefix), true
		case strings.HasPrefix(rest, noConvertPrefix):
			start, convert = at+len(noConvertPrefix), false
		default:
			return start, convert
		}
	}
}

// Match reports whether the selector is true for the message whose headers and
// properties get returns: nil for what is unset, else a bool, int8, int16,
// int32, int64, float32, float64 or string, or a *string or *int64, which
// saves the caller of turning a field into an interface. Anything else is set
// and equals nothing.
//
// Names that start with JMS are headers, and get answers them as ActiveMQ does:
// JMSDestination and JMSReplyTo ("queue://NAME"), JMSType, JMSMessageID,
// JMSCorrelationID, JMSXGroupID, JMSXUserID and JMSXProducerTXID are strings,
// nil if absent; JMSDeliveryMode is "PERSISTENT" or "NON_PERSISTENT";
// JMSPriority, JMSXGroupSeq and JMSXDeliveryCount (from 1) are int32;
// JMSTimestamp, JMSExpiration, JMSActiveMQBrokerInTime and
// JMSActiveMQBrokerOutTime are int64 milliseconds; JMSRedelivered and
// JMSXGroupFirstForConsumer are bool. Names are passed as they are written.
//
// Match keeps neither get nor what it returns, calls get once for each time
// that a name is needed, and allocates only for functions and concatenation.
func (s *Selector) Match(get func(name string) any) bool {
	return s == nil || s.root.truth(get) == yes
}

// String returns the text that was parsed, "" for nil.
func (s *Selector) String() string {
	if s == nil {
		return ""
	}
	return s.text
}

// Identifiers returns the names that the selector reads, sorted, each once.
// The caller must not change the slice.
func (s *Selector) Identifiers() []string {
	if s == nil {
		return nil
	}
	return s.names
}

// Equality reports whether the selector is nothing but a name compared with a
// literal, so that an index may answer it: JMSCorrelationID = 'x'. Value is a
// string, bool, int64 or float64; a number equals numbers of all widths. A selector that converts strings is an
// equality only with a string, and may then match a number or boolean that is
// spelled so: index it only by names that are always strings.
func (s *Selector) Equality() (name string, value any, ok bool) {
	if s == nil || s.root.op != opEqual {
		return "", nil, false
	}
	property, literal := s.root.args[0], s.root.args[1]
	if property.op != opProperty {
		property, literal = literal, property
	}
	if property.op != opProperty || literal.op != opLiteral {
		return "", nil, false
	}
	if s.convert && literal.literal.kind != text {
		return "", nil, false
	}
	return property.name, literal.literal.plain(), true
}
