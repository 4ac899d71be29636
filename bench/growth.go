package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"
)

// growth measures how the figures change with the size of messages, the
// number of connections and the depth of the backlog.
func growth(dir string, o options, w io.Writer) error {
	series := map[string]func(system, options, *progress) ([]result, error){"size": bySize, "connections": byConnections, "depth": byDepth}
	steps := map[string]int{"size": len(sizes), "connections": len(connections), "depth": len(depths(o.deep))}
	names, total := strings.Split(o.of, ","), 0
	for _, name := range names {
		if series[name] == nil {
			return fmt.Errorf("-of %q is not one of size, connections, depth", name)
		}
		total += steps[name]
	}
	p := newProgress(total * len(o.systems))
	for _, name := range names {
		var all []result
		for _, system_ := range o.systems {
			err := running(system_, filepath.Join(dir, system_), func(s system) error {
				rs, err := series[name](s, o, p)
				all = append(all, rs...)
				return err
			})
			if err != nil {
				p.step("%s: %v", system_, err)
			}
		}
		fmt.Fprintf(w, "By %s:\n\n", name)
		table(w, all)
		fmt.Fprintln(w)
	}
	return nil
}

var (
	sizes       = []int{100, 1 << 10, 10 << 10, 100 << 10, 1 << 20}
	connections = []int{1, 10, 100, 1000}
)

// depths are the backlogs up to the deepest.
func depths(deep int) []int {
	d := []int{0}
	for n := 10_000; n <= min(deep, 10_000_000); n *= 10 {
		d = append(d, n)
	}
	return d
}

// bySize sends and consumes messages of each size.
func bySize(s system, o options, p *progress) ([]result, error) {
	var all []result
	for i, size := range sizes {
		l := o.load
		l.size = size
		queues := named(fmt.Sprintf("size%d", i), 4)
		if err := prepare(s, queues, size); err != nil {
			return all, err
		}
		rs, err := pass(s, fmt.Sprintf("%d bytes", size), l, 4, 4, queues, window(size))
		if err != nil {
			return all, err
		}
		all = append(all, rs...)
		p.step("%s %s", s.Name(), rs[0])
	}
	return all, nil
}

// byConnections lets each connection send one message at a time.
func byConnections(s system, o options, p *progress) ([]result, error) {
	var all []result
	queues := named("conn", 4)
	if err := prepare(s, queues, o.load.size); err != nil {
		return nil, err
	}
	for _, n := range connections {
		var open []producer
		for i := range n {
			c, err := s.Producer([]destination{queue(queues[i%4])}, 1, o.load.size)
			if err != nil {
				return all, err
			}
			open = append(open, c)
		}
		m := begin(s, fmt.Sprintf("%d connections", n), o.load)
		q := newQuota(o.load.time, 0)
		err := parallel(n, func(i int) error { defer open[i].Close(); return open[i].Send(q, &m.lat) })
		rs, err := m.end(q.sent.Load(), q.sent.Load(), err)
		if err != nil {
			return all, err
		}
		all = append(all, rs...)
		p.step("%s %s", s.Name(), rs[0])
	}
	return all, nil
}

// byDepth lets traffic through other queues while one queue gets ever deeper.
func byDepth(s system, o options, p *progress) ([]result, error) {
	var all []result
	queues := named("depth", 4)
	if err := prepare(s, append(queues, "deep"), o.load.size); err != nil {
		return nil, err
	}
	have := 0
	for i, depth := range depths(o.deep) {
		q := newQuota(time.Hour, max(depth-have, 1))
		err := produce(s, 8, 200, o.load.size, q, nil, func(int) []destination { return []destination{queue("deep")} })
		if err != nil {
			return all, err
		}
		have = depth
		mine := named(fmt.Sprintf("depth%d", i), 4)
		if err := prepare(s, mine, o.load.size); err != nil {
			return all, err
		}
		rs, err := pass(s, fmt.Sprintf("%d waiting", depth), o.load, 4, 4, mine, 200)
		if err != nil {
			return all, err
		}
		all = append(all, rs...)
		p.step("%s %s", s.Name(), rs[0])
	}
	return all, nil
}
