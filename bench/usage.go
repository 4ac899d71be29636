package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// latencies collects durations of many goroutines.
type latencies struct {
	mu  sync.Mutex
	all []time.Duration
}

func (l *latencies) add(d []time.Duration) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, d...)
}

func (l *latencies) quantiles() (p50, p99 time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.all) == 0 {
		return 0, 0
	}
	slices.Sort(l.all)
	return l.all[len(l.all)/2], l.all[len(l.all)*99/100]
}

// usage is what processes have used since they started.
type usage struct {
	cpu     float64 // seconds, user and system
	written int64   // bytes that they made the disk write
	rss     int64   // of the largest, now
}

// usageOf adds up what the processes have used so far.
func usageOf(pids []int) usage {
	var u usage
	for _, pid := range pids {
		if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil {
			f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+2:]))
			var user, sys float64
			fmt.Sscan(f[11], &user)
			fmt.Sscan(f[12], &sys)
			u.cpu += (user + sys) / 100
		}
		if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid)); err == nil {
			for line := range strings.SplitSeq(string(b), "\n") {
				var n int64
				if v, ok := strings.CutPrefix(line, "write_bytes: "); ok {
					fmt.Sscan(v, &n)
					u.written += n
				}
			}
		}
		if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid)); err == nil {
			var size, rss int64
			fmt.Sscan(string(b), &size, &rss)
			u.rss = max(u.rss, rss*int64(os.Getpagesize()))
		}
	}
	return u
}

// settle waits until the processes are quiet, so that work which a broker puts
// off is counted where it was caused; at most four seconds.
func settle(pids []int) {
	const beat = 250 * time.Millisecond
	quiet, before := 0, usageOf(pids)
	for range 16 {
		<-time.After(beat)
		now := usageOf(pids)
		if now.cpu-before.cpu < 0.1*beat.Seconds()*float64(len(pids)) {
			quiet++
		} else {
			quiet = 0
		}
		if quiet == 2 {
			return
		}
		before = now
	}
}

func cpuSelf() float64 {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return float64(r.Utime.Sec+r.Stime.Sec) + float64(r.Utime.Usec+r.Stime.Usec)/1e6
}

// fsyncRate measures the disk itself: three writers at once, each appending
// 1 KiB and flushing, for a second.
func fsyncRate(dir string) (rate float64, p50 time.Duration, err error) {
	var lat latencies
	const writers = 3
	stop := time.Now().Add(time.Second)
	err = parallel(writers, func(i int) error {
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("fsync-%d", i)))
		if err != nil {
			return err
		}
		defer os.Remove(f.Name())
		defer f.Close()
		b := make([]byte, 1024)
		var ds []time.Duration
		for time.Now().Before(stop) {
			t := time.Now()
			if _, err := f.Write(b); err != nil {
				return err
			}
			if err := syscall.Fdatasync(int(f.Fd())); err != nil {
				return err
			}
			ds = append(ds, time.Since(t))
		}
		lat.add(ds)
		return nil
	})
	p50, _ = lat.quantiles()
	return float64(len(lat.all)) / writers, p50, err
}
