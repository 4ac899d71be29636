package cluster

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quorate/quorate/replica"
	"github.com/quorate/quorate/replica/seat"
)

// stage is a replica and a view that the test sets. What Run asks of the replica
// takes effect as it does in raft, except that nobody votes.
type stage struct {
	mu      sync.Mutex
	st      replica.Status
	gate    Gate
	promise time.Time // until when Forget has no effect
	changed chan struct{}
	calls   []string
	began   time.Time
	log     bytes.Buffer
}

func (s *stage) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(p)
}

func (s *stage) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *stage) note(call string) {
	s.calls = append(s.calls, call+" "+time.Since(s.began).Round(time.Millisecond).String())
}

func (s *stage) Status() replica.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.st
	st.Peers = slices.Clone(s.st.Peers)
	return st
}

func (s *stage) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func (s *stage) Forget() {
	s.mu.Lock()
	s.note("forget")
	held := time.Now().Before(s.promise)
	s.mu.Unlock()
	if !held {
		s.set(func() { s.st.Leader = 0 })
	}
}

func (s *stage) Stand() { s.set(func() { s.note("stand"); s.st.Role = replica.Candidate }) }

func (s *stage) Gate() Gate {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gate
}

func (s *stage) Gone(replica.ID) bool       { return false }
func (s *stage) Sequence(replica.ID) uint64 { return 0 }

// lines gives the messages that were logged since the last call.
func (s *stage) lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(s.log.String()), "\n")
	s.log.Reset()
	return lines
}

// asked gives the calls since the last one of it.
func (s *stage) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = nil
	return calls
}

// bare prints the message alone.
type bare struct {
	slog.Handler
	s *stage
}

func (b bare) Enabled(context.Context, slog.Level) bool { return true }
func (b bare) Handle(_ context.Context, r slog.Record) error {
	_, err := b.s.Write([]byte(r.Message + "\n"))
	return err
}

// play runs f with an election of the first of three nodes, which follows the
// second.
func play(t *testing.T, f func(t *testing.T, s *stage)) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{changed: make(chan struct{}), began: time.Now()}
		s.st = replica.Status{ID: 1, Role: replica.Follower, Founded: true, Term: 5, LastTerm: 5, LastIndex: 100, Leader: 2,
			Table: &seat.Table{Replicas: 3, Seats: []seat.Seat{{Name: "a", ID: 1}, {Name: "b", ID: 2}, {Name: "c", ID: 3}}}}
		for _, id := range []replica.ID{2, 3} {
			s.st.Peers = append(s.st.Peers, replica.PeerStatus{ID: id, Up: true, Reported: true, Founded: true, LastTerm: 5, LastIndex: 100, Leader: 2})
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- Run(ctx, s, s, 0, slog.New(bare{s: s})) }()
		synctest.Wait()
		f(t, s)
		cancel()
		if err := <-done; err != context.Canceled {
			t.Errorf("Run ended with %v", err)
		}
	})
}

func same(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestRunFailover(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		pass(500 * time.Millisecond)
		same(t, "calls while the master lives", s.asked())
		s.set(func() { s.st.Peers[0].Up = false; s.st.Peers[1].Leader = 0 })
		synctest.Wait()
		same(t, "calls when its link breaks", s.asked(), "forget 500ms", "stand 500ms")
		same(t, "lines", s.lines(),
			"Previously elected master is not online, staring new election", "The master is lost", "Standing for master")
		s.set(func() { s.st.Role, s.st.Leader, s.st.Term = replica.Leader, 1, 6 })
		pass(time.Minute)
		same(t, "calls as master", s.asked())
	})
}

// TestRunPromise has a leader that this node may not forget yet.
func TestRunPromise(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		s.set(func() {
			s.promise = time.Now().Add(300 * time.Millisecond)
			s.st.Peers[0].Heard = 2 * time.Second
			s.st.Peers[1].Leader = 0
		})
		pass(250 * time.Millisecond)
		same(t, "calls while it is promised", s.asked(), "forget 0s", "forget 200ms")
		same(t, "lines", s.lines(), "Previously elected master is not online, staring new election", "The master is lost")
		pass(200 * time.Millisecond)
		same(t, "calls when the promise is over", s.asked(), "forget 400ms", "stand 400ms")
	})
}

func TestRunTooFew(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		s.set(func() { s.st.Peers[0].Up, s.st.Peers[1].Up = false, false })
		pass(10 * time.Second)
		for _, c := range s.asked() {
			if strings.HasPrefix(c, "stand") {
				t.Errorf("%s without a quorum of links", c)
			}
		}
		same(t, "lines", s.lines(),
			"Previously elected master is not online, staring new election", "The master is lost",
			"Not enough cluster members connected to elect a master.",
			"No master, and this node does not stand: 1 of 3 nodes are linked, 2 are needed; missing: b, c")
		s.set(func() { s.st.Peers[1].Up, s.gate = true, Gate{Shut: "few members", Few: true} })
		pass(time.Second)
		same(t, "lines while the gate is shut", s.lines(), "No master, and this node does not stand: few members")
		s.set(func() { s.gate = Gate{}; s.st.Peers[1].Leader = 0 })
		synctest.Wait()
		if calls := s.asked(); len(calls) != 1 || !strings.HasPrefix(calls[0], "stand") {
			t.Errorf("calls with the gate open: %q", calls)
		}
	})
}

// TestRunWaitsForPositions has another voter that has not let go of the master.
func TestRunWaitsForPositions(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		s.set(func() { s.st.Peers[0].Up = false })
		pass(time.Second / 10)
		same(t, "calls", s.asked(), "forget 0s", "stand 30ms")
		same(t, "lines", s.lines(),
			"Previously elected master is not online, staring new election", "The master is lost",
			"Not enough cluster members have reported their update positions yet.", "Standing for master")
	})
}
