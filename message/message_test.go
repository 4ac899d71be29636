package message

import (
	"errors"
	"math"
	"reflect"
	"testing"
)

func full() *Message {
	return &Message{
		ID: "ID:host-1-2-3:4:5", Destination: Destination{Queue, "orders"},
		Original: Destination{Topic, "VirtualTopic.Orders"}, ReplyTo: Destination{TempQueue, "ID:x:1"},
		CorrelationID: "c-1", Type: "order", GroupID: "g", GroupSeq: -1, UserID: "u",
		Timestamp: 1526464290093, Expiration: 1526464299999, Priority: 9, Persistent: true,
		Format: Text, Encoding: OpenWire,
		Properties: []Property{
			{"nil", nil}, {"t", true}, {"f", false}, {"i8", int8(-8)}, {"i16", int16(math.MinInt16)},
			{"c", Char(0xffff)}, {"i32", int32(math.MaxInt32)}, {"i64", int64(math.MinInt64)},
			{"f32", float32(1.5)}, {"f64", math.Inf(-1)}, {"s", "ä\x00"}, {"b", []byte{0, 1}},
			{"l", []any{"x", nil, []any{int32(1)}}}, {"m", []Property{{"k", "v"}}},
		},
	}
}

func TestHeaderRoundTrip(t *testing.T) {
	for _, m := range []*Message{full(), {Destination: Destination{Topic, "t"}}} {
		got, err := DecodeHeader(m.AppendHeader(nil))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, m) {
			t.Errorf("got  %+v\nwant %+v", got, m)
		}
	}
}

func TestHeaderCutAnywhere(t *testing.T) {
	b := full().AppendHeader(nil)
	for n := range b {
		if _, err := DecodeHeader(b[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes were taken for a header", n, len(b))
		}
	}
	if _, err := DecodeHeader(append(b, 0)); !errors.Is(err, ErrMalformed) {
		t.Fatalf("a byte too many: %v", err)
	}
	if _, err := DecodeHeader([]byte{2}); !errors.Is(err, ErrVersion) {
		t.Fatalf("a later version: %v", err)
	}
}

func TestDestination(t *testing.T) {
	for _, s := range []string{"queue://a", "topic://a.b", "temp-queue://x", "temp-topic://y"} {
		d, err := ParseDestination(s)
		if err != nil || d.String() != s {
			t.Errorf("%q: %v, %v", s, d, err)
		}
	}
	if d, err := ParseDestination("plain"); err != nil || d != (Destination{Queue, "plain"}) {
		t.Errorf("plain: %v, %v", d, err)
	}
	for _, s := range []string{"", "queue://", "http://x"} {
		if _, err := ParseDestination(s); err == nil {
			t.Errorf("%q was accepted", s)
		}
	}
}

func TestWithLeavesTheOriginal(t *testing.T) {
	m := &Message{Properties: []Property{{"a", "1"}, {"b", "2"}}}
	c := m.With("a", "3")
	if v, _ := m.Property("a"); v != "1" {
		t.Error("the original changed")
	}
	if v, _ := c.Property("a"); v != "3" || len(c.Properties) != 2 {
		t.Errorf("copy: %v", c.Properties)
	}
}

func FuzzDecodeHeader(f *testing.F) {
	f.Add(full().AppendHeader(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := DecodeHeader(b)
		if err != nil {
			return
		}
		again, err := DecodeHeader(m.AppendHeader(nil))
		if err != nil {
			t.Fatalf("what was read cannot be read again: %v", err)
		}
		if a, b := string(m.AppendHeader(nil)), string(again.AppendHeader(nil)); a != b {
			t.Fatalf("%q became %q", a, b)
		}
	})
}
