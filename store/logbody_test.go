package store

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/quorate/quorate/wal"
)

// countingLog counts what is read of the log.
type countingLog struct {
	*memLog
	reads int
}

func (l *countingLog) Entry(i wal.Index) ([]byte, error) {
	l.reads++
	return l.memLog.Entry(i)
}

// TestBodiesOfOneEntry reads many small bodies that entered in one entry and
// are not in memory: that costs one read of it, and none of them holds it.
func TestBodiesOfOneEntry(t *testing.T) {
	s, mem, q := newRig(t, vfs.NewMem(), Options{GenerationBodies: 1})
	log := &countingLog{memLog: mem}
	s.SetLog(log)
	const n = 200
	var batches [][]byte
	for i := range n {
		var b Batch
		b.Enqueue(Enqueue{Targets: []Target{{Queue: q}}, Header: []byte("h"), Body: fmt.Appendf(nil, "%01000d", i)})
		batches = append(batches, frame(b.buf, b.version, len(b.ends)))
	}
	log.commit(batches...)
	list, err := s.Load(q, Pos{}, n, 1<<20)
	if err != nil || len(list) != n {
		t.Fatal(len(list), err)
	}
	for i := range list {
		body, err := s.Body(q, &list[i])
		if want := fmt.Appendf(nil, "%01000d", i); err != nil || !bytes.Equal(body, want) {
			t.Fatalf("body %d: %.20s, %v", i, body, err)
		}
		if cap(body) > 2048 {
			t.Fatalf("body %d holds %d bytes", i, cap(body))
		}
	}
	if log.reads != 1 {
		t.Errorf("%d reads of the log for one entry", log.reads)
	}
}

// TestHeldLogIsBounded: what is held keeps to its bytes and its number.
func TestHeldLogIsBounded(t *testing.T) {
	var h heldLog
	for i := range 1000 {
		h.put(wal.Index(i), make([]byte, 1<<20>>(i%12)))
		if h.bytes > heldBytes || len(h.entries) > heldEntries {
			t.Fatalf("%d bytes in %d entries are held", h.bytes, len(h.entries))
		}
		if h.get(wal.Index(i)) == nil {
			t.Fatalf("entry %d is not held", i)
		}
	}
}
