package store

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestDrainGivesDiskBack waits, signalled by the index, until little is left of
// a backlog that was consumed.
func TestDrainGivesDiskBack(t *testing.T) {
	deleted := make(chan struct{}, 1)
	o := Options{tableDeleted: func() {
		select {
		case deleted <- struct{}{}:
		default:
		}
	}}
	s, q := benchStore(t, vfs.NewMem(), "store", o)
	fill(t, s, q, 50_000, 1024)
	settle(t, s)
	full := s.Usage().Disk
	if n := drain(t, s, q, false); n != 50_000 {
		t.Fatalf("%d messages", n)
	}
	settle(t, s)
	late := time.After(30 * time.Second)
	for s.Usage().Disk > full/4 {
		select {
		case <-deleted:
		case <-late:
			t.Fatalf("%d bytes of %d are left", s.Usage().Disk, full)
		}
	}
}

// TestDrainNeedsNoTraffic: the disk of a backlog over many queues comes back
// when it was drained, though nothing else is written.
func TestDrainNeedsNoTraffic(t *testing.T) {
	deleted := make(chan struct{}, 1)
	s, q := benchStore(t, vfs.NewMem(), "store", Options{tableDeleted: func() {
		select {
		case deleted <- struct{}{}:
		default:
		}
	}})
	fill(t, s, q, 250_000, 1024)
	settle(t, s)
	if n := drain(t, s, q, false); n != 250_000 {
		t.Fatalf("%d messages", n)
	}
	late := time.After(30 * time.Second)
	for s.Usage().Disk > 128<<20 {
		select {
		case <-deleted:
		case <-late:
			t.Fatalf("%d bytes are left of what is gone", s.Usage().Disk)
		}
	}
}

// settle brings everything to the index.
func settle(t testing.TB, s *Store) {
	t.Helper()
	if _, err := s.atState(func(*index, metaRecord) error { return nil }); err != nil {
		t.Fatal(err)
	}
}

// TestBacklogCostsDisk: a backlog of tiny messages leaves the overlay, opening
// does not read it, and purging it is one operation.
func TestBacklogCostsDisk(t *testing.T) {
	const n = 300_000
	fs := vfs.NewMem()
	s, q := benchStore(t, fs, "store", Options{})
	fill(t, s, q, n, 8)
	settle(t, s)
	if u := s.Usage(); u.Overlay != 0 || u.Messages != n {
		t.Fatalf("%+v", u)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	s, q = benchStore(t, fs, "store", Options{})
	if took := time.Since(begin); took > time.Second {
		t.Errorf("opening took %v", took)
	}
	if info, _ := s.Queue(q); info.Depth != n {
		t.Fatalf("%+v", info)
	}
	b := &Batch{}
	b.PurgeQueue(q)
	begin = time.Now()
	propose(t, s, b)
	if took := time.Since(begin); took > 100*time.Millisecond {
		t.Errorf("purging took %v", took)
	}
	if got, err := s.Load(q, Pos{}, 1, 1); err != nil || len(got) != 0 {
		t.Fatal(got, err)
	}
	if info, _ := s.Queue(q); info.Depth != 0 || info.Bytes != 0 {
		t.Fatalf("%+v", info)
	}
}

// TestSlowIndex: while the index is stuck, Apply waits; memory stays bounded.
func TestSlowIndex(t *testing.T) {
	s, _, q := newRig(t, vfs.NewMem(), Options{GenerationMemory: 20_000})
	stuck, entered := make(chan struct{}), make(chan struct{})
	s.applying.Lock()
	s.closeGeneration(func(*index, metaRecord) { close(entered); <-stuck })
	s.applying.Unlock()
	<-entered
	done := make(chan struct{})
	go func() {
		defer close(done)
		fill(t, s, q, 500, 300)
	}()
	for s.Usage().Overlay < 20_000 { // the active one fills up behind the stuck one
		select {
		case <-done:
			t.Fatal("nothing waited")
		default:
		}
	}
	close(stuck)
	<-done
	if u := s.Usage(); u.Stalls == 0 || u.Messages != 500 {
		t.Errorf("%+v", u)
	}
}
