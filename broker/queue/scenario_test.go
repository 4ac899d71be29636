package queue

import (
	"fmt"
	"slices"
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
	queries   []*Query
	pools     map[string]*Pool
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
	case "pool":
		s.pools[first] = NewPool(a.num("n", 0), nil, func(c *Consumer) { fmt.Fprintf(out, "pool %s lends %v a credit\n", first, c.Value) })
	case "consumer":
		s.consumer(first, a)
	case "gone":
		s.m.Remove(s.consumers[first], a.has("failed"))
	case "grant":
		s.m.Grant(s.consumers[first], a.num("n", 1))
	case "pull", "unpull", "dry":
		s.pull(out, words[0], s.consumers[first])
	case "ack", "return", "reject", "settle", "forget":
		s.consumed(t, words[0], first, a)
	case "page", "scanned", "reloaded", "swept", "failed":
		s.page(t, words[0], words[1:], a)
	case "purge":
		s.m.Purge()
	case "pause":
		s.m.Pause(!a.has("no"))
	case "trim":
		s.m.Trim(a.num("n", 0), a.num("bytes", 0))
	case "expire":
		s.m.Expire(int64(a.num("now", 0)))
	case "dispatch":
		s.now = int64(a.num("now", int(s.now)))
		s.m.Dispatch(s.now)
	case "due":
		fmt.Fprintf(out, "due at %d\n", s.m.Due())
	case "window":
		s.window(out)
	case "groups":
		for _, g := range s.m.Groups() {
			fmt.Fprintf(out, "%s: owner %v, %d outstanding, %d waiting\n", g.Name, g.Owner, g.Outstanding, g.Waiting)
		}
	case "drop-group":
		fmt.Fprintln(out, s.m.DropGroup(first))
	case "drop-groups":
		fmt.Fprintln(out, s.m.DropGroups())
	case "idle":
		fmt.Fprintln(out, s.m.Idle())
	default:
		t.Fatalf("unknown command %q", words[0])
	}
	for _, f := range s.m.Take(nil) {
		s.effect(out, f)
	}
	check(t, s.m)
}

func (s *scenario) start(a args) {
	s.limits = Limits{Messages: 8, Bytes: 1000, Pending: 1000, MaxRedeliveries: 6, MaxWaiting: -1, ExpirePage: 3}
	s.setLimits(a)
	s.m = New(s.limits, uint64(a.num("tail", 0)), a.has("stored"))
	s.consumers, s.entries, s.now = map[string]*Consumer{}, map[string]*Entry{}, 0
	s.queries, s.pools = nil, map[string]*Pool{}
}

func (s *scenario) setLimits(a args) {
	l := &s.limits
	for name, field := range map[string]*int{
		"messages": &l.Messages, "bytes": &l.Bytes, "pending": &l.Pending, "redeliveries": &l.MaxRedeliveries,
		"aside": &l.Aside, "groups": &l.Groups, "consumers": &l.ConsumersBeforeDispatch, "waiting": &l.MaxWaiting,
	} {
		*field = a.num(name, *field)
	}
	for name, field := range map[string]*int64{
		"delay": &l.RedeliveryDelay, "next-delay": &l.NextRedeliveryDelay, "max-delay": &l.MaxRedeliveryDelay, "time": &l.TimeBeforeDispatch,
	} {
		*field = int64(a.num(name, int(*field)))
	}
	l.RedeliveryBackOff = float64(a.num("back-off", int(l.RedeliveryBackOff)))
	l.StrictOrder = l.StrictOrder || a.has("strict")
	switch a["evict"] {
	case "lowest":
		l.Evict, l.Rank = EvictLowest, func(v any) int { return int(v.(string)[0]) }
	case "unique":
		l.Evict, l.Key = EvictUnique, func(v any) any {
			if v == "m" {
				return nil
			}
			return v
		}
	}
}

// A message is worth what its kind says; a selector names kinds, "a|b".
func (s *scenario) consumer(name string, a args) {
	c := &Consumer{Value: name, Credit: a.num("credit", 1), Priority: a.num("priority", 0), Exclusive: a.has("exclusive"), Pool: s.pools[a["pool"]]}
	if sel := a["selects"]; sel != "" {
		kinds := strings.Split(sel, "|")
		c.Selector = sel
		c.Match = func(e *Entry) bool { return slices.Contains(kinds, e.Value.(string)) }
	}
	s.consumers[name] = c
	s.m.Add(c)
}

func (s *scenario) pull(out *strings.Builder, what string, c *Consumer) {
	switch what {
	case "pull":
		fmt.Fprintln(out, s.m.Pull(c))
	case "unpull":
		fmt.Fprintln(out, s.m.Unpull(c))
	case "dry":
		fmt.Fprintln(out, s.m.Dry(c))
	}
}

func (s *scenario) entry(a args, p Place) *Entry {
	e := &Entry{Place: p, Size: a.num("size", 10), Expires: int64(a.num("expires", 0)), Value: "m", Group: a["group"], GroupSeq: int32(a.num("seq", 0))}
	if k, ok := a["kind"]; ok {
		e.Value = k
	}
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

// page answers the first query that asked for it; words that begin with a digit
// are the places of the messages found.
func (s *scenario) page(t *testing.T, what string, words []string, a args) {
	q := s.query(what, a)
	if q == nil {
		t.Fatalf("nobody asked for %s %v", what, words)
	}
	if what == "failed" {
		s.m.LoadFailed(q)
		return
	}
	var list []*Entry
	end := q.After
	for _, w := range words {
		if w[0] < '0' || w[0] > '9' {
			continue
		}
		e := &Entry{Place: parsePlace(t, w), Size: a.num("size", 10), Value: "m", Group: a["group"], Expires: int64(a.num("expires", 0))}
		if k, ok := a["kind"]; ok {
			e.Value = k
		}
		if i, known := s.m.window.find(e.Place); !known || s.m.window.list[i].state == Gone {
			s.entries[w] = e
		}
		list = append(list, e)
		end = e.Place
	}
	if p, ok := a["last"]; ok {
		end = parsePlace(t, p)
	}
	s.m.Loaded(q, list, end, a.has("short"))
}

// query takes the first query under way of that kind, with the source, place
// and selector given.
func (s *scenario) query(what string, a args) *Query {
	for i, q := range s.queries {
		kind := "page"
		switch {
		case q.Entries != nil:
			kind = "reloaded"
		case q.view != nil:
			kind = "scanned"
		case q.sweep != nil:
			kind = "swept"
		}
		if what != kind && what != "failed" || a.has("spilled") != (q.Source == Spilled) {
			continue
		}
		if p, ok := a["after"]; ok && q.After.String() != p {
			continue
		}
		if sel, ok := a["selects"]; ok && (q.view == nil || q.view.selector != sel) {
			continue
		}
		s.queries = slices.Delete(s.queries, i, i+1)
		return q
	}
	return nil
}

func (s *scenario) effect(out *strings.Builder, f Effect) {
	switch f.Action {
	case Deliver:
		s.entries[f.Entry.Place.String()] = f.Entry
		fmt.Fprintf(out, "%v → %v", f.Entry.Place, f.Consumer.Value)
		if f.Entry.FirstInGroup {
			fmt.Fprintf(out, " first of %s", f.Entry.Group)
		}
		if f.Entry.Redelivered {
			fmt.Fprintf(out, " redelivered, %d failed", f.Entry.Count)
		}
		fmt.Fprintln(out)
	case Load:
		s.queries = append(s.queries, f.Query)
		asked(out, f.Query)
	case Spill:
		fmt.Fprintf(out, "spill %v\n", f.Entry.Place)
	case DeadLetter:
		s.entries[f.Entry.Place.String()] = f.Entry
		fmt.Fprintf(out, "dead %v: %v\n", f.Entry.Place, f.Cause)
	case Count:
		fmt.Fprintf(out, "count %v: %d\n", f.Entry.Place, f.Entry.Count)
	case Discard:
		fmt.Fprintf(out, "discard %v, %d so far\n", f.Entry.Place, f.N)
	}
}

func asked(out *strings.Builder, q *Query) {
	switch {
	case q.Entries != nil:
		fmt.Fprint(out, "reload")
		for _, e := range q.Entries {
			fmt.Fprintf(out, " %v", e.Place)
		}
		fmt.Fprintln(out)
	case q.view != nil:
		fmt.Fprintf(out, "scan %v behind %v for %s: %d, %d bytes\n", q.Source, q.After, q.view.selector, q.N, q.Bytes)
	case q.sweep != nil:
		fmt.Fprintf(out, "sweep %v behind %v: looks at %d\n", q.Source, q.After, q.Look)
	default:
		fmt.Fprintf(out, "load %v behind %v: %d, %d bytes\n", q.Source, q.After, q.N, q.Bytes)
	}
}

func (s *scenario) window(out *strings.Builder) {
	for _, e := range s.m.window.live() {
		fmt.Fprintf(out, "%v %v", e.Place, e.state)
		if e.consumer != nil {
			fmt.Fprintf(out, " %v", e.consumer.Value)
		}
		if e.view != nil {
			fmt.Fprintf(out, " for %s", e.view.selector)
		}
		fmt.Fprintln(out)
	}
	for i, b := range s.m.source {
		if !b.complete {
			fmt.Fprintf(out, "%v: more behind %v\n", Source(i), b.frontier)
		}
		for _, v := range s.m.views {
			if seen := v.seen[i]; v.match != nil && !b.complete && !seen.complete {
				fmt.Fprintf(out, "%v: more for %s behind %v\n", Source(i), v.selector, s.m.reach(v, Source(i)))
			}
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
