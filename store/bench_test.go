package store

import (
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/quorate/quorate/wal"
)

// nullLog applies what is proposed and keeps nothing.
type nullLog struct {
	s  *Store
	at wal.Index
}

func (l *nullLog) Propose(batch []byte, done func(any, error)) {
	l.at++
	r := l.s.Apply(l.at, 1, 16, batch)
	l.s.Settle(l.at, 1, nil)
	done(r, nil)
}

func (l *nullLog) Entry(wal.Index) ([]byte, error) { return nil, wal.ErrCompacted }

func benchStore(b testing.TB, fs vfs.FS, dir string, o Options) (*Store, QueueID) {
	o.FS = fs
	o.GenerationBodies = 1 << 40 // the log keeps nothing here
	s, err := Open(dir, o)
	if err != nil {
		b.Fatal(err)
	}
	at, _, _ := s.Applied()
	s.SetLog(&nullLog{s, at})
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	var q QueueID
	create := &Batch{}
	create.CreateQueue(KindQueue, "bench", nil)
	s.Propose(create, func(r Result, err error) {
		if err != nil {
			b.Fatal(err)
		}
		q = r.Ops[0].Queue
	})
	return s, q
}

// BenchmarkApply enqueues and removes messages of 1 KiB in batches that are
// encoded before, one operation each: what a node does for each of them.
func BenchmarkApply(b *testing.B) {
	s, q := benchStore(b, vfs.NewMem(), "store", Options{})
	var e Batch
	e.Enqueue(Enqueue{Targets: []Target{{q, 0}}, Header: make([]byte, 100), Body: make([]byte, 1024)})
	enqueue := frame(e.buf, 1, 1)
	at := wal.Index(2)
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		r := s.Apply(at, 1, 16, enqueue).(*Result)
		var rm Batch
		rm.Remove(q, Pos{0, r.Ops[0].Seqs[0]})
		s.Apply(at+1, 1, 16, frame(rm.buf, 1, 1))
		if i%16 == 0 { // group commit
			s.Settle(at+1, 1, nil)
		}
		at += 2
	}
	b.ReportMetric(float64(2*b.N)/b.Elapsed().Seconds(), "ops/s")
}

// BenchmarkPropose encodes an enqueue of 1 KiB.
func BenchmarkPropose(b *testing.B) {
	s, q := benchStore(b, vfs.NewMem(), "store", Options{})
	s.SetLog(discardLog{})
	header, body := make([]byte, 100), make([]byte, 1024)
	targets := []Target{{q, 0}}
	b.ReportAllocs()
	for b.Loop() {
		var e Batch
		e.Enqueue(Enqueue{Targets: targets, Header: header, Body: body})
		s.Propose(&e, func(Result, error) {})
	}
}

type discardLog struct{}

func (discardLog) Propose(_ []byte, done func(any, error)) { done(nil, ErrUnknown) }
func (discardLog) Entry(wal.Index) ([]byte, error)         { return nil, wal.ErrCompacted }

func fill(b testing.TB, s *Store, q QueueID, n, size int) {
	body := make([]byte, size)
	for i := 0; i < n; {
		batch := &Batch{}
		for k := 0; k < 100 && i < n; k++ {
			for j := 0; j < len(body); j += 8 {
				body[j] = byte(i * (j + 1) >> 3)
			}
			batch.Enqueue(Enqueue{Targets: []Target{{q, 0}}, Header: fmt.Appendf(nil, "header of message %d", i), Body: body})
			i++
		}
		s.Propose(batch, func(_ Result, err error) {
			if err != nil {
				b.Fatal(err)
			}
		})
	}
}

// drain loads and removes everything as a broker does.
func drain(b testing.TB, s *Store, q QueueID, bodies bool) (n int) {
	var after Pos
	for {
		got, err := s.Load(q, after, 200, 1<<20)
		if err != nil {
			b.Fatal(err)
		}
		if len(got) == 0 {
			return n
		}
		batch := &Batch{}
		for i := range got {
			if bodies {
				if _, err := s.Body(q, &got[i]); err != nil {
					b.Fatal(err)
				}
			}
			batch.Remove(q, got[i].Pos)
		}
		s.Propose(batch, func(_ Result, err error) {
			if err != nil {
				b.Fatal(err)
			}
		})
		after = got[len(got)-1].Pos
		n += len(got)
	}
}

// BenchmarkBacklog builds up a backlog of 1 KiB messages on disk, opens it
// again, and drains it.
func BenchmarkBacklog(b *testing.B) {
	const n = 200_000
	for b.Loop() {
		dir := b.TempDir()
		s, q := benchStore(b, vfs.Default, dir, Options{})
		begin := time.Now()
		fill(b, s, q, n, 1024)
		if _, err := s.atState(func(*index, metaRecord) error { return nil }); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(n/time.Since(begin).Seconds(), "fill/s")
		b.ReportMetric(float64(s.Usage().Disk)/1e6, "MB")
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		begin = time.Now()
		s, q = benchStore(b, vfs.Default, dir, Options{})
		b.ReportMetric(float64(time.Since(begin).Microseconds())/1000, "open-ms")
		begin = time.Now()
		if got := drain(b, s, q, true); got != n {
			b.Fatalf("%d of %d messages", got, n)
		}
		b.ReportMetric(n/time.Since(begin).Seconds(), "drain/s")
		if _, err := s.atState(func(*index, metaRecord) error { return nil }); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(s.Usage().Disk)/1e6, "MB-drained")
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.HeapInuse)/1e6, "heap-MB")
		if err := Verify(vfs.Default, "none", io.Discard); err == nil {
			b.Fatal("there is no store")
		}
	}
}
