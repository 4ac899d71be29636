package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"time"
)

// compare measures every workload on every system, round by round.
func compare(dir string, o options, w io.Writer) error {
	p := newProgress(o.rounds * len(o.systems) * len(o.workloads))
	var all []result
	gone := map[string]bool{}
	for round := range o.rounds {
		rate, lat, err := fsyncRate(dir)
		if err != nil {
			return err
		}
		log.Printf("round %d of %d: three writers at once flush %.0f times a second each, median %v", round+1, o.rounds, rate, short(lat))
		all = append(all, result{system: "the disk alone", work: "flush", rate: rate, p50: lat})
		for _, name := range o.systems {
			if gone[name] {
				continue
			}
			rs, err := measureAll(p, name, filepath.Join(dir, fmt.Sprintf("%s-%d", name, round)), o)
			all = append(all, rs...)
			var not absent
			if errors.As(err, &not) {
				gone[name] = true
				p.steps -= (o.rounds - round) * len(o.workloads)
			}
			if err != nil {
				log.Printf("%s: %v", name, err)
			}
		}
	}
	table(w, all)
	return nil
}

// measureAll runs the workloads on a fresh cluster. A workload that fails is
// told and left out.
func measureAll(p *progress, name, dir string, o options) ([]result, error) {
	var all []result
	err := running(name, dir, func(s system) error {
		for _, work := range o.workloads {
			rs, err := runWorkload(s, work, o.load)
			all = append(all, rs...)
			switch {
			case err != nil:
				p.step("%s %s: %v", s.Name(), work, err)
			default:
				for _, r := range rs {
					log.Printf("    %s %s", s.Name(), r)
				}
				p.step("%s %s", s.Name(), work)
			}
		}
		return nil
	})
	return all, err
}

func runWorkload(s system, name string, l load) ([]result, error) {
	for _, w := range workloads {
		if w.name == name {
			return w.run(s, l)
		}
	}
	return nil, fmt.Errorf("workload %q is not one of a, b, c, d, e, f", name)
}

// running starts a system, calls f and stops it. Its directory goes.
func running(name, dir string, f func(s system) error) error {
	s, err := newSystem(name)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	defer s.Stop()
	began := time.Now()
	if err := s.Start(dir); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	log.Printf("  %s is up after %v", s.Name(), time.Since(began).Round(time.Millisecond))
	return f(s)
}
