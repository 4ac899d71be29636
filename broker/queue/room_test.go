package queue

import "testing"

// What a consumer's room has no place for waits; others go on; a room that is
// half empty is filled again.
func TestRoom(t *testing.T) {
	woken := 0
	room := NewRoom(100, func() { woken++ })
	slow, other := &Consumer{Credit: 100, Room: room}, &Consumer{Credit: 2}
	m := New(Limits{Messages: 100, Bytes: 1 << 20, MaxRedeliveries: 6}, 0, false)
	m.Add(slow)
	for i := range 6 {
		m.Arrive(&Entry{Place: Place{Seq: uint64(i + 1)}, Size: 60, Value: i})
	}
	deliver := func() (got []uint64) {
		m.Dispatch(0)
		for _, f := range m.Take(nil) {
			if f.Action == Deliver {
				got = append(got, f.Entry.Seq)
			}
		}
		return got
	}
	if got := deliver(); len(got) != 2 {
		t.Fatalf("%v were delivered, want 1 and 2", got)
	}
	if got := deliver(); len(got) != 0 {
		t.Fatalf("%v were delivered to a room that is full", got)
	}
	m.Add(other)
	if got := deliver(); len(got) != 2 || got[0] != 3 {
		t.Fatalf("%v were delivered, want 3 and 4 to the other", got)
	}
	room.Empty(60)
	if woken != 0 {
		t.Fatal("a room that is more than half full woke its consumers")
	}
	room.Empty(10)
	if woken != 1 || room.Used() != 50 {
		t.Fatalf("woken %d times, %d bytes are used", woken, room.Used())
	}
	m.Wake(slow)
	if got := deliver(); len(got) != 1 || got[0] != 5 {
		t.Fatalf("%v were delivered, want 5", got)
	}
}
