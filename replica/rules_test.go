package replica

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/quorate/quorate/replica/link"
)

// A test for each rule of the design that concerns this package. Each says what
// it looks like without the rule.

// [M8] A leader that is cut off stops serving before anybody else may begin.
// Without the limit of a probe's age the old one is leased until CheckQuorum
// looks, up to two seconds.
func TestLeaseEndsInSilence(t *testing.T) {
	seed := seedOf(t)
	bubble(t, func(t *testing.T) {
		c := newCluster(t, seed, 3)
		defer c.closeAll()
		c.found()
		old := c.leader()
		for _, h := range others(c, old) {
			c.net.partition(old.name, h.name, true)
		}
		begin := time.Now()
		c.eventually("the old lease ends", func() bool { return !old.node.Leased() })
		if d := time.Since(begin); d > leaseFor+100*time.Millisecond {
			t.Errorf("leased for %v after the last answer", d)
		}
		if next := c.leader(); next == old {
			t.Error("the one cut off serves again")
		}
	})
}

// [M8] Losing the links to a majority ends the lease in the same moment, and
// the reign with the loop's next turn. Without lease.lost and quorumLost it goes
// on for half a second.
func TestLeaseEndsWithLinks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCluster(t, seedOf(t), 3)
		defer c.closeAll()
		c.found()
		old := c.leader()
		rest := others(c, old)
		rest[0].kill(100)
		<-time.After(50 * time.Millisecond)
		if !old.node.Leased() {
			t.Error("one slave of two is gone, and so is the lease")
		}
		rest[1].kill(100)
		<-time.After(10 * time.Millisecond)
		if old.node.Leased() {
			t.Error("still leased without any slave")
		}
		c.eventually("step down", func() bool { return old.node.Status().Role != Leader })
	})
}

// [M8] Who answered a probe does not forget its leader within the lease, even
// if told to. Without loop.promised two nodes serve: the followers elect
// another while the first is leased.
func TestPromiseKept(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCluster(t, seedOf(t), 3)
		defer c.closeAll()
		c.found()
		old := c.leader()
		for range 20 {
			for _, h := range others(c, old) {
				h.node.Stand()
			}
			<-time.After(10 * time.Millisecond)
			for _, h := range others(c, old) {
				if h.node.Leased() && old.node.Leased() {
					t.Fatal("two masters")
				}
			}
		}
		if c.leader() != old {
			t.Error("a leader that everybody hears was deposed")
		}
	})
}

// [M1] A node that cannot win does not disturb: without PreVote its return
// deposes the leader by a higher term.
func TestReturnOfTheIsolated(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCluster(t, seedOf(t), 3)
		defer c.closeAll()
		c.found()
		old := c.leader()
		lone := others(c, old)[0]
		for _, h := range others(c, lone) {
			c.net.partition(lone.name, h.name, true)
		}
		<-time.After(10 * time.Second)
		term := old.node.Status().Term
		for _, h := range others(c, lone) {
			c.net.partition(lone.name, h.name, false)
		}
		<-time.After(5 * time.Second)
		if st := old.node.Status(); st.Role != Leader || st.Term != term {
			t.Errorf("deposed by a node that came back: %v in term %d, was %d", st.Role, st.Term, term)
		}
	})
}

// [M2] Reports travel over the links. Without them a driver ranks blindly.
func TestReports(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCluster(t, seedOf(t), 3)
		defer c.closeAll()
		for i, h := range c.hosts {
			h.tweak = func(cfg *Config) { cfg.Weight = i + 1 }
		}
		c.found()
		l := c.leader()
		if _, err := l.put(c.batch()); err != nil {
			t.Fatal(err)
		}
		l.node.SetUnfit("test", 5*time.Second)
		<-time.After(500 * time.Millisecond)
		st := l.node.Status()
		for _, h := range others(c, l) {
			for _, p := range h.node.Status().Peers {
				if p.ID == st.ID && (p.LastIndex != st.LastIndex || p.LastTerm != st.LastTerm || !p.Unfit || p.Role != Leader || p.Leader != st.ID || p.Weight == 0) {
					t.Errorf("%s knows of %s: %+v", h.name, l.name, p)
				}
			}
		}
		<-time.After(6 * time.Second)
		if u := l.node.Status().Unfit; u != "" {
			t.Errorf("unfit for ever: %s", u)
		}
	})
}

// [M3] A hand-over loses nothing: what waits meanwhile is refused, what is in
// the log is applied first. Without the drain some end as unknown.
func TestTransfer(t *testing.T) {
	seed := seedOf(t)
	bubble(t, func(t *testing.T) {
		c := newCluster(t, seed, 3)
		defer c.closeAll()
		c.found()
		for range 5 {
			l := c.leader()
			for _, h := range c.hosts {
				h.disk.slow.Store(0)
			}
			l.disk.slow.Store(int64(30 * time.Millisecond)) // the slaves have it long before this one has
			outcomes := make(chan error, 300)
			for range 100 {
				b := c.batch()
				l.node.Propose([]byte(b), func(_ any, err error) { c.judge.outcome(b, err); outcomes <- err })
			}
			<-time.After(10 * time.Millisecond)
			to := others(c, l)[c.rng.IntN(2)]
			if err := l.node.Transfer(context.Background(), to.node.Status().ID); err != nil {
				t.Fatal(err)
			}
			for range 100 {
				if err := <-outcomes; err != nil && !errors.Is(err, ErrRefused) {
					t.Errorf("outcome at a hand-over: %v", err)
				}
			}
			if got := c.leader(); got != to {
				t.Errorf("%s leads, %s was to", got.name, to.name)
			}
		}
		c.even()
	})
}

// [M3] Without a successor resigning is stepping down.
func TestResignAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCluster(t, seedOf(t), 3)
		defer c.closeAll()
		c.found()
		l := c.leader()
		for _, h := range others(c, l) {
			h.node.SetUnfit("test", time.Minute)
		}
		<-time.After(500 * time.Millisecond)
		term := l.node.Status().Term
		if err := l.node.Resign(context.Background()); err != nil {
			t.Fatal(err)
		}
		if st := l.node.Status(); st.Role == Leader && st.Term == term {
			t.Error("still leads")
		}
		if _, err := others(c, l)[0].put("x"); !errors.Is(err, ErrRefused) {
			t.Errorf("put: %v", err)
		}
	})
}

// [M11] Leadership lost with proposals in flight: they are unknown, later ones
// refused, all in order, each exactly once.
func TestOutcomes(t *testing.T) {
	seed := seedOf(t)
	bubble(t, func(t *testing.T) {
		c := newCluster(t, seed, 3)
		defer c.closeAll()
		c.found()
		old := c.leader()
		for _, h := range others(c, old) {
			c.net.partition(old.name, h.name, true)
		}
		type outcome struct {
			k   int
			err error
		}
		got := make(chan outcome, 1000)
		put := func(k int) {
			b := fmt.Sprintf("k%d", k)
			old.node.Propose([]byte(b), func(_ any, err error) { c.judge.outcome(b, err); got <- outcome{k, err} })
		}
		for k := range 40 {
			put(k)
			<-time.After(100 * time.Millisecond)
		}
		unknown, refused := 0, 0
		for k := range 40 {
			o := <-got
			if o.k != k {
				t.Fatalf("outcome of %d came as the %dth", o.k, k)
			}
			switch {
			case errors.Is(o.err, ErrUnknown) && refused == 0:
				unknown++
			case errors.Is(o.err, ErrRefused):
				refused++
			default:
				t.Errorf("outcome %d: %v after %d refused", k, o.err, refused)
			}
		}
		if unknown == 0 || refused == 0 {
			t.Errorf("%d unknown, %d refused", unknown, refused)
		}
		for _, h := range others(c, old) {
			c.net.partition(old.name, h.name, false)
		}
		c.even()
	})
}

// [M13] A leader whose flush hangs makes room for another after 2 s, and counts
// as failed after 10 s. Without the watchdog it stays in office and confirms
// nothing, for ever.
func TestDiskHangs(t *testing.T) {
	seed := seedOf(t)
	bubble(t, func(t *testing.T) {
		c := newCluster(t, seed, 3)
		defer c.closeAll()
		c.found()
		old := c.leader()
		if _, err := old.put(c.batch()); err != nil {
			t.Fatal(err)
		}
		old.disk.mode.Store(diskHangs)
		b := c.batch()
		ended := make(chan error, 1)
		old.node.Propose([]byte(b), func(_ any, err error) { c.judge.outcome(b, err); ended <- err })
		begin := time.Now()
		c.eventually("another leads", func() bool {
			for _, h := range others(c, old) {
				if h.node.Leased() {
					return true
				}
			}
			return false
		})
		if d := time.Since(begin); d > 5*time.Second {
			t.Errorf("took %v", d)
		}
		if err := <-ended; err == nil {
			t.Error("a batch is confirmed that the master's disk does not hold")
		}
		if old.node.Status().Unfit == "" {
			t.Error("not unfit")
		}
		if _, err := c.leader().put(c.batch()); err != nil {
			t.Error(err)
		}
		c.eventually("failed", func() bool { return old.node.Status().Failed != nil })
		old.stop() // ends although the disk still hangs
		c.eventually("Run returns", func() bool {
			select {
			case <-old.done:
				return true
			default:
				return false
			}
		})
		old.kill(0)
		old.start()
		c.even()
	})
}

// [M13, S11] After a failed flush a node leaves raft, stays up, and refuses.
// Without it the flush that is tried again succeeds, over pages that the kernel
// has dropped.
func TestDiskFails(t *testing.T) {
	seed := seedOf(t)
	bubble(t, func(t *testing.T) {
		c := newCluster(t, seed, 3)
		defer c.closeAll()
		c.found()
		old := c.leader()
		old.disk.mode.Store(diskFails)
		if _, err := old.put(c.batch()); !errors.Is(err, ErrUnknown) {
			t.Errorf("put on a failing disk: %v", err)
		}
		old.disk.mode.Store(diskGood)
		if st := old.node.Status(); st.Failed == nil || st.Role == Leader {
			t.Errorf("not failed: %+v", st)
		}
		if _, err := old.put(c.batch()); !errors.Is(err, ErrRefused) {
			t.Errorf("put on a failed node: %v", err)
		}
		if _, err := c.leader().put(c.batch()); err != nil {
			t.Error(err)
		}
		select {
		case <-old.done:
			t.Error("Run has ended")
		default:
		}
		old.kill(0)
		old.start()
		c.even()
	})
}

// [M14] Everything that was confirmed survives a power cut of all nodes.
func TestAllLosePower(t *testing.T) {
	seed := seedOf(t)
	bubble(t, func(t *testing.T) {
		c := newCluster(t, seed, 3)
		defer c.closeAll()
		c.found()
		for range 5 {
			l := c.leader()
			for range 30 {
				if _, err := l.put(c.batch()); err != nil {
					t.Fatal(err)
				}
			}
			for _, h := range c.hosts {
				h.kill(c.rng.IntN(101))
			}
			for _, h := range c.hosts {
				h.start()
			}
		}
		c.even()
	})
}

// [M4] A node whose log is gone while its state is there never speaks under its
// old identity again: under it the leader's heartbeat would carry a commit
// index that it does not have, and raft would panic.
func TestLogIsGone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCluster(t, seedOf(t), 3)
		defer c.closeAll()
		c.found()
		l := c.leader()
		for range 60 {
			if _, err := l.put(c.batch()); err != nil {
				t.Fatal(err)
			}
		}
		victim := others(c, l)[0]
		was := victim.node.Status().ID
		victim.close()
		if err := victim.mem.RemoveAll("/node/log"); err != nil {
			t.Fatal(err)
		}
		victim.start()
		st := victim.node.Status()
		if st.ID == was || st.Founded || st.Empty {
			t.Errorf("after losing its log: %+v", st)
		}
		if err := victim.node.Found(c.table(victim)); !errors.Is(err, ErrFounded) {
			t.Errorf("a node with a store founds: %v", err)
		}
	})
}

// [M4] The same for a log with damage below what was flushed: it is kept, not
// skipped.
func TestLogIsDamaged(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCluster(t, seedOf(t), 3)
		defer c.closeAll()
		c.found()
		l := c.leader()
		for range 60 {
			if _, err := l.put(c.batch()); err != nil {
				t.Fatal(err)
			}
		}
		victim := others(c, l)[0]
		was := victim.node.Status().ID
		victim.close()
		damage(t, victim)
		victim.start()
		if st := victim.node.Status(); st.ID == was {
			t.Error("goes on under its old identity")
		}
		if _, err := victim.mem.Stat("/node/log.lost-1"); err != nil {
			t.Errorf("the damaged log is not kept: %v", err)
		}
	})
}

func damage(t *testing.T, h *host) {
	t.Helper()
	names, err := h.mem.List("/node/log")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		path := "/node/log/" + name
		info, err := h.mem.Stat(path)
		if err != nil || info.Size() < 200 {
			continue
		}
		f, err := h.mem.OpenReadWrite(path, "test")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte{0xff, 0xfe, 0xfd}, 150); err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
	}
}

// [S8] A copy of a live node's directory is refused. Admitted, it would vote
// with the original's voice.
func TestCloneIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCluster(t, seedOf(t), 3)
		defer c.closeAll()
		c.found()
		l := c.leader()
		original := others(c, l)[0]
		p := link.Hello{ID: original.node.Status().ID, Cluster: l.node.self.get().Cluster, Replicas: 3, Incarnation: 2, Address: "elsewhere:1"}
		if err := (*handler)(l.node).Admit(p); err == nil {
			t.Error("a second live holder is admitted")
		}
		p.Address, p.Incarnation = original.node.Address(), 9
		if err := (*handler)(l.node).Admit(p); err == nil {
			t.Error("a second live holder that claims the same address is admitted")
		}
		original.close()
		original.start()
		c.eventually("the restarted one is back", func() bool { return l.node.up()[p.ID] })
		original.close()
		c.eventually("the link is down", func() bool { return !l.node.up()[p.ID] })
		p.Incarnation = 1
		if err := (*handler)(l.node).Admit(p); err == nil {
			t.Error("a restored copy is admitted")
		}
		p.Cluster[0]++
		p.Incarnation = 9
		if err := (*handler)(l.node).Admit(p); err == nil {
			t.Error("a stranger is admitted")
		}
	})
}

// [M6] The one who sends the founding record around stops half-way: all get it
// all the same, by healFounding, or as members who lack the log, by a snapshot.
func TestFoundingIsCompleted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCluster(t, seedOf(t), 3)
		defer c.closeAll()
		for _, h := range c.hosts {
			h.start()
		}
		if err := c.hosts[0].node.Found(c.table(c.hosts...)); err != nil {
			t.Fatal(err)
		}
		c.leader()
		c.eventually("all are founded", func() bool {
			for _, h := range c.hosts {
				if !h.node.Status().Founded {
					return false
				}
			}
			return true
		})
		c.even()
	})
}

// [M6] A power cut at any point of a founding leaves an empty node or a founder.
func TestFoundingIsAtomic(t *testing.T) {
	seed := seedOf(t)
	for step := range 12 {
		bubble(t, func(t *testing.T) {
			c := newCluster(t, seed, 1)
			defer c.closeAll()
			h := c.hosts[0]
			h.start()
			table := c.table(h)
			id := h.node.Status().ID
			h.disk.failAfter(step)
			_ = h.node.Found(table)
			h.kill(0)
			h.start()
			st := h.node.Status()
			if st.ID != id {
				t.Fatalf("step %d: took another identity: %+v", step, st)
			}
			if err := h.node.Found(table); err != nil {
				t.Fatalf("step %d: %v", step, err)
			}
			if _, err := c.leader().put(c.batch()); err != nil {
				t.Error(err)
			}
		})
	}
}

// [M6, M7] A new identity takes a seat: learner, snapshot closed at or above the
// learner's own change, then one joint change. A snapshot from before the change
// would be ignored by the learner, for ever.
func TestReplaceByNewIdentity(t *testing.T) {
	seed := seedOf(t)
	bubble(t, func(t *testing.T) {
		c := newCluster(t, seed, 3)
		defer c.closeAll()
		c.found()
		l := c.leader()
		for range 100 {
			if _, err := l.put(c.batch()); err != nil {
				t.Fatal(err)
			}
		}
		// A checkpoint from before the change is at hand.
		_ = l.node.do(func(l *loop) error { l.shots.wanted = true; return nil })
		<-time.After(100 * time.Millisecond)
		victim := others(c, l)[1]
		old := victim.node.Status().ID
		victim.kill(0)
		victim.wipe()
		victim.start()
		c.eventually("the new identity sits in its seat", func() bool {
			t := l.node.Status().Table
			for _, s := range t.Seats {
				if s.Name == victim.name && ID(s.ID) == victim.node.Status().ID {
					return ID(s.ID) != old
				}
			}
			return false
		})
		if _, err := l.put(c.batch()); err != nil {
			t.Fatal(err)
		}
		c.eventually("a voter", func() bool { return victim.node.Status().Role == Follower })
		c.even()
		for _, line := range []string{"Slave requested: STATE", "Slave requested: sub/BIG", "2/2 files"} {
			if !victim.lines.has(line) {
				t.Errorf("the slave does not say %q", line)
			}
		}
		l.kill(0)
		if _, err := c.leader().put(c.batch()); err != nil {
			t.Errorf("the new voter does not count: %v", err)
		}
	})
}

// [S12] Operators read of slaves that come, catch up and go.
func TestLines(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCluster(t, seedOf(t), 3)
		defer c.closeAll()
		c.found()
		l := c.leader()
		s := others(c, l)[0]
		id := idText(s.node.Status().ID)
		s.close()
		for range 30 {
			if _, err := l.put(c.batch()); err != nil {
				t.Fatal(err)
			}
		}
		s.start()
		c.even()
		<-time.After(time.Second)
		for _, line := range []string{"Slave has connected: " + id, "Slave has now caught up: " + id, "Slave has disconnected: " + id} {
			if !l.lines.has(line) {
				t.Errorf("the master does not say %q", line)
			}
		}
		for _, line := range []string{"Attaching to master: " + l.name + ":1", "Slave requested: log/", "Attaching... Downloaded ", "msg=Attached"} {
			if !s.lines.has(line) {
				t.Errorf("the slave does not say %q", line)
			}
		}
	})
}

// What waits while an entry is flushed goes into one entry.
func TestGroupCommit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCluster(t, seedOf(t), 3)
		defer c.closeAll()
		c.found()
		l := c.leader()
		for _, h := range c.hosts {
			h.disk.slow.Store(int64(time.Millisecond))
		}
		before := l.node.Status().LastIndex
		var all []string
		for range 1000 {
			all = append(all, c.batch())
		}
		if _, err := l.put(all...); err != nil {
			t.Fatal(err)
		}
		if n := l.node.Status().LastIndex - before; n > 10 {
			t.Errorf("1000 batches took %d entries", n)
		}
		big := make([]byte, maxBatch+1)
		var got error
		l.node.Propose(big, func(_ any, err error) { got = err })
		if !errors.Is(got, ErrTooLarge) || !errors.Is(got, ErrRefused) {
			t.Errorf("a batch larger than an entry: %v", got)
		}
		if _, err := l.put(string(big[:maxBatch])); err != nil {
			t.Errorf("the largest batch: %v", err)
		}
	})
}

// A joint configuration needs a majority of both halves for the lease.
func TestLeaseJoint(t *testing.T) {
	var s lease
	s.init()
	now := link.Now()
	s.lead(3, 1, &pb.ConfState{Voters: []uint64{1, 2, 4}, VotersOutgoing: []uint64{1, 2, 3}})
	held := func() bool { return s.until.Load() > int64(now) }
	if s.answered(4, 3, now-1); held() {
		t.Error("leased by one half")
	}
	if s.answered(3, 2, now-1); held() {
		t.Error("leased by an answer to an earlier term")
	}
	if s.answered(3, 3, now-1); !held() {
		t.Error("both halves agree")
	}
	if s.lost(4); held() {
		t.Error("leased by a lost link")
	}
	if s.answered(2, 3, now-leaseFor); held() {
		t.Error("leased by an old answer")
	}
	if s.answered(2, 3, now-leaseFor+time.Millisecond); !held() {
		t.Error("one answer may count in both halves")
	}
	if s.suspend(); held() {
		t.Error("leased while handing over")
	}
}

// [M4] The commit index that a restart finds may be behind the state, because
// it alone is never flushed. Unclamped, raft panics at the start.
func TestCommitIsClamped(t *testing.T) {
	seed := seedOf(t)
	bubble(t, func(t *testing.T) {
		c := newCluster(t, seed, 3)
		defer c.closeAll()
		c.found()
		l := c.leader()
		for l.toy.Low() != l.node.Status().LastIndex {
			if _, err := l.put(c.batch()); err != nil {
				t.Fatal(err)
			}
		}
		low := l.toy.Low()
		l.kill(0)
		l.start()
		if st := l.node.Status(); st.Commit < low || st.Applied < low {
			t.Errorf("state at %d, commit %d, applied %d", low, st.Commit, st.Applied)
		}
		c.even()
	})
}

// [M11] What comes after the end of a reign is refused behind those that are
// unknown, not ahead of them.
func TestRefusalWaitsItsTurn(t *testing.T) {
	n := &Node{}
	n.cfg.Limits = n.cfg.Limits.withDefaults()
	n.applier.init(n, 0)
	n.inbox.init()
	n.props.init(n)
	var got []string
	put := func(name string) {
		n.Propose([]byte(name), func(_ any, err error) { got = append(got, fmt.Sprintf("%s: %v", name, err)) })
	}
	put("before")
	r := n.props.begin(1)
	put("a")
	if n.props.gather(r) == nil {
		t.Fatal("nothing gathered")
	}
	put("b")
	n.props.end(r)
	put("c")
	next := n.props.begin(2)
	put("d")
	if len(got) != 1 {
		t.Errorf("ended too early: %q", got)
	}
	n.props.conclude(r)
	n.props.gather(next)
	n.props.finish()
	put("after")
	want := []string{"before: " + ErrRefused.Error(), "a: " + ErrUnknown.Error(), "b: " + ErrRefused.Error(), "c: " + ErrRefused.Error(), "d: " + ErrUnknown.Error(), "after: " + ErrRefused.Error()}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// [M10] Reading for a slave that is far behind is bounded in one turn; without
// the budget one answer of the slave reads all that may be in flight.
func TestReadingIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCluster(t, seedOf(t), 3)
		defer c.closeAll()
		c.found()
		l := c.leader()
		for range 8 {
			if _, err := l.put(string(make([]byte, maxBatch))); err != nil {
				t.Fatal(err)
			}
		}
		s := storage{log: l.node.wal, budget: maxRead}
		first, last := uint64(l.node.wal.FirstIndex()), uint64(l.node.wal.LastIndex())
		n := 0
		for range 8 {
			es, err := s.Entries(first, last+1, 64<<20)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range es {
				n += len(e.GetData())
			}
			first += uint64(len(es))
		}
		if n > 2*maxRead {
			t.Errorf("%d bytes read in one turn", n)
		}
	})
}

// [S9] A port that the configuration leaves open is kept over restarts.
func TestPortIsKept(t *testing.T) {
	cfg := Config{
		Dir: "/node", FS: vfs.NewMem(), Seat: "s", Replicas: 1, Token: "t",
		Bind: "127.0.0.1:0", Network: loopback{}, Machine: &nullMachine{},
	}
	var last string
	for range 2 {
		n, err := Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if last != "" && n.Address() != last {
			t.Errorf("at %s, was at %s", n.Address(), last)
		}
		last = n.Address()
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// [S12, M7] What an interrupted transfer left and is verified is not sent
// again; what differs is.
func TestTransferGoesOn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCluster(t, seedOf(t), 3)
		defer c.closeAll()
		c.found()
		l := c.leader()
		victim := others(c, l)[1]
		victim.kill(0)
		victim.wipe()
		dir := "/node/" + dirStaging
		if err := victim.mem.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := writeBig(victim.mem, dir); err != nil {
			t.Fatal(err)
		}
		if err := writeToy(victim.mem, dir, toyState{Index: 7}); err != nil {
			t.Fatal(err)
		}
		victim.start()
		c.eventually("a voter", func() bool { return victim.node.Status().Role == Follower })
		c.even()
		for _, line := range []string{"Slave skipping download of: sub/BIG", "Slave requested: STATE", "2/2 files"} {
			if !victim.lines.has(line) {
				t.Errorf("the slave does not say %q", line)
			}
		}
	})
}

// A transfer that breaks off is reported, and begun again: without the report
// the slave stays in raft's snapshot state for ever [M7].
func TestTransferBreaks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCluster(t, seedOf(t), 3)
		defer c.closeAll()
		c.found()
		l := c.leader()
		victim := others(c, l)[1]
		victim.kill(0)
		victim.wipe()
		victim.start()
		for range 100 {
			if victim.lines.has("Slave requested: ") {
				c.net.reset(l.name, victim.name)
				break
			}
			<-time.After(10 * time.Millisecond)
		}
		c.eventually("a voter", func() bool { return victim.node.Status().Role == Follower })
		c.even()
	})
}
