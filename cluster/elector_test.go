package cluster

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/quorate/quorate/replica"
	"github.com/quorate/quorate/replica/seat"
	"github.com/quorate/quorate/wal"
)

// scene is one node's situation in a scenario. Nodes are letters: a is 1, b is 2.
type scene struct {
	e  Elector
	in Input
	st replica.Status
}

func node(s string) replica.ID {
	if s == "-" {
		return 0
	}
	return replica.ID(s[0]-'a') + 1
}

func (s *scene) seats(names []string) {
	t := &seat.Table{Replicas: len(names)}
	for _, n := range names {
		name, vacant := strings.CutSuffix(n, "(vacant)")
		t.Seats = append(t.Seats, seat.Seat{Name: name, ID: uint64(node(name)), Vacant: vacant})
	}
	s.st.Table, s.st.Founded = t, true
}

func (s *scene) peer(id replica.ID) *replica.PeerStatus {
	i := slices.IndexFunc(s.st.Peers, func(p replica.PeerStatus) bool { return p.ID == id })
	if i < 0 {
		i = len(s.st.Peers)
		s.st.Peers = append(s.st.Peers, replica.PeerStatus{ID: id, Up: true, Reported: true, Founded: true})
	}
	return &s.st.Peers[i]
}

var roles = map[string]replica.Role{
	"follower": replica.Follower, "candidate": replica.Candidate, "leader": replica.Leader, "learner": replica.Learner,
}

func position(v string) (term uint64, index wal.Index) {
	a, b, _ := strings.Cut(v, "/")
	term, _ = strconv.ParseUint(a, 10, 64)
	i, _ := strconv.ParseUint(b, 10, 64)
	return term, wal.Index(i)
}

func (s *scene) self(a datadriven.CmdArg) {
	v := ""
	if len(a.Vals) > 0 {
		v = a.Vals[0]
	}
	switch a.Key {
	case "id":
		s.st.ID = node(v)
	case "seats":
		s.seats(a.Vals)
	case "role":
		s.st.Role = roles[v]
	case "leader":
		s.st.Leader = node(v)
	case "term":
		s.st.Term, _ = strconv.ParseUint(v, 10, 64)
	case "at":
		s.st.LastTerm, s.st.LastIndex = position(v)
	case "weight":
		s.e.Weight, _ = strconv.Atoi(v)
	case "unfit":
		s.st.Unfit = v
	case "failed":
		s.st.Failed = errors.New(v)
	case "shut":
		s.in.Shut = v
	case "gone":
		s.in.Gone = v == "true"
	}
}

func (s *scene) change(p *replica.PeerStatus, a datadriven.CmdArg) {
	v := ""
	if len(a.Vals) > 0 {
		v = a.Vals[0]
	}
	switch a.Key {
	case "up":
		p.Up = v == "true"
	case "heard":
		p.Heard, _ = time.ParseDuration(v)
	case "reported":
		p.Reported = v == "true"
	case "at":
		p.LastTerm, p.LastIndex = position(v)
	case "leader":
		p.Leader = node(v)
	case "weight":
		p.Weight, _ = strconv.Atoi(v)
	case "unfit":
		p.Unfit = v == "true"
	}
}

// run carries out one command: self and peer change the situation, decide asks.
func (s *scene) run(t *testing.T, d *datadriven.TestData) string {
	switch d.Cmd {
	case "self":
		for _, a := range d.CmdArgs {
			s.self(a)
		}
	case "peer":
		p := s.peer(node(d.CmdArgs[0].Key))
		for _, a := range d.CmdArgs[1:] {
			s.change(p, a)
		}
	case "decide":
		now, err := time.ParseDuration(d.CmdArgs[0].Key)
		if err != nil {
			t.Fatal(err)
		}
		s.in.Now, s.in.Status = now, &s.st
		got := s.e.Decide(s.in)
		var b strings.Builder
		if got.Forget {
			fmt.Fprintf(&b, "forget: %s\n", got.Reason)
		}
		if got.Stand {
			b.WriteString("stand\n")
		}
		if got.Waits {
			b.WriteString("waits for positions\n")
		}
		if got.Why != "" {
			fmt.Fprintf(&b, "bar (few=%v): %s\n", got.Few, got.Why)
		}
		fmt.Fprintf(&b, "next: %v\n", got.Next)
		return b.String()
	default:
		t.Fatalf("unknown command %s", d.Cmd)
	}
	return "ok\n"
}

func TestElector(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		s := &scene{e: Elector{Random: func(n int64) int64 { return n / 2 }}}
		datadriven.RunTest(t, path, s.run)
	})
}
