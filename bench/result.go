package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// A result is one measurement.
type result struct {
	work, system string
	rate         float64 // messages a second
	p50, p99     time.Duration
	cpu          float64 // seconds of CPU a replica for 100,000 messages
	clientCPU    float64 // the bench's own for 100,000 messages
	perCore      float64 // messages for each second of CPU of all replicas together
	written      float64 // bytes written to disk a byte of body sent, a replica
	rss          int64   // of the largest replica
}

func (r result) String() string {
	return fmt.Sprintf("%s: %.0f/s, p50 %v, p99 %v, CPU %.2f s/100k/replica, written %.2f, RSS %d MB",
		r.work, r.rate, short(r.p50), short(r.p99), r.cpu, r.written, r.rss>>20)
}

// A measure is under way from begin to end.
type measure struct {
	s        system
	r        result
	load     load
	lat      latencies
	before   usage
	self     float64
	began    time.Time
	profiled func() // of the profiles
}

func begin(s system, work string, l load) *measure {
	m := &measure{s: s, r: result{work: work, system: s.Name()}, load: l}
	m.settle()
	m.profiled = profile(s, work, l)
	m.before, m.self, m.began = usageOf(s.Pids()), cpuSelf(), time.Now()
	return m
}

func (m *measure) settle() {
	if !m.load.hasty {
		settle(m.s.Pids())
	}
}

// end counts n messages, of which bodies were sent by producers, unless the
// workload failed.
func (m *measure) end(n, bodies int64, err error) ([]result, error) {
	took := time.Since(m.began)
	self := cpuSelf() - m.self
	m.profiled()
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, fmt.Errorf("%s: no message in %v", m.r.work, took)
	}
	m.r.rss = usageOf(m.s.Pids()).rss
	m.settle()
	after := usageOf(m.s.Pids())
	r, replicas := m.r, float64(len(m.s.Pids()))
	r.rate = float64(n) / took.Seconds()
	r.p50, r.p99 = m.lat.quantiles()
	r.cpu = (after.cpu - m.before.cpu) / replicas * 1e5 / float64(n)
	r.clientCPU = self * 1e5 / float64(n)
	if used := after.cpu - m.before.cpu; used > 0 {
		r.perCore = float64(n) / used
	}
	r.written = float64(after.written-m.before.written) / replicas / float64(bodies*int64(m.load.size))
	return []result{r}, nil
}

// median takes the median of each figure.
func median(g []result) result {
	m := g[0]
	m.rate = middle(g, func(r result) float64 { return r.rate })
	m.p50 = time.Duration(middle(g, func(r result) float64 { return float64(r.p50) }))
	m.p99 = time.Duration(middle(g, func(r result) float64 { return float64(r.p99) }))
	m.cpu = middle(g, func(r result) float64 { return r.cpu })
	m.clientCPU = middle(g, func(r result) float64 { return r.clientCPU })
	m.perCore = middle(g, func(r result) float64 { return r.perCore })
	m.written = middle(g, func(r result) float64 { return r.written })
	m.rss = int64(middle(g, func(r result) float64 { return float64(r.rss) }))
	return m
}

func middle(g []result, f func(result) float64) float64 {
	v := make([]float64, 0, len(g))
	for _, r := range g {
		v = append(v, f(r))
	}
	slices.Sort(v)
	return v[len(v)/2]
}

// table prints the median of each figure over the rounds, as Markdown.
func table(w io.Writer, all []result) {
	type key struct{ work, system string }
	groups := map[key][]result{}
	var order []key
	for _, r := range all {
		k := key{r.work, r.system}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], r)
	}
	slices.SortStableFunc(order, func(a, b key) int { return strings.Compare(a.work, b.work) })
	rows := [][]string{{"workload", "broker", "messages/s", "min–max", "p50", "p99", "CPU s/100k/replica", "client CPU s/100k", "messages/core s", "written/byte/replica", "RSS MB"}}
	for _, k := range order {
		rows = append(rows, row(groups[k]))
	}
	markdown(w, rows)
}

func row(g []result) []string {
	m := median(g)
	lo, hi := g[0].rate, g[0].rate
	for _, r := range g {
		lo, hi = min(lo, r.rate), max(hi, r.rate)
	}
	return []string{m.work, m.system, number(m.rate), number(lo) + "–" + number(hi), short(m.p50), short(m.p99),
		fmt.Sprintf("%.2f", m.cpu), fmt.Sprintf("%.2f", m.clientCPU), number(m.perCore), fmt.Sprintf("%.2f", m.written), fmt.Sprint(m.rss >> 20)}
}

// markdown writes a table whose columns stand in line.
func markdown(w io.Writer, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, cell := range r {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	for n, r := range rows {
		for i, cell := range r {
			fmt.Fprintf(w, "| %s%s ", cell, strings.Repeat(" ", widths[i]-len([]rune(cell))))
		}
		fmt.Fprintln(w, "|")
		if n == 0 {
			fmt.Fprintln(w, "|"+strings.Repeat(" --- |", len(r)))
		}
	}
}

// number writes a figure with thousands apart.
func number(f float64) string {
	s := fmt.Sprintf("%.0f", f)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// short writes a duration with three digits.
func short(d time.Duration) string {
	switch {
	case d == 0:
		return "—"
	case d < time.Millisecond:
		return fmt.Sprintf("%.2f ms", float64(d)/1e6)
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d)/1e6)
	}
	return d.Round(time.Millisecond).String()
}
