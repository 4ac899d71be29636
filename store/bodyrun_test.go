package store

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestBodyRuns reads bodies from the index forwards, by twos, backwards and
// between others: what was read ahead is what a single read gives, and is
// bounded.
func TestBodyRuns(t *testing.T) {
	s, _, q := newRig(t, vfs.NewMem(), Options{})
	const n = 1000
	body := func(seq Seq) []byte { return bytes.Repeat(fmt.Appendf(nil, "%d ", seq), 1000) }
	for i := Seq(1); i <= n; i++ {
		b := &Batch{}
		lane := Lane(i % 2)
		b.Enqueue(Enqueue{Targets: []Target{{q, lane}}, Header: []byte("h"), Body: body(i)})
		propose(t, s, b)
	}
	if _, err := s.atState(func(*index, metaRecord) error { return nil }); err != nil { // all is in the index
		t.Fatal(err)
	}
	read := func(seq Seq) {
		t.Helper()
		got, err := s.Body(q, &Stored{Pos: Pos{Lane(seq % 2), seq}})
		if err != nil || !bytes.Equal(got, body(seq)) {
			t.Fatalf("message %d: %.20q, %v", seq, got, err)
		}
	}
	for _, step := range []struct{ from, by Seq }{{1, 1}, {1, 2}, {2, 6}, {1, 1}} {
		for seq := step.from; seq <= n; seq += step.by {
			read(seq)
		}
	}
	for seq := Seq(n); seq >= 1; seq-- {
		read(seq)
		read(n + 1 - seq)
	}
	held := 0
	for _, run := range s.runs.runs {
		for _, b := range run.bodies {
			held += len(b)
		}
	}
	if len(s.runs.runs) > maxRuns || held > maxRuns*runBytes {
		t.Errorf("%d runs of %d bytes are held", len(s.runs.runs), held)
	}
}

// TestNearby removes messages of a backlog far apart and side by side, some of
// them twice, while generations go to the index.
func TestNearby(t *testing.T) {
	s, _, q := newRig(t, vfs.NewMem(), Options{GenerationEntries: 700})
	const n = 20_000 // more blocks than are remembered
	for i := 0; i < n; i += 100 {
		b := &Batch{}
		for range 100 {
			b.Enqueue(Enqueue{Targets: []Target{{q, 0}}, Header: []byte("h"), Body: []byte("body")})
		}
		propose(t, s, b)
	}
	var at []Seq
	for i := Seq(1); i <= n/2; i++ {
		at = append(at, i, n+1-i)
	}
	for i := 0; i < len(at); i += 50 {
		b := &Batch{}
		for _, seq := range at[i : i+50] {
			b.Remove(q, Pos{0, seq})
			b.Remove(q, Pos{0, seq})
		}
		for k, o := range propose(t, s, b) {
			if want := k%2 == 1; (o.Code == NoMessage) != want {
				t.Fatalf("message %d, time %d: %v", at[i+k/2], k%2, o.Code)
			}
		}
	}
	if d, ok := s.Queue(q); !ok || d.Depth != 0 || d.Bytes != 0 {
		t.Errorf("left over: %+v", d)
	}
}

// TestBodyRunsRestored: what was read ahead does not outlive its index.
func TestBodyRunsRestored(t *testing.T) {
	fs := vfs.NewMem()
	s, _, q := newRig(t, fs, Options{})
	log := &memLog{t: t, model: newModel()}
	other := log.open(t, fs, "other", Options{})
	defer other.Close()
	b := &Batch{}
	b.CreateQueue(KindQueue, "q", nil)
	propose(t, other, b)
	fill := func(s *Store, text byte) {
		t.Helper()
		b := &Batch{}
		for range 10 {
			b.Enqueue(Enqueue{Targets: []Target{{q, 0}}, Header: []byte("h"), Body: bytes.Repeat([]byte{text}, 100)})
		}
		propose(t, s, b)
		if _, err := s.atState(func(*index, metaRecord) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	fill(s, 'a')
	fill(other, 'b')
	read := func(seq Seq, want byte) {
		t.Helper()
		if got, err := s.Body(q, &Stored{Pos: Pos{0, seq}}); err != nil || len(got) != 100 || got[0] != want {
			t.Errorf("message %d: %.10q, %v", seq, got, err)
		}
	}
	read(1, 'a')
	read(2, 'a') // and those behind it
	if _, _, _, err := other.Checkpoint("checkpoint"); err != nil {
		t.Fatal(err)
	}
	if err := s.Restore("checkpoint"); err != nil {
		t.Fatal(err)
	}
	read(3, 'b')
}

// TestNearbyLongHeaders: who wants one message does not read megabytes of the
// headers of its neighbours, and what was not read with them is found.
func TestNearbyLongHeaders(t *testing.T) {
	s, _, q := newRig(t, vfs.NewMem(), Options{})
	const n = 150
	for range n {
		b := &Batch{}
		b.Enqueue(Enqueue{Targets: []Target{{q, 0}}, Header: make([]byte, 50<<10), Body: []byte("body")})
		propose(t, s, b)
	}
	if _, err := s.atState(func(ix *index, _ metaRecord) error {
		blk, err := ix.block(blockAt{q, 0, 0})
		if err == nil && blk.known > 3 {
			t.Errorf("%d entries were read", blk.known)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for seq := Seq(n); seq >= 1; seq-- {
		b := &Batch{}
		b.Remove(q, Pos{0, seq})
		b.Remove(q, Pos{0, seq + n})
		if out := propose(t, s, b); out[0].Code != Done || out[1].Code != NoMessage {
			t.Fatalf("message %d: %+v", seq, out)
		}
	}
}
