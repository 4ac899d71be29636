package seat

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// TestScenarios runs the files of testdata. A file begins with "found" or with
// "table replicas=N", whose seats h1:1, h2:1 … are held by the identities 1, 2 …
// and linked; then:
//
//	up id=N seat=NAME [replicas=N]      a node gets a link
//	down id=N [for=DURATION]            a link has been away so long
//	caughtup id=N
//	surplus after=DURATION, order seat=NAME, vacate seat=NAME
//	decide                              says what is next, does it, shows the table
//	found …                             see there
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		s := &scenario{linked: map[uint64]Peer{}, gone: map[uint64]time.Duration{}, surplus: 10 * time.Minute}
		datadriven.RunTest(t, path, s.run)
	})
}

type scenario struct {
	table   *Table
	linked  map[uint64]Peer
	gone    map[uint64]time.Duration
	ordered []string
	surplus time.Duration
}

func (s *scenario) run(t *testing.T, d *datadriven.TestData) string {
	var id uint64
	var name, span string
	var replicas int
	d.MaybeScanArgs(t, "id", &id)
	d.MaybeScanArgs(t, "seat", &name)
	d.MaybeScanArgs(t, "replicas", &replicas)
	if !d.MaybeScanArgs(t, "for", &span) {
		d.MaybeScanArgs(t, "after", &span)
	}
	after, err := time.ParseDuration(span)
	if span != "" && err != nil {
		t.Fatal(err)
	}
	switch d.Cmd {
	case "table":
		s.table = table(replicas)
		for _, h := range s.table.Seats {
			s.linked[h.ID] = Peer{ID: h.ID, Seat: h.Name, Member: true, CaughtUp: true}
		}
		return s.text()
	case "up":
		s.linked[id] = Peer{ID: id, Seat: name, Replicas: replicas}
		delete(s.gone, id)
	case "down":
		delete(s.linked, id)
		s.gone[id] = max(after, 1)
	case "caughtup":
		p := s.linked[id]
		p.CaughtUp = true
		s.linked[id] = p
	case "surplus":
		s.surplus = after
	case "order":
		s.ordered = append(s.ordered, name)
	case "vacate":
		h := s.table.Named(name)
		delete(s.linked, h.ID)
		h.Vacant, h.ID = true, h.ID+900
	case "decide":
		return s.decide(t)
	case "found":
		return s.found(t, d)
	default:
		t.Fatalf("no command %s", d.Cmd)
	}
	return ""
}

func (s *scenario) decide(t *testing.T) string {
	w := &world{t: s.table, linked: s.linked, gone: s.gone}
	v := w.view()
	v.Ordered, v.Surplus = s.ordered, s.surplus
	v.Gone = func(id uint64) time.Duration {
		if _, ok := s.linked[id]; ok {
			return 0
		}
		return max(s.gone[id], 1)
	}
	a := Decide(s.table, v)
	w.do(a)
	if err := s.table.Check(); err != nil {
		t.Fatal(err)
	}
	out := a.Kind.String()
	if a.Kind != None {
		out += fmt.Sprintf(" seat=%q id=%d old=%d: %s", a.Seat, a.Peer.ID, a.Old, a.Why)
	}
	if a.Kind == None || a.Kind == Refuse {
		return out + "\n"
	}
	return out + "\n" + s.text()
}

func (s *scenario) text() string {
	var b strings.Builder
	for _, h := range s.table.Seats {
		fmt.Fprintf(&b, "%s %d", h.Name, h.ID)
		if h.Vacant {
			b.WriteString(" vacant")
		}
		if h.Learner != 0 {
			fmt.Fprintf(&b, " learner=%d", h.Learner)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// found reads one node a line, the first being the one that is asked:
//
//	found replicas=N [list=(a,b,c)] [waited=DURATION] [init] [record]
//	NAME id=N order=N [store] [founded] [replicas=N]
func (s *scenario) found(t *testing.T, d *datadriven.TestData) string {
	next := uint64(900)
	f := Founding{Cluster: [16]byte{1}, Init: d.HasArg("init"), Record: d.HasArg("record"),
		Vacant: func() uint64 { next++; return next }}
	d.ScanArgs(t, "replicas", &f.Replicas)
	if arg, ok := d.Arg("list"); ok {
		f.All, f.Names = true, arg.Vals
	}
	var waited string
	if d.MaybeScanArgs(t, "waited", &waited) {
		w, err := time.ParseDuration(waited)
		if err != nil {
			t.Fatal(err)
		}
		f.Waited = w
	}
	for i, line := range strings.Split(d.Input, "\n") {
		p := participant(t, line)
		if i == 0 {
			f.Self = p
		} else {
			f.Others = append(f.Others, p)
		}
	}
	tb, why := Found(f)
	if tb == nil {
		return "waits: " + why + "\n"
	}
	if err := tb.Check(); err != nil {
		t.Fatal(err)
	}
	s.table = tb
	return s.text()
}

func participant(t *testing.T, line string) Participant {
	words := strings.Fields(line)
	p := Participant{Seat: words[0], Empty: true}
	for _, w := range words[1:] {
		key, value, _ := strings.Cut(w, "=")
		var n uint64
		if value != "" {
			if _, err := fmt.Sscan(value, &n); err != nil {
				t.Fatal(err)
			}
		}
		switch key {
		case "id":
			p.ID = n
		case "order":
			p.Order = n
		case "replicas":
			p.Replicas = int(n)
		case "store":
			p.Empty = false
		case "founded":
			p.Empty, p.Founded = false, true
		default:
			t.Fatalf("no word %s", w)
		}
	}
	return p
}
