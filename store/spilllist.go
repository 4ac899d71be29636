package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// use gives the index and what is known of a list at this moment; the index is
// nil if there is no such list, else it is held until users.Done is called.
func (s *Spill) use(key uint64) (*index, spillList, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.mu.lists[key]
	if l == nil {
		return nil, spillList{}, nil
	}
	ix, err := s.useLocked()
	return ix, *l, err
}

// Load gives the next messages of a list behind after, in order: at most n, and
// no more than maxBytes of headers and bodies, but at least one; none if there
// are none. They stay in the list. The slices are the caller's.
func (s *Spill) Load(key uint64, after SpillPlace, n, maxBytes int) ([]Spilled, error) {
	if n <= 0 {
		return nil, nil
	}
	ix, l, err := s.use(key)
	if err != nil {
		return nil, fmt.Errorf("spill: %w", err)
	}
	if ix == nil {
		return nil, nil
	}
	defer ix.users.Done()
	lo := behindSpillKey(key, after)
	if after.Less(l.head) {
		lo = spillKey(key, l.head)
	}
	var out []Spilled
	size := 0
	err = scan(ix.db, lo, behindSpillList(key), func(k, v []byte) error {
		if len(out) == n || len(out) > 0 && size+len(v) > maxBytes {
			return errEnough
		}
		m, err := decodeSpilled(k, v)
		out = append(out, m)
		size += len(v)
		return err
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, fmt.Errorf("spill: %w", err)
	}
	return out, nil
}

// behindSpillList gives the end of a list's range.
func behindSpillList(key uint64) []byte { return after(binary.BigEndian.AppendUint64(nil, key)) }

func decodeSpilled(k, v []byte) (m Spilled, err error) {
	if m.Place, err = spillPlaceOf(k); err != nil {
		return m, err
	}
	r := reader{b: slices.Clone(v)}
	m.Header = r.bytes(len(v))
	m.Body = r.b
	return m, r.err
}

// Remove takes messages out of a list; places without a message are ignored. It
// orders places. Messages that follow each other go as one range, so removing
// what was read at the front stays cheap, however long the list.
func (s *Spill) Remove(key uint64, places ...SpillPlace) error {
	if len(places) == 0 {
		return nil
	}
	ix, l, err := s.use(key)
	if err != nil {
		return fmt.Errorf("spill: %w", err)
	}
	if ix == nil {
		return nil
	}
	slices.SortFunc(places, comparePlaces)
	c := spillCut{key: key, head: l.head}
	err = c.cut(ix, places)
	ix.users.Done()
	if err != nil {
		return fmt.Errorf("spill: %w", err)
	}
	s.removed(key, &c)
	return nil
}

func comparePlaces(a, b SpillPlace) int {
	switch {
	case a.Less(b):
		return -1
	case b.Less(a):
		return 1
	}
	return 0
}

func (s *Spill) removed(key uint64, c *spillCut) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.mu.lists[key]
	if l == nil {
		return
	}
	l.head = c.head
	l.n -= c.n
	l.bytes -= c.bytes
	if l.n == 0 {
		c.bytes += l.bytes
		delete(s.mu.lists, key)
	}
	s.freeLocked(c.bytes)
}

// Drop removes a list.
func (s *Spill) Drop(key uint64) error {
	ix, l, err := s.use(key)
	if err == nil && ix != nil {
		err = ix.db.DeleteRange(spillKey(key, l.head), behindSpillList(key), noSync)
		ix.users.Done()
	}
	if err != nil {
		return fmt.Errorf("spill: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.mu.lists[key]; l != nil {
		delete(s.mu.lists, key)
		s.freeLocked(l.bytes)
	}
	return nil
}
