package message

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// The encoding of a header, all integers unsigned varints unless noted:
//
//	byte    version, 1
//	uvarint present, a bit for each optional field below
//	byte    destination kind, string destination name
//	string  ID
//	varint  timestamp, milliseconds
//	byte    format<<4 | encoding
//	byte    priority | 0x80 if persistent
//	…       the optional fields whose bits are set, in the order of the bits
//
// A string is a length and its bytes. A property is its name, a type byte and
// the value. Every length is checked against the bytes that are left before
// anything is allocated.
const headerVersion = 1

const (
	hasOriginal = 1 << iota
	hasReplyTo
	hasCorrelationID
	hasType
	hasGroupID
	hasGroupSeq
	hasUserID
	hasExpiration
	hasProperties
	knownFields = 1<<iota - 1
)

const (
	typeNil byte = iota
	typeFalse
	typeTrue
	typeInt8
	typeInt16
	typeChar
	typeInt32
	typeInt64
	typeFloat32
	typeFloat64
	typeString
	typeBytes
	typeList
	typeMap
)

// maxDepth bounds how deep maps and lists of a property may nest.
const maxDepth = 16

// ErrVersion is returned for a header that a later version wrote.
var ErrVersion = errors.New("message header of an unknown version")

// ErrMalformed is returned for bytes that are not a header.
var ErrMalformed = errors.New("malformed message header")

// AppendHeader appends the canonical encoding of everything but the body.
func (m *Message) AppendHeader(b []byte) []byte {
	present := m.present()
	b = append(b, headerVersion)
	b = binary.AppendUvarint(b, present)
	b = appendDestination(b, m.Destination)
	b = appendString(b, m.ID)
	b = binary.AppendVarint(b, m.Timestamp)
	b = append(b, byte(m.Format)<<4|byte(m.Encoding))
	prio := m.Priority & 0x7f
	if m.Persistent {
		prio |= 0x80
	}
	b = append(b, prio)
	if present&hasOriginal != 0 {
		b = appendDestination(b, m.Original)
	}
	if present&hasReplyTo != 0 {
		b = appendDestination(b, m.ReplyTo)
	}
	for _, f := range []struct {
		bit uint64
		s   string
	}{{hasCorrelationID, m.CorrelationID}, {hasType, m.Type}, {hasGroupID, m.GroupID}} {
		if present&f.bit != 0 {
			b = appendString(b, f.s)
		}
	}
	if present&hasGroupSeq != 0 {
		b = binary.AppendVarint(b, int64(m.GroupSeq))
	}
	if present&hasUserID != 0 {
		b = appendString(b, m.UserID)
	}
	if present&hasExpiration != 0 {
		b = binary.AppendVarint(b, m.Expiration)
	}
	if present&hasProperties != 0 {
		b = appendProperties(b, m.Properties)
	}
	return b
}

func (m *Message) present() uint64 {
	var p uint64
	for _, f := range []struct {
		bit uint64
		set bool
	}{
		{hasOriginal, !m.Original.IsZero()},
		{hasReplyTo, !m.ReplyTo.IsZero()},
		{hasCorrelationID, m.CorrelationID != ""},
		{hasType, m.Type != ""},
		{hasGroupID, m.GroupID != ""},
		{hasGroupSeq, m.GroupSeq != 0},
		{hasUserID, m.UserID != ""},
		{hasExpiration, m.Expiration != 0},
		{hasProperties, len(m.Properties) > 0},
	} {
		if f.set {
			p |= f.bit
		}
	}
	return p
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendDestination(b []byte, d Destination) []byte {
	return appendString(append(b, byte(d.Kind)), d.Name)
}

func appendProperties(b []byte, ps []Property) []byte {
	b = binary.AppendUvarint(b, uint64(len(ps)))
	for _, p := range ps {
		b = appendValue(appendString(b, p.Name), p.Value)
	}
	return b
}

func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, typeNil)
	case bool:
		if v {
			return append(b, typeTrue)
		}
		return append(b, typeFalse)
	case int8:
		return append(b, typeInt8, byte(v))
	case int16:
		return binary.AppendVarint(append(b, typeInt16), int64(v))
	case Char:
		return binary.AppendUvarint(append(b, typeChar), uint64(v))
	case int32:
		return binary.AppendVarint(append(b, typeInt32), int64(v))
	case int64:
		return binary.AppendVarint(append(b, typeInt64), v)
	case float32:
		return binary.LittleEndian.AppendUint32(append(b, typeFloat32), math.Float32bits(v))
	case float64:
		return binary.LittleEndian.AppendUint64(append(b, typeFloat64), math.Float64bits(v))
	case string:
		return appendString(append(b, typeString), v)
	case []byte:
		return append(binary.AppendUvarint(append(b, typeBytes), uint64(len(v))), v...)
	case []any:
		b = binary.AppendUvarint(append(b, typeList), uint64(len(v)))
		for _, e := range v {
			b = appendValue(b, e)
		}
		return b
	case []Property:
		return appendProperties(append(b, typeMap), v)
	}
	panic(fmt.Sprintf("message: a property cannot hold a %T", v))
}

// DecodeHeader reads what AppendHeader wrote. The strings and byte slices of
// the message are copies: b may be reused. The body is left empty.
func DecodeHeader(b []byte) (*Message, error) {
	d := decoder{b: b}
	if v := d.byte(); d.err == nil && v != headerVersion {
		return nil, fmt.Errorf("%w: %d, this one knows %d", ErrVersion, v, headerVersion)
	}
	present := d.uvarint()
	if d.err == nil && present&^uint64(knownFields) != 0 {
		return nil, fmt.Errorf("%w: field bits %#x", ErrVersion, present)
	}
	m := &Message{}
	m.Destination = d.destination()
	m.ID = d.string()
	m.Timestamp = d.varint()
	layout := d.byte()
	m.Format, m.Encoding = Format(layout>>4), Encoding(layout&0xf)
	prio := d.byte()
	m.Priority, m.Persistent = prio&0x7f, prio&0x80 != 0
	if present&hasOriginal != 0 {
		m.Original = d.destination()
	}
	if present&hasReplyTo != 0 {
		m.ReplyTo = d.destination()
	}
	if present&hasCorrelationID != 0 {
		m.CorrelationID = d.string()
	}
	if present&hasType != 0 {
		m.Type = d.string()
	}
	if present&hasGroupID != 0 {
		m.GroupID = d.string()
	}
	if present&hasGroupSeq != 0 {
		m.GroupSeq = int32(d.bounded(math.MinInt32, math.MaxInt32))
	}
	if present&hasUserID != 0 {
		m.UserID = d.string()
	}
	if present&hasExpiration != 0 {
		m.Expiration = d.varint()
	}
	if present&hasProperties != 0 {
		m.Properties = d.properties(0)
	}
	if d.err == nil && len(d.b) != 0 {
		d.fail("%d bytes left over", len(d.b))
	}
	if d.err != nil {
		return nil, d.err
	}
	return m, nil
}

// A decoder reads from b; after its first error it gives zero values only.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
		d.b = nil
	}
}

func (d *decoder) take(n uint64) []byte {
	if d.err != nil {
		return nil
	}
	if n > uint64(len(d.b)) {
		d.fail("%d bytes wanted, %d left", n, len(d.b))
		return nil
	}
	v := d.b[:n]
	d.b = d.b[n:]
	return v
}

func (d *decoder) byte() byte {
	if v := d.take(1); v != nil {
		return v[0]
	}
	return 0
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail("bad number")
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail("bad number")
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) bounded(lo, hi int64) int64 {
	v := d.varint()
	if v < lo || v > hi {
		d.fail("number %d, allowed %d to %d", v, lo, hi)
		return 0
	}
	return v
}

func (d *decoder) string() string { return string(d.take(d.uvarint())) }

func (d *decoder) destination() Destination {
	k := Kind(d.byte())
	if d.err == nil && (k < Queue || k > TempTopic) {
		d.fail("destination kind %d", k)
	}
	return Destination{k, d.string()}
}

// count reads a number of elements, each at least min bytes long.
func (d *decoder) count(min int) int {
	n := d.uvarint()
	if n > uint64(len(d.b)/min) {
		d.fail("%d elements announced, %d bytes left", n, len(d.b))
		return 0
	}
	return int(n)
}

func (d *decoder) properties(depth int) []Property {
	n := d.count(2)
	ps := make([]Property, 0, n)
	for i := 0; i < n && d.err == nil; i++ {
		name := d.string()
		ps = append(ps, Property{name, d.value(depth)})
	}
	return ps
}

func (d *decoder) value(depth int) any {
	if depth > maxDepth {
		d.fail("maps and lists nest deeper than %d", maxDepth)
		return nil
	}
	switch t := d.byte(); t {
	case typeNil:
		return nil
	case typeFalse, typeTrue:
		return t == typeTrue
	case typeInt8:
		return int8(d.byte())
	case typeInt16:
		return int16(d.bounded(math.MinInt16, math.MaxInt16))
	case typeChar:
		v := d.uvarint()
		if v > math.MaxUint16 {
			d.fail("char %d", v)
		}
		return Char(v)
	case typeInt32:
		return int32(d.bounded(math.MinInt32, math.MaxInt32))
	case typeInt64:
		return d.varint()
	case typeFloat32:
		if v := d.take(4); v != nil {
			return math.Float32frombits(binary.LittleEndian.Uint32(v))
		}
	case typeFloat64:
		if v := d.take(8); v != nil {
			return math.Float64frombits(binary.LittleEndian.Uint64(v))
		}
	case typeString:
		return d.string()
	case typeBytes:
		return append([]byte{}, d.take(d.uvarint())...)
	case typeList:
		n := d.count(1)
		list := make([]any, 0, n)
		for i := 0; i < n && d.err == nil; i++ {
			list = append(list, d.value(depth+1))
		}
		return list
	case typeMap:
		return d.properties(depth + 1)
	default:
		d.fail("property type %d", t)
	}
	return nil
}
