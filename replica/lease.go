package replica

import (
	"encoding/binary"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/quorate/quorate/replica/link"
)

// leaseFor is half of the silence after which a follower forgets its leader
// [M8]: a leader may deliver and confirm while a majority has answered a probe
// that was sent less than that ago.
const leaseFor = 500 * time.Millisecond

// lease is the leader's right to serve. Probes carry the time at which they
// were sent and come back with it; a follower answers only the leader that it
// follows, in its term, and then does not forget it for leaseFor unless the
// link breaks (loop.promise). until is all that Leased reads.
type lease struct {
	until atomic.Int64 // link.Now() up to which the lease holds; 0: none

	mu        sync.Mutex
	term      uint64 // 0: not leading
	self      ID
	halves    [][]uint64 // voters; two sets while the configuration is joint
	sent      map[uint64]time.Duration
	suspended bool
}

func (s *lease) init() { s.sent = make(map[uint64]time.Duration) }

// Leased reports whether this node may deliver and confirm now.
func (n *Node) Leased() bool { return time.Duration(n.lease.until.Load()) > link.Now() }

// lead starts the lease of a term, without any answer yet.
func (s *lease) lead(term uint64, self ID, conf *pb.ConfState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.term, s.self, s.suspended = term, self, false
	clear(s.sent)
	s.setVoters(conf)
}

// end revokes the lease.
func (s *lease) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.term = 0
	s.compute()
}

// voters follows a change of the configuration.
func (s *lease) voters(conf *pb.ConfState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setVoters(conf)
}

func (s *lease) setVoters(conf *pb.ConfState) {
	s.halves = s.halves[:0]
	for _, half := range [][]uint64{conf.GetVoters(), conf.GetVotersOutgoing()} {
		if len(half) > 0 {
			s.halves = append(s.halves, slices.Clone(half))
		}
	}
	s.compute()
}

// suspend revokes the lease for a hand-over: the next leader does not wait for
// what the followers promised to this one.
func (s *lease) suspend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.suspended = true
	s.compute()
}

// answered notes that peer answered the probe of that time and term.
func (s *lease) answered(peer ID, term uint64, sent time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if term != s.term || sent > link.Now() || sent <= s.sent[uint64(peer)] {
		return
	}
	s.sent[uint64(peer)] = sent
	s.compute()
}

// lost forgets what peer answered: without links to a majority the lease ends
// in this moment.
func (s *lease) lost(peer ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sent, uint64(peer))
	s.compute()
}

func (s *lease) compute() {
	if s.term == 0 || s.suspended || len(s.halves) == 0 {
		s.until.Store(0)
		return
	}
	until := time.Duration(math.MaxInt64)
	for _, half := range s.halves {
		until = min(until, s.majority(half))
	}
	s.until.Store(int64(until))
}

// majority returns until when a majority of the voters has agreed to be led.
func (s *lease) majority(voters []uint64) time.Duration {
	times := make([]time.Duration, 0, 8)
	for _, v := range voters {
		switch t, ok := s.sent[v]; {
		case v == uint64(s.self):
			times = append(times, math.MaxInt64-leaseFor)
		case ok:
			times = append(times, t)
		}
	}
	if q := len(voters)/2 + 1; len(times) >= q {
		slices.Sort(times)
		return times[len(times)-q] + leaseFor
	}
	return 0
}

// probe asks the voters whether they follow this leader.
func (l *loop) probe() {
	if l.reign == nil {
		return
	}
	payload := binary.LittleEndian.AppendUint64([]byte{kindProbe}, l.term)
	payload = binary.LittleEndian.AppendUint64(payload, uint64(link.Now()))
	for id := range l.voters() {
		if id != uint64(l.id) {
			l.n.mesh.Send(ID(id), link.Urgent, slices.Clone(payload))
		}
	}
}

// probed answers the leader that this node follows, and promises not to forget
// it for as long as its lease may last.
func (l *loop) probed(peer ID, payload []byte) {
	if len(payload) != 17 || l.rn == nil {
		return
	}
	term := binary.LittleEndian.Uint64(payload[1:])
	if st := l.rn.BasicStatus(); st.Lead != uint64(peer) || st.GetTerm() != term {
		return
	}
	l.promise.leader, l.promise.until = peer, link.Now()+leaseFor
	payload[0] = kindProbeAnswer
	l.n.mesh.Send(peer, link.Urgent, payload)
}
