package wal

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// benchDir is on the disk that the tests run on, not in memory.
func benchDir(b *testing.B) string {
	dir, err := os.MkdirTemp(os.Getenv("WAL_BENCH_DIR"), "wal-bench-")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// BenchmarkSync appends and syncs batches of 1 KiB entries on the real disk,
// beside the same bytes written and flushed with nothing around them.
func BenchmarkSync(b *testing.B) {
	for _, batch := range []int{1, 64} {
		b.Run(fmt.Sprintf("batch=%d/raw", batch), func(b *testing.B) { benchRaw(b, batch, false) })
		b.Run(fmt.Sprintf("batch=%d/raw-zero-filled", batch), func(b *testing.B) { benchRaw(b, batch, true) })
		for _, fill := range []int64{-1, 128 << 10, 512 << 10, 2 << 20} {
			b.Run(fmt.Sprintf("batch=%d/fill=%d", batch, max(fill, 0)>>10), func(b *testing.B) {
				l, err := Open(benchDir(b), Options{FS: vfs.Default, FillAhead: fill})
				must(b, err)
				defer l.Close()
				es := made(1, batch, 1, 1024)
				b.ReportAllocs()
				b.SetBytes(int64(batch) * 1024)
				for b.Loop() {
					must(b, l.Append(&State{Term: 1, Commit: l.LastIndex()}, es))
					must(b, l.Sync())
					for k := range es {
						es[k].Index += Index(batch)
					}
				}
				b.ReportMetric(float64(batch)*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
			})
		}
	}
}

func benchRaw(b *testing.B, batch int, filled bool) {
	f, err := os.CreateTemp(benchDir(b), "raw")
	must(b, err)
	defer f.Close()
	const size = 64 << 20
	if filled {
		_, err := f.WriteAt(make([]byte, size), 0)
		must(b, err)
		must(b, f.Sync())
	}
	buf := make([]byte, batch*1056)
	var off int64
	b.SetBytes(int64(batch) * 1024)
	for b.Loop() {
		_, err := f.WriteAt(buf, off)
		must(b, err)
		must(b, syscall.Fdatasync(int(f.Fd())))
		if off += int64(len(buf)); off+int64(len(buf)) > size && filled {
			off = 0
		}
	}
	b.ReportMetric(float64(batch)*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}

// BenchmarkAppend is the cost of an append without its flush.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{16, 1024} {
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			l, err := Open(benchDir(b), Options{FS: vfs.Default})
			must(b, err)
			defer l.Close()
			es := made(1, 64, 1, size)
			b.ReportAllocs()
			b.SetBytes(64 * int64(size))
			for b.Loop() {
				must(b, l.Append(&State{Term: 1, Commit: l.LastIndex()}, es))
				for k := range es {
					es[k].Index += 64
				}
				if l.FirstIndex()+1_000_000 < l.LastIndex() {
					must(b, l.TruncateFront(l.LastIndex()-500_000))
				}
			}
		})
	}
}

func BenchmarkEntries(b *testing.B) {
	for _, c := range []struct {
		name  string
		cache int64
	}{{"memory", 1 << 30}, {"disk", 1}} {
		b.Run(c.name, func(b *testing.B) {
			l, err := Open(benchDir(b), Options{FS: vfs.Default, CacheBytes: c.cache})
			must(b, err)
			defer l.Close()
			must(b, l.Append(nil, made(1, 100_000, 1, 1024)))
			b.ReportAllocs()
			b.SetBytes(64 * 1024)
			var lo Index
			for b.Loop() {
				lo = (lo+64)%90_000 + 1
				_, err := l.Entries(lo, lo+64, 1<<20)
				must(b, err)
			}
		})
	}
}

// BenchmarkOpen opens a log of 256 MB, cleanly closed and not.
func BenchmarkOpen(b *testing.B) {
	for _, clean := range []bool{true, false} {
		b.Run(fmt.Sprintf("clean=%v", clean), func(b *testing.B) {
			dir := benchDir(b)
			l, err := Open(dir, Options{})
			must(b, err)
			const n = 1000
			es := made(1, n, 1, 1024)
			for l.Size() < 256<<20 {
				must(b, l.Append(nil, es))
				for k := range es {
					es[k].Index += n
				}
			}
			must(b, l.Close())
			b.SetBytes(256 << 20)
			for b.Loop() {
				l, err := Open(dir, Options{})
				must(b, err)
				b.StopTimer()
				if clean {
					must(b, l.Close())
				} else {
					es[0].Index = l.LastIndex() + 1
					must(b, l.Append(nil, es[:1])) // and no mark of a clean close
					must(b, l.Sync())
					must(b, l.w.active.close())
					must(b, l.w.dirFD.Close())
					must(b, l.w.lock.Close())
				}
				b.StartTimer()
			}
		})
	}
}
