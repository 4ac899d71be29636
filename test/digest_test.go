package test

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/quorate/quorate/store"
	"github.com/quorate/quorate/wal"
)

// sameState opens the stores of stopped nodes, applies their logs up to the
// highest committed entry, as a start does, and compares the logical state. A
// node that does not have that entry is left out, and told of.
func sameState(t *testing.T, dirs []string) {
	t.Helper()
	var logs []*wal.Log
	var at wal.Index
	var term uint64
	for _, dir := range dirs {
		l, err := wal.Open(filepath.Join(dir, "log"), wal.Options{})
		if err != nil {
			t.Fatalf("%s: %v", dir, err)
		}
		defer l.Close()
		logs = append(logs, l)
		if c := l.State().Commit; c > at {
			at = c
			if term, err = l.Term(c); err != nil {
				t.Fatalf("%s: committed up to %d: %v", dir, c, err)
			}
		}
	}
	sums := map[[32]byte][]string{}
	for i, l := range logs {
		if got, err := l.Term(at); err != nil || got != term {
			t.Logf("%s does not have entry %d: %d, %v", dirs[i], at, got, err)
			continue
		}
		sum, err := digestAt(filepath.Join(dirs[i], "store"), l, at)
		if err != nil {
			t.Errorf("%s: %v", dirs[i], err)
			continue
		}
		sums[sum] = append(sums[sum], dirs[i])
	}
	if len(sums) > 1 {
		t.Errorf("states differ at entry %d: %v", at, sums)
	}
	for sum, same := range sums {
		t.Logf("%d stores have the same state %x at entry %d", len(same), sum[:8], at)
	}
}

// logged is a log that nobody can propose to.
type logged struct{ *wal.Log }

func (l logged) Propose(_ []byte, done func(any, error)) { done(nil, store.ErrRefused) }

func (l logged) Entry(i wal.Index) ([]byte, error) {
	es, err := l.Entries(i, i+1, 0)
	if err != nil {
		return nil, err
	}
	return es[0].Data, nil
}

func digestAt(dir string, l *wal.Log, at wal.Index) (sum [32]byte, err error) {
	s, err := store.Open(dir, store.Options{})
	if err != nil {
		return sum, err
	}
	defer s.Close()
	s.SetLog(logged{l})
	from, _, _ := s.Applied()
	for i := from + 1; i <= at; i++ {
		es, err := l.Entries(i, i+1, 0)
		if err != nil {
			return sum, err
		}
		apply(s, es[0])
	}
	got, sum, err := s.Digest()
	if err == nil && got != at {
		err = fmt.Errorf("state is at entry %d, not %d", got, at)
	}
	return sum, err
}

// apply applies an entry: format, nonce and sequence in 17 bytes, then batches,
// each behind its length. A change of the configuration has no batches.
func apply(s *store.Store, e wal.Entry) {
	const header, normal = 17, 0
	for at := header; e.Kind == normal && at < len(e.Data); {
		size, k := binary.Uvarint(e.Data[at:])
		at += k
		s.Apply(e.Index, e.Term, at, e.Data[at:at+int(size)])
		at += int(size)
	}
	s.Settle(e.Index, e.Term, nil)
}
