package store

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/quorate/quorate/wal"
)

func newRig(t *testing.T, fs vfs.FS, o Options) (*Store, *memLog, QueueID) {
	t.Helper()
	log := &memLog{t: t, model: newModel()}
	s := log.open(t, fs, "store", o)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	b := &Batch{}
	b.CreateQueue(KindQueue, "q", nil)
	return s, log, propose(t, s, b)[0].Queue
}

func propose(t testing.TB, s *Store, b *Batch) (outs []Outcome) {
	t.Helper()
	s.Propose(b, func(r Result, err error) {
		if err != nil {
			t.Fatal(err)
		}
		outs = r.Ops
	})
	return outs
}

func TestBigBody(t *testing.T) {
	s, log, q := newRig(t, vfs.NewMem(), Options{GenerationMemory: 600 << 10, GenerationBodies: 100 << 10})
	body := bytes.Repeat([]byte("0123456789abcdef"), 5*PartSize/64+3)
	b := &Batch{}
	b.Enqueue(Enqueue{Targets: []Target{{q, 0}}, Header: []byte("h"), Body: body})
	if out := propose(t, s, b); out[0].Code != Done || out[0].Seqs[0] != 1 {
		t.Fatal(out)
	}
	if err := log.model.check(s); err != nil {
		t.Fatal(err)
	}
	for i, e := range log.entries {
		if len(e) > 1<<20 {
			t.Errorf("entry %d has %d bytes", i+1, len(e))
		}
	}
	b = &Batch{}
	b.Remove(q, Pos{0, 1})
	propose(t, s, b)
	if _, err := s.atState(func(ix *index, _ metaRecord) error {
		return scan(ix.db, []byte{keyChunk}, []byte{keyChunk + 1}, func(k, _ []byte) error {
			return fmt.Errorf("chunk %x is still there", k)
		})
	}); err != nil {
		t.Fatal(err)
	}
}

func TestBigTransaction(t *testing.T) {
	s, log, q := newRig(t, vfs.NewMem(), Options{GenerationMemory: 1 << 20, GenerationBodies: 300 << 10})
	b := &Batch{}
	for i := range 3000 {
		b.Enqueue(Enqueue{Targets: []Target{{q, 0}}, Header: fmt.Appendf(nil, "h%d", i), Body: make([]byte, 500)})
	}
	b.Enqueue(Enqueue{Targets: []Target{{q, 0}}, Body: make([]byte, 2*PartSize)})
	b.Remove(q, Pos{0, 1})
	outs := propose(t, s, b)
	if len(outs) != 3002 || outs[3000].Seqs[0] != 3001 || outs[3001].Code != Done {
		t.Fatal(len(outs), outs[len(outs)-1])
	}
	if err := log.model.check(s); err != nil {
		t.Fatal(err)
	}
	if len(log.entries) < 7 {
		t.Errorf("%d entries", len(log.entries))
	}
}

// TestReignDropsStages: what an earlier master staged does not become visible,
// and its commit is told so [M10].
func TestReignDropsStages(t *testing.T) {
	s, log, q := newRig(t, vfs.NewMem(), Options{})
	p := proposal{s: s}
	b := &Batch{}
	b.Enqueue(Enqueue{Targets: []Target{{q, 0}}, Body: []byte("b"), Producer: "p", Sequence: 5})
	id := opaqueID{1, 1}
	ops := b.buf[headRoom:]
	log.commit(frame(append(p.control(opStage, id, 0, len(ops)), ops...), 1, 1))
	b = &Batch{}
	b.Reign(2, 1, 0)
	propose(t, s, b)
	r := log.commit(frame(p.control(opCommit, id, 1, 0), 1, 1))[0].(*Result)
	if r.Ops[0].Code != NoStage {
		t.Fatal(r)
	}
	// Its sequence was not marked, so the replay takes effect [M16].
	b = &Batch{}
	b.Enqueue(Enqueue{Targets: []Target{{q, 0}}, Body: []byte("b"), Producer: "p", Sequence: 5})
	if out := propose(t, s, b); out[0].Code != Done {
		t.Fatal(out)
	}
	b = &Batch{}
	b.Enqueue(Enqueue{Targets: []Target{{q, 0}}, Body: []byte("b"), Producer: "p", Sequence: 5})
	if out := propose(t, s, b); out[0].Code != Duplicate {
		t.Fatal(out)
	}
	if u := s.Usage(); u.Staged != 0 || u.Messages != 1 {
		t.Fatalf("%+v", u)
	}
}

func TestTooLarge(t *testing.T) {
	s, _, q := newRig(t, vfs.NewMem(), Options{MaxBody: 1000_000, MaxTransaction: 2000_000, MaxTransactionOps: 10})
	for name, fill := range map[string]func(*Batch){
		"header":  func(b *Batch) { b.Enqueue(Enqueue{Targets: []Target{{q, 0}}, Header: make([]byte, MaxHeader+1)}) },
		"body":    func(b *Batch) { b.Enqueue(Enqueue{Targets: []Target{{q, 0}}, Body: make([]byte, 1000_001)}) },
		"name":    func(b *Batch) { b.CreateQueue(KindQueue, string(make([]byte, MaxName+1)), nil) },
		"targets": func(b *Batch) { b.Enqueue(Enqueue{Targets: make([]Target, MaxTargets+1)}) },
		"operations": func(b *Batch) {
			for range 11 {
				b.Remove(q, Pos{})
			}
		},
		"transaction": func(b *Batch) {
			for range 3 {
				b.Enqueue(Enqueue{Body: make([]byte, 900_000)})
			}
		},
	} {
		var b Batch
		fill(&b)
		s.Propose(&b, func(_ Result, err error) {
			if !errors.Is(err, ErrTooLarge) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	var b Batch
	b.Remove(q, Pos{Lane: Lanes})
	s.Propose(&b, func(_ Result, err error) {
		if !errors.Is(err, ErrInvalid) {
			t.Error(err)
		}
	})
}

// TestUnknownOperation: a batch of a later version takes the node down instead
// of being skipped.
func TestUnknownOperation(t *testing.T) {
	for _, batch := range [][]byte{
		{batchMagic, batchVersion + 1, 0},
		{batchMagic, batchVersion, 1, 99, 0},
	} {
		told := make(chan error, 1)
		fs := vfs.NewMem()
		log := &memLog{t: t}
		s := log.open(t, fs, "store", Options{Fatal: func(err error) { told <- err }})
		if r := log.commit(batch)[0]; r != nil {
			t.Errorf("%x gave %v", batch, r)
		}
		if err := <-told; !errors.Is(err, ErrVersion) || !errors.Is(s.Failed(), ErrVersion) {
			t.Error(err)
		}
		s.Propose(&Batch{}, func(_ Result, err error) {
			if !errors.Is(err, ErrUnknown) {
				t.Error(err)
			}
		})
		if at, _, _ := s.Applied(); at != 0 {
			t.Errorf("applied %d", at)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestFoldedGeneration: what comes and goes in one generation leaves no trace in
// the index.
func TestFoldedGeneration(t *testing.T) {
	s, log, q := newRig(t, vfs.NewMem(), Options{})
	for i := range 100 {
		b := &Batch{}
		b.Enqueue(Enqueue{Targets: []Target{{q, 0}}, Header: []byte("h"), Body: make([]byte, 1000)})
		b.Remove(q, Pos{0, Seq(i + 1)})
		propose(t, s, b)
	}
	if u := s.Usage(); u.Bodies != 0 || u.Overlay > 2000 {
		t.Errorf("nothing is pending: %+v", u)
	}
	if _, err := s.atState(func(ix *index, _ metaRecord) error {
		trace := func(k, _ []byte) error { return fmt.Errorf("key %x", k) }
		return errors.Join(scan(ix.db, []byte{inEntries}, []byte{inEntries + 1}, trace), scan(ix.db, []byte{inBodies}, []byte{inBodies + 1}, trace))
	}); err != nil {
		t.Fatal(err)
	}
	if low := s.Low(); low != wal.Index(len(log.entries)) {
		t.Errorf("low is %d", low)
	}
}
