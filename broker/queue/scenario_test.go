package queue

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestScenarios runs the files of testdata: each line of a command is an event,
// what follows the dashes are the effects and, for "window", what the machine
// holds. Run with -rewrite to write them anew, and read the difference.
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		s := &scenario{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var out strings.Builder
			for line := range strings.Lines(d.Cmd + " " + argsLine(d) + "\n" + d.Input) {
				if line = strings.TrimSpace(line); line != "" {
					s.run(t, &out, line)
				}
			}
			if out.Len() == 0 {
				return "nothing\n"
			}
			return out.String()
		})
	})
}

func argsLine(d *datadriven.TestData) string {
	var words []string
	for _, a := range d.CmdArgs {
		words = append(words, a.String())
	}
	return strings.Join(words, " ")
}

// A scenario names consumers; messages are named by their places.
type scenario struct {
	m         *Machine
	consumers map[string]*Consumer
	entries   map[string]*Entry
	limits    Limits
	now       int64
}

// args are the words of a line: key=value, or words alone.
type args map[string]string

func (a args) num(key string, def int) int {
	v, ok := a[key]
	if !ok {
		return def
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		panic(fmt.Sprintf("%s=%s: %v", key, v, err))
	}
	return n
}

func (a args) has(key string) bool { _, ok := a[key]; return ok }

func (s *scenario) run(t *testing.T, out *strings.Builder, line string) {
	words := strings.Fields(line)
	a := args{}
	for _, w := range words[1:] {
		k, v, _ := strings.Cut(w, "=")
		a[k] = v
	}
	first := ""
	if len(words) > 1 {
		first = words[1]
	}
	if s.m == nil && words[0] != "new" {
		s.start(args{})
	}
	switch words[0] {
	case "new":
		s.start(a)
	case "limits":
		s.setLimits(a)
		s.m.SetLimits(s.limits)
	case "arrive":
		e := s.entry(a, parsePlace(t, first))
		if !s.m.Arrive(e) {
			fmt.Fprintf(out, "%v is left to the store\n", e.Place)
		}
	case "volatile":
		e := s.entry(a, Place{Lane: uint8(a.num("lane", 0))})
		s.m.ArriveVolatile(e)
		s.entries[e.Place.String()] = e
		fmt.Fprintf(out, "at %v\n", e.Place)
	case "consumer":
		c := &Consumer{Value: first, Credit: a.num("credit", 1), Priority: a.num("priority", 0), Exclusive: a.has("exclusive")}
		s.consumers[first] = c
		s.m.Add(c)
	case "gone":
		s.m.Remove(s.consumers[first], a.has("failed"))
	case "grant":
		s.m.Grant(s.consumers[first], a.num("n", 1))
	case "ack", "return", "reject", "settle", "forget":
		s.consumed(t, words[0], first, a)
	case "page":
		s.page(t, words[1:], a)
	case "failed":
		s.m.LoadFailed(Stored, s.m.epoch)
	case "purge":
		s.m.Purge()
	case "expire":
		s.m.Expire(int64(a.num("now", 0)))
	case "dispatch":
		s.now = int64(a.num("now", int(s.now)))
		s.m.Dispatch(s.now)
	case "window":
		s.window(out)
	default:
		t.Fatalf("unknown command %q", words[0])
	}
	for _, f := range s.m.Take(nil) {
		s.effect(out, f)
	}
	check(t, s.m)
}

func (s *scenario) start(a args) {
	s.limits = Limits{Messages: 8, Bytes: 1000, Pending: 1000, MaxRedeliveries: 6}
	s.setLimits(a)
	s.m = New(s.limits, uint64(a.num("tail", 0)), a.has("stored"))
	s.consumers, s.entries, s.now = map[string]*Consumer{}, map[string]*Entry{}, 0
}

func (s *scenario) setLimits(a args) {
	s.limits.Messages = a.num("messages", s.limits.Messages)
	s.limits.Bytes = a.num("bytes", s.limits.Bytes)
	s.limits.Pending = a.num("pending", s.limits.Pending)
	s.limits.MaxRedeliveries = a.num("redeliveries", s.limits.MaxRedeliveries)
}

func (s *scenario) entry(a args, p Place) *Entry {
	e := &Entry{Place: p, Size: a.num("size", 10), Expires: int64(a.num("expires", 0)), Value: "m"}
	s.entries[p.String()] = e
	return e
}

func (s *scenario) consumed(t *testing.T, what, place string, a args) {
	e := s.entries[place]
	if e == nil {
		t.Fatalf("no message at %s", place)
	}
	c := e.consumer
	if a.has("by") {
		c = s.consumers[a["by"]]
	}
	switch what {
	case "ack":
		s.m.Ack(e, c)
	case "return":
		s.m.Return(e, c, a.has("failed"))
	case "reject":
		s.m.Reject(e, c)
	case "settle":
		s.m.Settle(e)
	case "forget":
		e.Value = nil
	}
}

func (s *scenario) page(t *testing.T, words []string, a args) {
	source := Stored
	if a.has("spilled") {
		source = Spilled
	}
	var list []*Entry
	for _, w := range words {
		if w[0] < '0' || w[0] > '9' {
			continue
		}
		e := &Entry{Place: parsePlace(t, w), Size: a.num("size", 10), Value: "m"}
		if i, known := s.m.window.find(e.Place); !known || s.m.window.list[i].state == Gone {
			s.entries[w] = e
		}
		list = append(list, e)
	}
	epoch := uint64(a.num("epoch", int(s.m.epoch)))
	s.m.Loaded(source, epoch, parsePlace(t, a["after"]), list, a.has("short"))
}

func (s *scenario) effect(out *strings.Builder, f Effect) {
	switch f.Action {
	case Deliver:
		s.entries[f.Entry.Place.String()] = f.Entry
		fmt.Fprintf(out, "%v → %v", f.Entry.Place, f.Consumer.Value)
		if f.Entry.Redelivered {
			fmt.Fprintf(out, " redelivered, %d failed", f.Entry.Count)
		}
		fmt.Fprintln(out)
	case Load:
		fmt.Fprintf(out, "load %v behind %v: %d, %d bytes\n", f.Source, f.After, f.N, f.Bytes)
	case Spill:
		fmt.Fprintf(out, "spill %v\n", f.Entry.Place)
	case DeadLetter:
		fmt.Fprintf(out, "dead %v: %v\n", f.Entry.Place, f.Cause)
	case Count:
		fmt.Fprintf(out, "count %v: %d\n", f.Entry.Place, f.Entry.Count)
	}
}

func (s *scenario) window(out *strings.Builder) {
	for _, e := range s.m.window.live() {
		fmt.Fprintf(out, "%v %v", e.Place, e.state)
		if e.consumer != nil {
			fmt.Fprintf(out, " %v", e.consumer.Value)
		}
		fmt.Fprintln(out)
	}
	for i, b := range s.m.source {
		if !b.complete {
			fmt.Fprintf(out, "%v: more behind %v\n", Source(i), b.frontier)
		}
	}
}

func parsePlace(t *testing.T, s string) Place {
	var p Place
	if lane, rest, ok := strings.Cut(s, "/"); ok {
		n, err := strconv.Atoi(lane)
		if err != nil {
			t.Fatal(err)
		}
		p.Lane, s = uint8(n), rest
	}
	seq, sub, ok := strings.Cut(s, ".")
	n, err := strconv.ParseUint(seq, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	p.Seq = n
	if ok && sub == "max" {
		p.Sub = 1<<64 - 1
	} else if ok {
		if p.Sub, err = strconv.ParseUint(sub, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// check holds the machine to its own sums.
func check(t testing.TB, m *Machine) {
	t.Helper()
	ready, bytes, pending, gone := 0, 0, 0, 0
	var last *Entry
	for i, e := range m.window.live() {
		if last != nil && !last.Place.Less(e.Place) {
			t.Fatalf("%v stands before %v", last.Place, e.Place)
		}
		last = e
		switch e.state {
		case Ready:
			ready++
			if i+m.window.head < m.window.next {
				t.Fatalf("%v is ready before the point where the search begins", e.Place)
			}
		case Gone:
			gone++
		}
		if e.counted && e.Volatile {
			pending += e.Size
		} else if e.counted {
			bytes += e.Size
		}
	}
	free := 0
	for _, c := range m.cs.all {
		if c.Credit > 0 {
			free++
		}
	}
	if ready != m.ready || bytes != m.bytes || pending != m.pending || gone != m.window.gone || free != m.cs.free {
		t.Fatalf("sums: ready %d is %d, bytes %d is %d, pending %d is %d, gone %d is %d, free %d is %d",
			m.ready, ready, m.bytes, bytes, m.pending, pending, m.window.gone, gone, m.cs.free, free)
	}
}
