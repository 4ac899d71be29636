// Package message holds a message as the broker sees it, whatever protocol it
// came through, and the form in which it is stored and replicated.
//
// A message is a header and a body. The header (everything but the body) has a
// canonical encoding, so that a selector can be evaluated over a backlog
// without reading a single body. The body is opaque: Format says what kind of
// JMS body it is, Encoding who laid out its bytes. The package knows bytes and
// structs and nothing else; it imports nothing of the project.
package message

import (
	"fmt"
	"strings"
)

// Kind tells queues from topics and permanent destinations from temporary ones.
type Kind uint8

// The kinds of a destination. Their numbers are part of the stored format.
const (
	Queue Kind = iota + 1
	Topic
	TempQueue
	TempTopic
)

// IsTopic reports whether every subscriber receives a copy.
func (k Kind) IsTopic() bool { return k == Topic || k == TempTopic }

// IsTemp reports whether the destination lives and dies with a connection.
func (k Kind) IsTemp() bool { return k == TempQueue || k == TempTopic }

// String gives the prefix ActiveMQ's users know, without the slashes.
func (k Kind) String() string {
	switch k {
	case Queue:
		return "queue"
	case Topic:
		return "topic"
	case TempQueue:
		return "temp-queue"
	case TempTopic:
		return "temp-topic"
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// A Destination is a place that messages are sent to. The zero value is none.
type Destination struct {
	Kind Kind
	Name string
}

// IsZero reports whether d names no destination.
func (d Destination) IsZero() bool { return d == Destination{} }

// String gives "queue://NAME" and the like, as ActiveMQ prints a destination.
func (d Destination) String() string {
	if d.IsZero() {
		return ""
	}
	return d.Kind.String() + "://" + d.Name
}

// ParseDestination reads what String gives. A name without a prefix is a queue.
func ParseDestination(s string) (Destination, error) {
	d := Destination{Kind: Queue, Name: s}
	if prefix, name, ok := strings.Cut(s, "://"); ok {
		d.Name = name
		switch prefix {
		case "queue":
		case "topic":
			d.Kind = Topic
		case "temp-queue":
			d.Kind = TempQueue
		case "temp-topic":
			d.Kind = TempTopic
		default:
			return Destination{}, fmt.Errorf("destination %q: prefix %q is not queue, topic, temp-queue or temp-topic", s, prefix)
		}
	}
	if d.Name == "" {
		return Destination{}, fmt.Errorf("destination %q has no name", s)
	}
	return d, nil
}

// Composite reports whether d names several destinations, with commas between.
func (d Destination) Composite() bool { return strings.Contains(d.Name, ",") }

// Split gives the destinations that d names. An element without a prefix of its
// own ("A,topic://B") is of d's kind. Elements may be empty.
func (d Destination) Split() ([]Destination, error) {
	if !d.Composite() {
		return []Destination{d}, nil
	}
	var all []Destination
	for name := range strings.SplitSeq(d.Name, ",") {
		one := Destination{Kind: d.Kind, Name: strings.TrimSpace(name)}
		if strings.Contains(name, "://") {
			var err error
			if one, err = ParseDestination(one.Name); err != nil {
				return nil, err
			}
		}
		all = append(all, one)
	}
	return all, nil
}

// Join gives the destination that names all of them: the opposite of Split. It
// is the zero value if there are none.
func Join(all []Destination) Destination {
	if len(all) == 0 {
		return Destination{}
	}
	names := make([]string, len(all))
	for i, d := range all {
		if names[i] = d.Name; d.Kind != all[0].Kind {
			names[i] = d.String()
		}
	}
	return Destination{Kind: all[0].Kind, Name: strings.Join(names, ",")}
}

// Format is the JMS kind of a body [JMS 1.1 §3.11].
type Format uint8

// The formats. Their numbers are part of the stored format.
const (
	Plain  Format = iota // a message without a body
	Text                 // UTF-8 text
	Bytes                // uninterpreted bytes
	Map                  // name and value pairs
	Stream               // a sequence of values
	Object               // a serialized object, never looked into
)

// Encoding says whose layout the bytes of a body have.
type Encoding uint8

// The encodings. Their numbers are part of the stored format.
const (
	Canonical Encoding = iota // text is UTF-8, bytes are bytes
	OpenWire                  // as an OpenWire client marshalled it, kept for byte-equal delivery
	AMQP                      // the bare sections as an AMQP client sent them
)

// A Message is one message, header and body. The broker treats it as immutable
// once it was sent; whoever changes a header copies the struct first.
type Message struct {
	ID            string      // JMSMessageID, assigned by the door that the message came in by
	Destination   Destination // where it was sent
	Original      Destination // where it was sent first, if it was forwarded or dead-lettered
	ReplyTo       Destination
	CorrelationID string
	Type          string // JMSType
	GroupID       string // JMSXGroupID
	GroupSeq      int32  // JMSXGroupSeq
	UserID        string // JMSXUserID, as authenticated by the broker
	Timestamp     int64  // milliseconds since 1970, when it was sent
	Expiration    int64  // milliseconds since 1970; 0 is never
	Priority      uint8  // 0 to 9
	Persistent    bool
	Format        Format
	Encoding      Encoding
	Properties    []Property // application properties, in the order of the sender
	Body          []byte

	// Attached is what the broker tells its protocols beside the message. It is
	// neither encoded nor sent, so it is gone once the message has been on disk.
	Attached any
}

// A Property is one typed application property. Value is one of nil, bool,
// int8, int16, Char, int32, int64, float32, float64, string, []byte, []any
// (a list of such values) or []Property (a map).
type Property struct {
	Name  string
	Value any
}

// Char is a Java char, one UTF-16 code unit.
type Char uint16

// Property returns the value of the named property and whether it is there.
func (m *Message) Property(name string) (any, bool) {
	for i := range m.Properties {
		if m.Properties[i].Name == name {
			return m.Properties[i].Value, true
		}
	}
	return nil, false
}

// With returns a copy of m whose named property has the given value. The
// property list is copied, the body is shared.
func (m *Message) With(name string, value any) *Message {
	c := *m
	c.Properties = make([]Property, 0, len(m.Properties)+1)
	for _, p := range m.Properties {
		if p.Name != name {
			c.Properties = append(c.Properties, p)
		}
	}
	c.Properties = append(c.Properties, Property{name, value})
	return &c
}

// Size is an estimate of the memory that m holds, in bytes.
func (m *Message) Size() int {
	n := 256 + len(m.ID) + len(m.Destination.Name) + len(m.CorrelationID) + len(m.Body)
	for _, p := range m.Properties {
		n += 48 + len(p.Name)
		switch v := p.Value.(type) {
		case string:
			n += len(v)
		case []byte:
			n += len(v)
		case []any:
			n += 32 * len(v)
		case []Property:
			n += 64 * len(v)
		}
	}
	return n
}

// Expired reports whether m's time to live has passed at now, in milliseconds
// since 1970.
func (m *Message) Expired(now int64) bool { return m.Expiration != 0 && now >= m.Expiration }
