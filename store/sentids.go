package store

import (
	"encoding/binary"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// defaultSentIDs is how many ids of sent messages are remembered until a LimitIDs
// operation says otherwise. It is part of the replicated state.
const defaultSentIDs = 20_000

// sentIDs are the ids of the messages sent last, by which one that is sent
// again is found. They are numbered in the order of the log, and the oldest
// goes first, so every node remembers the same.
type sentIDs struct {
	idCounters
	byID  map[string]struct{}
	order []string // those from number first on
}

// idCounters are what the meta record has of the ids.
type idCounters struct {
	first, next uint64 // those from first to next-1 are remembered
	limit       uint64
}

func newSentIDs() sentIDs {
	return sentIDs{idCounters: idCounters{limit: defaultSentIDs}, byID: make(map[string]struct{})}
}

func (s *sentIDs) has(id []byte) bool {
	_, ok := s.byID[string(id)]
	return ok
}

// add remembers an id that is not there.
func (s *sentIDs) add(id string) {
	s.byID[id] = struct{}{}
	s.order = append(s.order, id)
	s.next++
	s.evict()
}

// evict forgets the oldest above the limit.
func (s *sentIDs) evict() {
	for uint64(len(s.order)) > s.limit {
		delete(s.byID, s.order[0])
		s.order[0] = ""
		s.order = s.order[1:]
		s.first++
	}
}

// sentIDMemory is what a remembered id costs besides its bytes.
const sentIDMemory = 64

// admitID remembers an id of a generation.
func (s *Store) admitID(id []byte) {
	s.mu.sentIDs.add(string(id))
	s.mu.active.memory += sentIDMemory + int64(len(id))
}

// sealedIDs are the ids that a generation added and that are left at its end.
type sealedIDs struct {
	idCounters
	from  uint64 // number of order[0]
	order []string
}

// seal gives the ids from a number on that are left.
func (s *sentIDs) seal(from uint64) sealedIDs {
	from = max(from, s.first)
	return sealedIDs{s.idCounters, from, append([]string(nil), s.order[from-s.first:]...)}
}

func appendSentIDKey(b []byte, n uint64) []byte {
	return binary.BigEndian.AppendUint64(append(b, keySentID), n)
}

// sentIDs writes the ids that the generation added, and forgets those before
// the first.
func (f *flush) sentIDs() {
	ids := &f.sl.ids
	if f.sl.gen.firstID < ids.first {
		f.delRange([]byte{keySentID}, appendSentIDKey(nil, ids.first))
	}
	for i, id := range ids.order {
		f.v = append(append(f.v[:0], recordVersion), id...)
		f.set(appendSentIDKey(nil, ids.from+uint64(i)), f.v)
	}
}

func decodeSentID(b []byte) (string, error) {
	r := reader{b: b}
	r.version()
	if len(r.b) > MaxSentID {
		r.fail("an id of %d bytes", len(r.b))
	}
	return string(r.b), r.err
}

// readSentIDs reads the ids; their counters are known from the meta record.
func readSentIDs(r pebble.Reader, st *state) error {
	ids := &st.sentIDs
	n := ids.first
	err := scan(r, []byte{keySentID}, []byte{keySentID + 1}, func(k, v []byte) error {
		id, err := decodeSentID(v)
		if err != nil {
			return fmt.Errorf("id of a message: %w", err)
		}
		if len(k) != 9 || binary.BigEndian.Uint64(k[1:]) != n {
			return fmt.Errorf("%w: id %x of a message, %d expected", ErrCorrupt, k, n)
		}
		ids.byID[id] = struct{}{}
		ids.order = append(ids.order, id)
		n++
		return nil
	})
	if err == nil && n != ids.next {
		err = fmt.Errorf("%w: ids of messages up to %d, %d expected", ErrCorrupt, n, ids.next)
	}
	return err
}
