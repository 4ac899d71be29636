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

// A result is one measurement.
type result struct {
	system, work string
	rate         float64 // messages a second
	p50, p99     time.Duration
	cpu          float64 // seconds of CPU a replica for 100,000 messages
	clientCPU    float64
	written      float64 // bytes written to disk a byte of body, a replica
	rss          int64
}

func (r result) String() string {
	return fmt.Sprintf("%s %s: %.0f/s, p50 %v, p99 %v, CPU %.2f s/100k/replica, written %.2f, RSS %d MB",
		r.system, r.work, r.rate, r.p50.Round(time.Microsecond), r.p99.Round(time.Microsecond), r.cpu, r.written, r.rss>>20)
}

// median takes the median of each figure.
func median(g []result) result {
	m := g[0]
	pick := func(f func(result) float64) float64 {
		v := make([]float64, 0, len(g))
		for _, r := range g {
			v = append(v, f(r))
		}
		slices.Sort(v)
		return v[len(v)/2]
	}
	m.rate = pick(func(r result) float64 { return r.rate })
	m.p50 = time.Duration(pick(func(r result) float64 { return float64(r.p50) }))
	m.p99 = time.Duration(pick(func(r result) float64 { return float64(r.p99) }))
	m.cpu = pick(func(r result) float64 { return r.cpu })
	m.clientCPU = pick(func(r result) float64 { return r.clientCPU })
	m.written = pick(func(r result) float64 { return r.written })
	m.rss = int64(pick(func(r result) float64 { return float64(r.rss) }))
	return m
}

// workload runs one of the named loads against a running system.
func workload(s system, name string, count, size int) (result, error) {
	if err := prepare(s, name, size); err != nil {
		return result{}, err
	}
	before, self := usageOf(s.Pids()), cpuSelf()
	began := time.Now()
	var lat latencies
	n, err := 0, error(nil)
	switch name {
	case "a": // 16 producers, 100 outstanding each
		n = count
		err = produce(s, "bench-a", 16, 100, n, size, &lat)
	case "b": // one synchronous producer
		n = count / 20
		err = produce(s, "bench-b", 1, 1, n, size, &lat)
	case "c": // producers and consumers together, end to end
		n = count
		err = together(s, "bench-c", 4, n, size, &lat)
	default:
		return result{}, fmt.Errorf("workload %q is not one of a, b, c", name)
	}
	if err != nil {
		return result{}, err
	}
	took := time.Since(began)
	after := usageOf(s.Pids())
	r := result{system: s.Name(), work: name, rate: float64(n) / took.Seconds(), rss: after.rss}
	r.p50, r.p99 = lat.quantiles()
	replicas := float64(len(s.Pids()))
	r.cpu = (after.cpu - before.cpu) / replicas * 100000 / float64(n)
	r.clientCPU = (cpuSelf() - self) * 100000 / float64(n)
	r.written = float64(after.written-before.written) / replicas / float64(n*size)
	return r, nil
}

// prepare makes the queues of a workload one after the other, each with one
// message, so that their creation is not measured.
func prepare(s system, name string, size int) error {
	for i := range 4 {
		p, err := s.Producer(fmt.Sprintf("bench-%s-%d", name, i), 1, size)
		if err != nil {
			return err
		}
		err = p.Send(1, nil)
		p.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func produce(s system, queue string, producers, window, n, size int, lat *latencies) error {
	return parallel(producers, func(i int) error {
		p, err := s.Producer(fmt.Sprintf("%s-%d", queue, i%4), window, size)
		if err != nil {
			return err
		}
		defer p.Close()
		return p.Send(n/producers, lat)
	})
}

func together(s system, queue string, pairs, n, size int, lat *latencies) error {
	return parallel(2*pairs, func(i int) error {
		name := fmt.Sprintf("%s-%d", queue, i/2)
		if i%2 == 0 {
			c, err := s.Consumer(name, 200)
			if err != nil {
				return err
			}
			defer c.Close()
			return c.Receive(n/pairs, lat)
		}
		p, err := s.Producer(name, 100, size)
		if err != nil {
			return err
		}
		defer p.Close()
		return p.Send(n/pairs, nil)
	})
}

func parallel(n int, f func(i int) error) error {
	errs := make(chan error, n)
	for i := range n {
		go func() { errs <- f(i) }()
	}
	var first error
	for range n {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return first
}

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

type usage struct {
	cpu     float64
	written int64
	rss     int64
}

// usageOf adds up what the processes have used so far; rss is the largest.
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
			for _, line := range strings.Split(string(b), "\n") {
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
