package store

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func TestJobList(t *testing.T) {
	for _, seed := range seeds(t, 2) {
		r := rand.New(rand.NewPCG(seed, 0))
		var l jobList
		var want []JobPos
		for i := range 20_000 {
			if len(want) > 0 && r.IntN(5) < 1+i/8000 {
				k := r.IntN(len(want))
				l.remove(want[k])
				want = slices.Delete(want, k, k+1)
				continue
			}
			p := JobPos{1 + r.Int64N(5000), JobID(i)}
			l.insert(&Job{JobPos: p})
			k, _ := slices.BinarySearchFunc(want, p, compareJobs)
			want = slices.Insert(want, k, p)
		}
		for _, from := range []int{-1, 0, len(want) / 2, len(want) - 1} {
			var after JobPos
			if from >= 0 {
				after = want[from]
			}
			got := []JobPos{}
			l.from(after, func(j *Job) bool { got = append(got, j.JobPos); return true })
			if !slices.Equal(got, want[from+1:]) {
				t.Fatalf("seed %d: behind %s: %d jobs, %d expected", seed, after, len(got), len(want)-from-1)
			}
		}
	}
}

// TestFireSharesTheBody: a job's big body is stored once, however often it is
// fired and wherever to, and goes with the last who holds it.
func TestFireSharesTheBody(t *testing.T) {
	s, log, q := newRig(t, vfs.NewMem(), Options{})
	body := bytes.Repeat([]byte("x"), 2*PartSize)
	b := &Batch{}
	b.Schedule(Schedule{Due: 5, Header: []byte("h"), Body: body})
	id := propose(t, s, b)[0].Job
	for due := int64(5); due < 8; due++ {
		b = &Batch{}
		f := Fire{Job: id, Due: due, Targets: []Target{{q, 0}, {q, 4}}, Header: []byte("fired"), Next: due + 1}
		if due == 7 {
			f.Next = 0
		}
		b.Fire(f)
		if out := propose(t, s, b); out[0].Code != Done || len(out[0].Seqs) != 2 {
			t.Fatal(out)
		}
	}
	if err := log.model.check(s); err != nil {
		t.Fatal(err)
	}
	chunks := func() (n int) {
		t.Helper()
		if _, err := s.atState(func(ix *index, _ metaRecord) error {
			return scan(ix.db, []byte{keyChunk}, []byte{keyChunk + 1}, func(_, _ []byte) error { n++; return nil })
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := chunks(); n != 2 {
		t.Errorf("%d parts are stored, 2 expected", n)
	}
	b = &Batch{}
	b.PurgeQueue(q)
	propose(t, s, b)
	b = &Batch{}
	b.Fire(Fire{Job: id, Due: 8})
	if out := propose(t, s, b); out[0].Code != NoJob {
		t.Fatal(out)
	}
	for chunks() > 0 { // the writer cleans the purged queue's grave between two generations
	}
}

func TestScheduleRefuses(t *testing.T) {
	s, _, _ := newRig(t, vfs.NewMem(), Options{})
	for what, c := range map[string]struct {
		add  func(*Batch)
		want error
	}{
		"no due time": {func(b *Batch) { b.Schedule(Schedule{}) }, ErrInvalid},
		"spec":        {func(b *Batch) { b.Schedule(Schedule{Due: 1, Spec: make([]byte, MaxSpec+1)}) }, ErrTooLarge},
		"header":      {func(b *Batch) { b.Schedule(Schedule{Due: 1, Header: make([]byte, MaxHeader-JobRoom+1)}) }, ErrTooLarge},
		"next":        {func(b *Batch) { b.Fire(Fire{Job: 1, Due: 1, Next: -1}) }, ErrInvalid},
		"lane":        {func(b *Batch) { b.Fire(Fire{Job: 1, Due: 1, Targets: []Target{{1, Lanes}}}) }, ErrInvalid},
	} {
		b := &Batch{}
		c.add(b)
		s.Propose(b, func(_ Result, err error) {
			if !errors.Is(err, c.want) {
				t.Errorf("%s: %v, %v expected", what, err, c.want)
			}
		})
	}
}

// TestManyJobs: jobs cost disk, not memory, and the next are found at once when
// those before are gone.
func TestManyJobs(t *testing.T) {
	o := Options{GenerationMemory: 2 << 20}
	s, q := benchStore(t, vfs.NewMem(), "store", o)
	const n, batch = 8_000, 500
	r := rand.New(rand.NewPCG(1, 1))
	body := make([]byte, 200)
	for range n / batch {
		b := &Batch{}
		for range batch {
			b.Schedule(Schedule{Due: 1 + r.Int64N(n), Spec: []byte("spec"), Header: make([]byte, 100), Body: body})
		}
		propose(t, s, b)
		if u := s.Usage(); u.Overlay > 3*o.GenerationMemory {
			t.Fatalf("%d bytes in memory", u.Overlay)
		}
	}
	for left := n; left > 0; left -= batch {
		page, err := s.Jobs(JobPos{}, batch, 1<<20)
		if err != nil || len(page) != batch {
			t.Fatalf("%d of %d left: %d jobs, %v", left, n, len(page), err)
		}
		b := &Batch{}
		for i := range page {
			b.Fire(Fire{Job: page[i].ID, Due: page[i].Due, Targets: []Target{{q, 0}}, Header: []byte("h")})
		}
		propose(t, s, b)
	}
	if u := s.Usage(); u.Jobs != 0 || u.JobBytes != 0 || u.Messages != n {
		t.Fatalf("%d jobs, %d messages", u.Jobs, u.Messages)
	}
}

// TestEarlierRecords: what a store without jobs and paused queues wrote is read,
// and such a store is still written so.
func TestEarlierRecords(t *testing.T) {
	q := []byte{1, 1, 1, 1, 'q', 9, 2, 3, 40, 1, 5}
	rec, err := decodeQueue(q)
	if err != nil || rec.paused || !rec.shared || rec.next != 9 || !bytes.Equal(rec.append(nil), q) {
		t.Errorf("queue: %+v, %v, again %x", rec, err, rec.append(nil))
	}
	m := []byte{1, 5, 1, 2, 3, 4, 5, 6, 7, 8, 1, 'm'}
	meta, err := decodeMeta(m)
	if err != nil || meta.limit != 8 || meta.jobs != (jobCounters{}) || !bytes.Equal(meta.append(nil), m) {
		t.Errorf("meta: %+v, %v, again %x", meta, err, meta.append(nil))
	}
	b := &Batch{}
	b.DeleteQueue(1)
	if v := frame(b.buf, b.version, 1)[1]; v != 1 {
		t.Errorf("a batch of old operations has version %d", v)
	}
	b.Pause(1, true)
	old := frame(b.buf, b.version, 2)
	if old[1] != 2 {
		t.Errorf("a batch with a pause has version %d", old[1])
	}
	for _, v := range []byte{0, 3} {
		old[1] = v
		if _, err := decodeBatch(nil, old); !errors.Is(err, ErrVersion) {
			t.Errorf("version %d: %v", v, err)
		}
	}
}

func BenchmarkSchedule(b *testing.B) {
	s, _ := benchStore(b, vfs.NewMem(), "store", Options{})
	var batch Batch
	batch.Schedule(Schedule{Due: 1e12, Spec: make([]byte, 20), Header: make([]byte, 200), Body: make([]byte, 1024)})
	data := frame(batch.buf, batch.version, 1)
	at, _, _ := s.Applied()
	b.ReportAllocs()
	for b.Loop() {
		at++
		s.Apply(at, 1, 16, data)
		s.Settle(at, 1, nil)
	}
}
