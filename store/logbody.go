package store

import (
	"bytes"
	"sync"

	"github.com/quorate/quorate/wal"
)

// What readers of bodies keep of the log: enough that messages that entered
// together, and are read together, cost one read of their entry.
const (
	heldEntries = 64
	heldBytes   = 8 << 20
)

// heldLog is the data of the entries that bodies were read from last. An entry
// that was applied never changes, so what is held is never wrong.
type heldLog struct {
	mu      sync.Mutex
	entries []heldEntry // the oldest first
	bytes   int
}

type heldEntry struct {
	index wal.Index
	data  []byte
}

func (h *heldLog) get(i wal.Index) []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	for k := range h.entries {
		if h.entries[k].index == i {
			return h.entries[k].data
		}
	}
	return nil
}

func (h *heldLog) put(i wal.Index, data []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	drop := 0
	h.bytes += len(data)
	for drop < len(h.entries) && (h.bytes > heldBytes || len(h.entries)-drop >= heldEntries) {
		h.bytes -= len(h.entries[drop].data)
		drop++
	}
	n := copy(h.entries, h.entries[drop:])
	clear(h.entries[n:])
	h.entries = append(h.entries[:n], heldEntry{i, data})
}

func (h *heldLog) clear() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.entries, h.bytes = nil, 0
}

// logBody reads a body from the log. Whoever holds a body holds no more than
// that: one message in somebody's prefetch must not keep a whole entry.
func (s *Store) logBody(at bodyID, size uint32) ([]byte, error) {
	data := s.held.get(at.index)
	if data == nil {
		var err error
		if data, err = s.entry(at.index); err != nil {
			return nil, err
		}
		if int(size) < len(data)/2 {
			s.held.put(at.index, data)
		}
	}
	body, err := slice(data, at, size)
	if err != nil || int(size) >= len(data)/2 {
		return body, err
	}
	return bytes.Clone(body), nil
}
