// Command bench measures Quorate beside other brokers on one machine, in turn
// and interleaved, so that a drift of the machine's speed meets all of them.
// Every broker with replicas runs three nodes with three copies. Tables go to
// stdout, progress to stderr; everything listens on loopback, and ends with
// the bench.
//
//	go -C bench run . -rounds 3                     workloads (a) to (f)
//	go -C bench run . -mode growth -of size         by size, connections or depth
//	go -C bench run . -mode isolation               what others cost the rest
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"time"
)

// options are the command line.
type options struct {
	systems, workloads []string
	rounds             int
	load               load
	of                 string
	deep               int
}

func main() {
	log.SetFlags(0)
	var (
		o     options
		which = flag.String("systems", "", "which brokers, in this order; default: all in mode compare, else quorate")
		work  = flag.String("workloads", "a,b,c,d,e,f", "which workloads, in this order")
		mode  = flag.String("mode", "compare", "compare, growth or isolation")
		out   = flag.String("out", "", "a file that gets the tables too")
	)
	flag.StringVar(&bodyKind, "body", "text", "what bodies are made of: text (records as JSON) or noise (nothing that compresses)")
	flag.StringVar(&o.of, "of", "size,connections,depth", "what grows in mode growth")
	flag.IntVar(&o.deep, "deep", 1_000_000, "the deepest backlog in mode growth, up to 10000000")
	flag.StringVar(&profiles, "profiles", "", "a directory for CPU profiles of Quorate's nodes, one for each node and workload")
	flag.IntVar(&o.rounds, "rounds", 3, "how often each is measured")
	flag.IntVar(&o.load.size, "size", 1024, "bytes of a body")
	flag.DurationVar(&o.load.time, "time", 3*time.Second, "how long a workload sends")
	flag.IntVar(&o.load.depth, "depth", 100_000, "messages that workload d drains")
	flag.DurationVar(&o.load.limit, "limit", 15*time.Second, "how long workload d fills and drains at most, each")
	flag.IntVar(&o.load.queues, "queues", 1000, "queues of workload f")
	flag.IntVar(&o.load.topics, "subscribers", 100, "durable subscribers of workload e")
	flag.Parse()
	o.systems, o.workloads = []string{"quorate"}, strings.Split(*work, ",")
	switch {
	case *which != "":
		o.systems = strings.Split(*which, ",")
	case *mode == "compare":
		o.systems = []string{"quorate", "nats", "nats-default", "rabbitmq", "activemq"}
	}
	if err := run(*mode, o, *out); err != nil {
		log.Fatal(err)
	}
}

// run does what the mode says in a directory of its own, which goes afterwards.
func run(mode string, o options, out string) error {
	modes := map[string]func(dir string, o options, w io.Writer) error{"compare": compare, "growth": growth, "isolation": isolation}
	f := modes[mode]
	if f == nil {
		return fmt.Errorf("mode %q is not one of compare, growth, isolation", mode)
	}
	if bodyKind != "text" && bodyKind != "noise" {
		return fmt.Errorf("body %q is not one of text, noise", bodyKind)
	}
	dir, err := os.MkdirTemp("", "quorate-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var w io.Writer = os.Stdout
	if out != "" {
		file, err := os.Create(out)
		if err != nil {
			return err
		}
		defer file.Close()
		w = io.MultiWriter(w, file)
	}
	return f(dir, o, w)
}
