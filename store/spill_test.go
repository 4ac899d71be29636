package store

import (
	"errors"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func TestSpill(t *testing.T) {
	fs := vfs.NewMem()
	s, err := OpenSpill("spill", SpillOptions{FS: fs, Limit: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fs.Stat("spill"); err == nil {
		t.Error("an empty spill store has a directory")
	}
	for i := range 100 {
		for key := range uint64(3) {
			if err := s.Append(key, fmt.Appendf(nil, "h%d", i), fmt.Appendf(nil, "body %d of %d", i, key)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Drop(2); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < 100; {
		got, err := s.Take(1, 7, 1<<20)
		if err != nil || len(got) == 0 {
			t.Fatal(i, got, err)
		}
		for _, m := range got {
			if string(m.Header) != fmt.Sprintf("h%d", i) || string(m.Body) != fmt.Sprintf("body %d of 1", i) {
				t.Fatalf("message %d: %q %q", i, m.Header, m.Body)
			}
			i++
		}
	}
	if got, err := s.Take(1, 1, 1); err != nil || len(got) != 0 {
		t.Fatal(got, err)
	}
	if got, err := s.Take(0, 9, 1); err != nil || len(got) != 1 {
		t.Fatalf("one at least and no more than the bytes: %v, %v", got, err)
	}
	if err := s.Append(0, nil, make([]byte, 1<<20)); !errors.Is(err, ErrSpillFull) {
		t.Fatal(err)
	}
	if err := s.Drop(0); err != nil || s.Usage() != 0 {
		t.Fatal(err, s.Usage())
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Append(0, nil, nil); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
}
