package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func openTestSpill(t *testing.T, o SpillOptions) *Spill {
	t.Helper()
	s, err := OpenSpill("spill", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestSpill(t *testing.T) {
	fs := vfs.NewMem()
	s := openTestSpill(t, SpillOptions{FS: fs, Limit: 1 << 20})
	if _, err := fs.Stat("spill"); err == nil {
		t.Error("an empty spill store has a directory")
	}
	for i := range uint64(100) {
		for key := range uint64(3) {
			if err := s.Append(key, SpillPlace{0, 7, i + 1}, fmt.Appendf(nil, "h%d", i), fmt.Appendf(nil, "body %d of %d", i, key)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Drop(2); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < 100; {
		got, err := s.Load(1, SpillPlace{}, 7, 1<<20)
		if err != nil || len(got) == 0 {
			t.Fatal(i, got, err)
		}
		if err := s.Remove(1, places(got)...); err != nil {
			t.Fatal(err)
		}
		for _, m := range got {
			if string(m.Header) != fmt.Sprintf("h%d", i) || string(m.Body) != fmt.Sprintf("body %d of 1", i) {
				t.Fatalf("message %d: %q %q", i, m.Header, m.Body)
			}
			i++
		}
	}
	if got, err := s.Load(1, SpillPlace{}, 1, 1); err != nil || len(got) != 0 {
		t.Fatal(got, err)
	}
	if got, err := s.Load(0, SpillPlace{}, 9, 1); err != nil || len(got) != 1 {
		t.Fatalf("one at least and no more than the bytes: %v, %v", got, err)
	}
	if err := s.Append(0, SpillPlace{1, 1, 1}, nil, make([]byte, 1<<20)); !errors.Is(err, ErrSpillFull) {
		t.Fatal(err)
	}
	if err := s.Drop(0); err != nil || s.Usage() != 0 {
		t.Fatal(err, s.Usage())
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Append(0, SpillPlace{1, 1, 1}, nil, nil); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
}

func places(all []Spilled) []SpillPlace {
	var list []SpillPlace
	for i := range all {
		list = append(list, all[i].Place)
	}
	return list
}

// TestSpillRandom compares lists with sorted slices.
func TestSpillRandom(t *testing.T) {
	for _, seed := range seeds(t, 3) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			x := spillRun{t: t, r: rand.New(rand.NewPCG(seed, 0)), lists: map[uint64][]SpillPlace{}}
			x.s = openTestSpill(t, SpillOptions{FS: vfs.NewMem()})
			for range 600 {
				x.step(uint64(x.r.IntN(2)))
			}
			for key, list := range x.lists {
				if err := x.s.Remove(key, list...); err != nil {
					t.Fatal(err)
				}
			}
			if n := x.s.Usage(); n != 0 {
				t.Fatalf("%d bytes are left in empty lists", n)
			}
		})
	}
}

type spillRun struct {
	t     *testing.T
	r     *rand.Rand
	s     *Spill
	lists map[uint64][]SpillPlace
}

func (x *spillRun) step(key uint64) {
	list := x.lists[key]
	var err error
	switch k := x.r.IntN(100); {
	case k < 50:
		for range x.r.IntN(30) {
			p := SpillPlace{uint8(x.r.IntN(3)), uint64(x.r.IntN(20)), 1 + uint64(x.r.IntN(50))}
			if i, found := slices.BinarySearchFunc(list, p, comparePlaces); !found {
				err = errors.Join(err, x.s.Append(key, p, []byte(p.String()), make([]byte, p.Sub)))
				list = slices.Insert(list, i, p)
			}
		}
	case k < 80: // what is at the front, with a hole now and then, and one that is not there
		gone := []SpillPlace{{9, 9, 9}}
		for len(list) > 0 && x.r.IntN(12) > 0 {
			i := min(x.r.IntN(10)/9, len(list)-1)
			gone = append(gone, list[i])
			list = slices.Delete(list, i, i+1)
		}
		x.r.Shuffle(len(gone), func(i, j int) { gone[i], gone[j] = gone[j], gone[i] })
		err = x.s.Remove(key, gone...)
	case k < 90 && len(list) > 0:
		i := x.r.IntN(len(list))
		err = x.s.Remove(key, slices.Clone(list[:i+1])...)
		list = slices.Delete(list, 0, i+1)
	case k < 91:
		err, list = x.s.Drop(key), nil
	}
	if err != nil {
		x.t.Fatal(err)
	}
	x.lists[key] = list
	x.check(key, list)
}

func (x *spillRun) check(key uint64, list []SpillPlace) {
	x.t.Helper()
	var after SpillPlace
	if len(list) > 0 && x.r.IntN(2) == 0 {
		i := x.r.IntN(len(list))
		after, list = list[i], list[i+1:]
	}
	for {
		got, err := x.s.Load(key, after, 1+x.r.IntN(9), 1000)
		if err != nil || len(got) > len(list) || len(got) == 0 && len(list) > 0 {
			x.t.Fatalf("%d messages behind %s, %d are there: %v", len(got), after, len(list), err)
		}
		if len(got) == 0 {
			return
		}
		for i, m := range got {
			if m.Place != list[i] || string(m.Header) != m.Place.String() || len(m.Body) != int(m.Place.Sub) {
				x.t.Fatalf("message %s %q with a body of %d bytes, %s expected", m.Place, m.Header, len(m.Body), list[i])
			}
		}
		after, list = got[len(got)-1].Place, list[len(got):]
	}
}

// TestSpillDisk drains a spill in part, then wholly, and sees its files go.
func TestSpillDisk(t *testing.T) {
	fs := vfs.NewMem()
	tidied, deleted := make(chan struct{}, 100), make(chan struct{}, 1)
	s := openTestSpill(t, SpillOptions{FS: fs, tidied: func() { tidied <- struct{}{} }, tableDeleted: func() {
		select {
		case deleted <- struct{}{}:
		default:
		}
	}})
	r := rand.NewChaCha8([32]byte{1})
	body := make([]byte, 64<<10)
	const n = 4000 // 250 MiB
	for i := range uint64(n) {
		if _, err := r.Read(body); err != nil {
			t.Fatal(err)
		}
		if err := s.Append(1, SpillPlace{Seq: i + 1}, nil, body); err != nil {
			t.Fatal(err)
		}
	}
	var gone []SpillPlace
	for i := range uint64(n - 100) {
		gone = append(gone, SpillPlace{Seq: i + 1})
	}
	if err := s.Remove(1, gone...); err != nil {
		t.Fatal(err)
	}
	<-tidied
	late := time.After(30 * time.Second)
	for spillFiles(t, fs) > 80<<20 { // files go behind the compaction
		select {
		case <-deleted:
		case <-late:
			t.Fatalf("%d MiB of files for %d MiB of messages", spillFiles(t, fs)>>20, s.Usage()>>20)
		}
	}
	for i := range uint64(n) {
		if err := s.Append(2, SpillPlace{Seq: i + 1}, nil, body); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Drop(1); err != nil {
		t.Fatal(err)
	}
	if err := s.Drop(2); err != nil {
		t.Fatal(err)
	}
	<-tidied
	if got := spillFiles(t, fs); got != 0 {
		t.Errorf("%d bytes of files for nothing", got)
	}
	if err := s.Append(2, SpillPlace{Seq: 1}, nil, body); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Load(2, SpillPlace{}, 1, 1); err != nil || len(got) != 1 {
		t.Fatal(got, err)
	}
}

func spillFiles(t *testing.T, fs vfs.FS) (bytes int64) {
	t.Helper()
	dirs, err := fs.List("spill")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		names, err := fs.List(fs.PathJoin("spill", dir))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if info, err := fs.Stat(fs.PathJoin("spill", dir, name)); err == nil { // else it has just gone
				bytes += info.Size()
			}
		}
	}
	return bytes
}
