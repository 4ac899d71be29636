package broker

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/quorate/quorate/message"
)

// TestRoutes runs the files of testdata/routes: where messages go. A line is
//
//	composite DESTINATION [only] [unmatched] TARGET[selector] …
//	virtual NAME prefix=P postfix=P [aware]      mirror prefix=P postfix=P
//	subscribe WHO DESTINATION [durable=NAME] [selector=…] [nolocal] [prefetch=N]
//	unsubscribe WHO DESTINATION    failover
//	send [WHO] DESTINATION BODY [volatile] [name=value …]
//	got WHO      ack WHO      consume WHO      count WHO      depth DESTINATION
//
// Blanks in a selector are written as "_". Run with -rewrite to write the
// answers anew, and read the difference.
func TestRoutes(t *testing.T) {
	datadriven.Walk(t, "testdata/routes", func(t *testing.T, path string) {
		s := &routing{t: t, clients: map[string]*client{}, subs: map[string]*Subscription{}, held: map[string][]*Delivery{}}
		s.virtual.Topics = nil
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var out strings.Builder
			first := d.Cmd
			for _, a := range d.CmdArgs {
				first += " " + a.String()
			}
			for line := range strings.Lines(first + "\n" + d.Input) {
				if words := strings.Fields(line); len(words) > 0 {
					s.run(&out, words)
				}
			}
			if out.Len() == 0 {
				return "nothing\n"
			}
			return out.String()
		})
	})
}

type routing struct {
	t       *testing.T
	virtual Virtual
	r       *rig
	clients map[string]*client
	subs    map[string]*Subscription
	held    map[string][]*Delivery
}

func (s *routing) rig() *rig {
	if s.r == nil {
		s.r = newRig(s.t, func(c *Config) { c.Virtual = s.virtual })
	}
	return s.r
}

func (s *routing) client(name string) *client {
	c := s.clients[name]
	if c == nil {
		c = s.rig().connect(name)
		s.clients[name] = c
	}
	return c
}

// words splits what follows a verb into plain words and name=value options.
func options(words []string) (plain []string, opts map[string]string) {
	opts = map[string]string{}
	for _, w := range words {
		k, v, ok := strings.Cut(w, "=")
		if ok && !strings.Contains(k, "[") && !strings.Contains(k, "(") {
			opts[k] = strings.ReplaceAll(v, "_", " ")
		} else {
			plain = append(plain, w)
		}
	}
	return plain, opts
}

func (s *routing) dest(text string) message.Destination {
	d, err := message.ParseDestination(text)
	if err != nil {
		s.t.Fatal(err)
	}
	return d
}

func (s *routing) run(out *strings.Builder, words []string) {
	plain, opts := options(words[1:])
	switch words[0] {
	case "composite":
		s.composite(plain)
	case "virtual":
		v := VirtualTopic{Name: plain[0], Prefix: opts["prefix"], Postfix: opts["postfix"], SelectorAware: slices.Contains(plain, "aware")}
		s.virtual.Topics = append(s.virtual.Topics, v)
	case "mirror":
		s.virtual.Mirror = &Mirror{Prefix: opts["prefix"], Postfix: opts["postfix"]}
	case "subscribe":
		s.subscribe(out, plain, opts)
	case "unsubscribe":
		key := plain[0] + " " + plain[1]
		if err := wait(s.t, s.subs[key].Close); err != nil {
			fmt.Fprintln(out, err)
		}
	case "send":
		s.send(out, plain, opts)
	case "failover":
		s.rig().failover()
		clear(s.clients)
	case "got", "ack":
		s.got(out, plain[0], words[0] == "ack")
	case "consume":
		s.got(new(strings.Builder), plain[0], true)
	case "count":
		s.rig().quiet()
		fmt.Fprintf(out, "%d for %s\n", len(s.client(plain[0]).got), plain[0])
	case "depth":
		s.rig().quiet()
		fmt.Fprintf(out, "%s: %d\n", plain[0], s.rig().depth(s.dest(plain[0])))
	default:
		s.t.Fatalf("unknown verb %q", words[0])
	}
}

func (s *routing) composite(plain []string) {
	c := Composite{Destination: s.dest(plain[0])}
	for _, w := range plain[1:] {
		switch w {
		case "only":
			c.ForwardOnly = true
		case "unmatched":
			c.Unmatched = true
		default:
			name, sel, _ := strings.Cut(strings.TrimSuffix(w, "]"), "[")
			c.Forward = append(c.Forward, Forward{s.dest(name), strings.ReplaceAll(sel, "_", " ")})
		}
	}
	s.virtual.Composites = append(s.virtual.Composites, c)
}

func (s *routing) subscribe(out *strings.Builder, plain []string, opts map[string]string) {
	spec := Spec{Destination: s.dest(plain[1]), DurableName: opts["durable"], Selector: opts["selector"], NoLocal: slices.Contains(plain, "nolocal")}
	if p := opts["prefetch"]; p != "" {
		_, _ = fmt.Sscan(p, &spec.Prefetch)
	}
	sub, err := s.client(plain[0]).c.Subscribe(spec)
	if err != nil {
		fmt.Fprintln(out, err)
		return
	}
	s.subs[plain[0]+" "+plain[1]] = sub
}

func (s *routing) send(out *strings.Builder, plain []string, opts map[string]string) {
	who := "sender"
	if len(plain) > 2 && plain[2] != "volatile" {
		who, plain = plain[0], plain[1:]
	}
	m := persistent(s.dest(plain[0]), plain[1])
	m.Persistent = !slices.Contains(plain, "volatile")
	for k, v := range opts {
		m.Properties = append(m.Properties, message.Property{Name: k, Value: v})
	}
	if err := s.client(who).trySend(m, nil); err != nil {
		fmt.Fprintln(out, err)
	}
}

// got prints what a client has been given, in order of destination and then of
// delivery; with ack it acknowledges all that it holds.
func (s *routing) got(out *strings.Builder, who string, acknowledge bool) {
	s.rig().quiet()
	s.rig().quiet()
	var list []*Delivery
	for got := s.client(who).got; len(got) > 0; {
		list = append(list, <-got)
	}
	s.held[who] = append(s.held[who], list...)
	slices.SortStableFunc(list, func(a, b *Delivery) int {
		return strings.Compare(a.Destination.String(), b.Destination.String())
	})
	for _, d := range list {
		fmt.Fprintf(out, "%s at %s", d.Message.Body, d.Destination)
		if o := d.Original(); !o.IsZero() {
			fmt.Fprintf(out, ", sent to %s", o)
		}
		if d.Redelivered {
			fmt.Fprint(out, ", redelivered")
		}
		fmt.Fprintln(out)
	}
	if acknowledge {
		for _, d := range s.held[who] {
			ack(s.t, d, false)
		}
		s.held[who] = nil
	}
}
