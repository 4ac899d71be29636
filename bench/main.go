// Command bench measures Quorate beside other replicated brokers on one
// machine, in turn and interleaved, so that a drift of the machine's speed
// meets all of them. Every broker runs three nodes with three flushed copies.
//
//	go -C bench run . -rounds 3
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// A system is one broker cluster under test.
type system interface {
	Name() string
	Start(dir string) error
	Stop()
	Pids() []int
	// Producer gives a pipelined sender to the queue; a Consumer receives and acknowledges.
	Producer(queue string, window, size int) (producer, error)
	Consumer(queue string, prefetch int) (consumer, error)
}

// A producer sends persistent messages and learns of their confirmations.
type producer interface {
	// Send sends n messages with at most window unconfirmed and returns when
	// all are confirmed; each latency goes to the recorder.
	Send(n int, lat *latencies) error
	Close()
}

// A consumer receives n messages, acknowledges each, and returns when all
// acknowledgements are confirmed or sent.
type consumer interface {
	Receive(n int, lat *latencies) error
	Close()
}

func main() {
	log.SetFlags(0)
	var (
		which  = flag.String("systems", "quorate,nats,rabbitmq", "which brokers, in this order")
		work   = flag.String("workloads", "a,b,c", "a: many producers; b: one synchronous producer; c: producers and consumers together")
		rounds = flag.Int("rounds", 3, "how often each is measured")
		count  = flag.Int("n", 60000, "messages of workload a and c; b sends a twentieth")
		size   = flag.Int("size", 1024, "bytes of a body")
		out    = flag.String("out", "", "a file that gets the tables too")
	)
	flag.Parse()
	if err := run(strings.Split(*which, ","), strings.Split(*work, ","), *rounds, *count, *size, *out); err != nil {
		log.Fatal(err)
	}
}

func run(names, works []string, rounds, count, size int, out string) error {
	dir, err := os.MkdirTemp("", "quorate-bench-")
	if err != nil {
		return err
	}
	defer func() {
		if os.Getenv("KEEP") == "" {
			os.RemoveAll(dir)
		}
	}()
	var all []result
	for round := range rounds {
		rate, lat, err := fsyncRate(dir)
		if err != nil {
			return err
		}
		log.Printf("round %d of %d: three writers at once flush %.0f times a second each, median %v", round+1, rounds, rate, lat)
		all = append(all, result{system: "disk", work: "fsync", rate: rate, p50: lat})
		for _, name := range names {
			rs, err := measure(name, works, fmt.Sprintf("%s/%s-%d", dir, name, round), count, size)
			all = append(all, rs...)
			if err != nil {
				log.Printf("  %s: %v", name, err)
			}
		}
	}
	table(os.Stdout, all)
	if out != "" {
		f, err := os.Create(out)
		if err != nil {
			return err
		}
		table(f, all)
		return f.Close()
	}
	return nil
}

func measure(name string, works []string, dir string, count, size int) ([]result, error) {
	s, err := newSystem(name)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := s.Start(dir); err != nil {
		s.Stop()
		return nil, fmt.Errorf("start: %w", err)
	}
	defer func() {
		if os.Getenv("KEEP") == "" {
			os.RemoveAll(dir)
		}
	}()
	defer s.Stop()
	log.Printf("  %s is up after %v", s.Name(), time.Since(began).Round(time.Millisecond))
	var rs []result
	for _, w := range works {
		r, err := workload(s, w, count, size)
		if err != nil {
			return rs, fmt.Errorf("workload %s: %w", w, err)
		}
		log.Printf("    %s", r)
		rs = append(rs, r)
	}
	return rs, nil
}

// table prints the median of each figure over the rounds.
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
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "workload\tbroker\tmessages/s\tmin–max\tp50\tp99\tCPU s/100k/replica\tclient CPU s/100k\twritten/byte/replica\tRSS max MB")
	for _, k := range order {
		g := groups[k]
		m := median(g)
		lo, hi := g[0].rate, g[0].rate
		for _, r := range g {
			lo, hi = min(lo, r.rate), max(hi, r.rate)
		}
		fmt.Fprintf(t, "%s\t%s\t%.0f\t%.0f–%.0f\t%v\t%v\t%.2f\t%.2f\t%.2f\t%d\n", k.work, k.system, m.rate, lo, hi,
			m.p50.Round(time.Microsecond), m.p99.Round(time.Microsecond), m.cpu, m.clientCPU, m.written, m.rss>>20)
	}
	t.Flush()
}
