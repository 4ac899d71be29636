package store

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// removeFS tells before a file is removed.
type removeFS struct {
	vfs.FS
	before func(name string)
}

func (f removeFS) Remove(name string) error {
	f.before(f.PathBase(name))
	return f.FS.Remove(name)
}

// TestCrashBehindTables takes the power away when the tables of a generation are
// part of the index and nothing else of it is. A start throws them away: the
// log brings the same messages again, but some go in the generation in which
// they come, and nobody would ever remove their bodies.
func TestCrashBehindTables(t *testing.T) {
	for _, kept := range []int{0, 100} {
		t.Run(fmt.Sprintf("unsynced=%d", kept), func(t *testing.T) { crashBehindTables(t, kept) })
	}
}

func crashBehindTables(t *testing.T, kept int) {
	mem := vfs.NewCrashableMem()
	var clone *vfs.MemFS
	fs := removeFS{mem, func(name string) {
		if clone == nil && strings.HasPrefix(name, tablePrefix) {
			clone = mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: kept, RNG: rand.New(rand.NewPCG(1, 1))})
		}
	}}
	o := Options{Table: 1}
	s, log, q := newRig(t, fs, o)
	const n = 20
	for i := range n {
		b := &Batch{}
		b.Enqueue(Enqueue{Targets: []Target{{q, Lane(i % 3)}}, Header: []byte("h"), Body: bytes.Repeat([]byte{byte(i)}, 1000)})
		propose(t, s, b)
	}
	if _, err := s.atState(func(*index, metaRecord) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if clone == nil {
		t.Fatal("no table was taken in")
	}
	for i := range n / 2 { // the log has more than the crash saw
		b := &Batch{}
		b.Remove(q, Pos{Lane(i % 3), Seq(i + 1)})
		if out := propose(t, s, b); out[0].Code != Done {
			t.Fatal(out)
		}
	}

	before := log.store
	defer func() { log.store = before }()
	o.FS = clone
	crashed, err := Open("store", o)
	if err != nil {
		t.Fatal(err)
	}
	if at, _, _ := crashed.Applied(); at != 0 {
		t.Fatalf("the index is at %d, it was to be at 0", at)
	}
	names, err := clone.List("store/" + firstIndex)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasPrefix(name, tablePrefix) {
			t.Errorf("%s is left over", name)
		}
	}
	if err := crashed.Close(); err != nil {
		t.Fatal(err)
	}
	crashed = log.open(t, clone, "store", o)
	defer crashed.Close()
	if err := log.model.check(crashed); err != nil {
		t.Fatal(err)
	}
	bodies, mark := 0, 0
	if _, err := crashed.atState(func(ix *index, _ metaRecord) error {
		if err := scan(ix.db, []byte{keyAhead}, []byte{keyAhead + 1}, func(_, _ []byte) error { mark++; return nil }); err != nil {
			return err
		}
		return scan(ix.db, []byte{inBodies}, []byte{inBodies + 1}, func(_, _ []byte) error { bodies++; return nil })
	}); err != nil {
		t.Fatal(err)
	}
	if bodies != n/2 || mark != 0 {
		t.Errorf("%d bodies of %d messages, %d marks", bodies, n/2, mark)
	}
}
