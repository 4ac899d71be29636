package replica

import (
	"context"
	"fmt"
	"time"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/quorate/quorate/replica/link"
	"github.com/quorate/quorate/replica/seat"
	"github.com/quorate/quorate/wal"
)

const (
	beat         = 100 * time.Millisecond // raft's tick, probes [S19]
	reportEvery  = 2                      // beats
	houseEvery   = 10                     // beats
	electionTick = 10                     // beats; CheckQuorum and hand-overs
	standstill   = electionTick * beat    // after it the others count this node as silent [S19]
)

// loop is the state of the goroutine that drives raft. Nothing else touches it
// while the node runs.
type loop struct {
	n  *Node
	id ID
	rn *raft.RawNode // nil while not in raft: failed, or being founded
	st *storage

	// as last observed
	role   Role
	term   uint64
	leader ID
	reign  *reign // while leading
	commit uint64
	proven bool // something was committed in this reign

	crowned      time.Duration // link.Now() when the reign began
	confProposed uint64        // where this reign's last change of the configuration may be
	refusal      string        // why a node is not taken in, as last logged

	table     *seat.Table
	conf      *pb.ConfState
	confIndex wal.Index // of the last change of conf

	promise struct {
		leader ID
		until  time.Duration
	}
	handover   *handover
	shots      checkpoints
	slaves     slaves
	news       news
	attach     attachment
	keep       wal.Index // the leader's word on how much of the log slaves need
	dropped    wal.Index // what compact asked for last
	founding   *founding // under way
	installing bool      // raft has taken a snapshot that is not installed yet
	record     []byte    // the founding record; nil when this node was no founder

	beats  int
	turned time.Duration // link.Now() when the last turn began
	urgent bool          // peers should hear of a change at once
	msgs   []*pb.Message
	calls  []func(*loop)
}

func newLoop(n *Node, s start) (*loop, error) {
	l := &loop{n: n, id: n.self.id(), table: s.table, conf: s.conf, confIndex: s.applied, record: n.record}
	l.slaves.init()
	l.news.init()
	l.shots.init(n)
	if err := l.join(s.applied); err != nil {
		return nil, err
	}
	l.observe()
	l.publish()
	return l, nil
}

// join makes the RawNode from what the log and the Machine hold. It starts as a
// follower without a leader. The commit index is clamped to what there is: it
// need not have been durable, and it may be ahead of a log that was cut [M4].
func (l *loop) join(applied wal.Index) error {
	hs := l.n.wal.State()
	commit := max(min(hs.Commit, l.n.wal.LastIndex()), applied, l.n.wal.FirstIndex()-1)
	c := uint64(commit)
	l.st = &storage{
		log:     l.n.wal,
		state:   &pb.HardState{Term: &hs.Term, Vote: &hs.Vote, Commit: &c},
		conf:    l.conf,
		budget:  -1,
		prepare: l.snapshot,
	}
	rn, err := raft.NewRawNode(&raft.Config{
		ID:                        uint64(l.id),
		ElectionTick:              electionTick,
		HeartbeatTick:             1,
		Storage:                   l.st,
		Applied:                   uint64(applied),
		AsyncStorageWrites:        true,
		MaxSizePerMsg:             maxEntry,
		MaxCommittedSizePerReady:  4 << 20,
		MaxUncommittedEntriesSize: uint64(2*l.n.cfg.Limits.InFlightBytes + 4*maxEntry), // admission is lower
		MaxInflightMsgs:           256,
		MaxInflightBytes:          8 << 20,
		CheckQuorum:               true,
		PreVote:                   true,
		DisableProposalForwarding: true,
		StepDownOnRemoval:         true,
		Logger:                    raftLogger{l.n.cfg.Logger.With("component", "replica.raft")},
	})
	if err != nil {
		return fmt.Errorf("start raft: %w", err)
	}
	l.rn, l.commit = rn, c
	return nil
}

func (l *loop) run(ctx context.Context) {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			l.depose()
			l.publish()
			return
		case <-l.n.inbox.wake:
			l.turn(false)
		case <-tick.C:
			l.turn(true)
		case <-l.news.timer.C:
			l.news.tell(l.n)
		}
	}
}

// turn does all that waits. A log that cannot be read makes the node fail; any
// other panic of raft is a broken invariant, and the process dies.
func (l *loop) turn(tick bool) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case readError:
			l.n.fail(p.err)
			l.leave()
			l.publish()
		default:
			panic(p)
		}
	}()
	l.awake()
	l.turned = link.Now()
	l.msgs, l.calls = l.n.inbox.take(l.msgs, l.calls)
	for _, f := range l.calls {
		f(l)
	}
	for _, m := range l.msgs {
		l.step(m)
	}
	if tick {
		l.tick()
	}
	l.ready()
	l.propose()
	l.ready()
	if l.handover != nil {
		l.advanceHandover()
		l.ready()
	}
	l.shots.make()
	l.publish()
}

// awake ends the reign of a leader that stood still for as long as the others'
// patience: its process was stopped, its machine suspended. Ticks count beats,
// not time, so raft's CheckQuorum does not notice. The clients have given up and
// sent elsewhere what lies unread in their old connections: it must not enter
// the log behind that. It reports false if it did so.
func (l *loop) awake() bool {
	if l.reign == nil || link.Now()-l.turned < standstill || len(l.voters()) < 2 {
		return true
	}
	l.n.log.Warn("This node stood still and steps down", "for", (link.Now() - l.turned).Round(beat))
	l.stepDown()
	return false
}

// step gives raft one message. What an answer of a slave makes raft read of
// the log is limited: the next answer goes on with it.
func (l *loop) step(m *pb.Message) {
	if l.rn == nil {
		return
	}
	if t := m.GetType(); m.GetFrom() != uint64(l.id) && (t == pb.MsgAppResp || t == pb.MsgHeartbeatResp) {
		l.st.budget = maxRead
		defer func() { l.st.budget = -1 }()
	}
	if err := l.rn.Step(m); err != nil {
		l.n.log.Debug("Message is not taken", "type", m.GetType().String(), "from", idText(ID(m.GetFrom())), "error", err)
	}
}

func (l *loop) tick() {
	l.beats++
	if l.rn != nil && l.reign != nil {
		l.rn.Tick()
		l.ready()
		l.probe()
	}
	if l.beats%reportEvery == 0 {
		l.urgent = true
	}
	if l.beats%houseEvery == 0 {
		l.housekeeping()
	}
	if l.reign != nil {
		l.noteMatches()
		l.slaves.look(l)
	}
	l.attach.progress(l)
	l.n.lapseUnfit()
}

func (l *loop) housekeeping() {
	l.healFounding()
	l.decide()
	l.compact()
	l.shots.expire()
}

// ready hands out the work that raft has, until it has none.
func (l *loop) ready() {
	for l.rn != nil && l.rn.HasReady() {
		rd := l.rn.Ready()
		if rd.SoftState != nil || !raft.IsEmptyHardState(rd.HardState) {
			l.observe()
		}
		for _, m := range rd.Messages {
			l.dispatch(m)
			if l.rn == nil {
				return
			}
		}
	}
}

func (l *loop) dispatch(m *pb.Message) {
	switch {
	case m.GetTo() == raft.LocalAppendThread:
		l.installing = l.installing || m.GetSnapshot() != nil
		l.n.writer.push(writeTask{msg: m})
	case m.GetTo() == raft.LocalApplyThread:
		// Before the entries' response: raft counts by the new configuration
		// when it hears that they are applied [S7].
		l.n.applier.push(applyTask{msg: m, members: l.configure(m.GetEntries())})
	case m.GetType() == pb.MsgSnap:
		l.sendSnapshot(m)
	default:
		if m.GetType() == pb.MsgTimeoutNow {
			l.n.lease.suspend()
			if l.handover != nil {
				l.handover.sent = true
			}
		}
		if !l.news.hold(m) {
			l.n.send(m)
		}
	}
}

// observe follows raft's role and term. It runs before the messages of the
// same Ready leave, so that the lease is gone before a vote is.
func (l *loop) observe() {
	st := l.rn.BasicStatus()
	leading := st.RaftState == raft.StateLeader
	if l.reign != nil && (!leading || st.GetTerm() != l.reign.term) {
		l.depose()
	}
	was := l.leader
	l.role, l.term, l.leader = l.roleOf(st.RaftState), st.GetTerm(), ID(st.Lead)
	if leading && l.reign == nil && l.n.failure() == nil {
		l.crown()
	}
	if was != l.leader {
		l.attach.follow(l)
		l.urgent = true
	}
	if c := st.GetCommit(); c != l.commit {
		l.commit = c
		if l.reign != nil && !l.proven {
			l.proven = true
			l.probe()
		}
	}
}

// crown begins a reign.
func (l *loop) crown() {
	l.reign = l.n.props.begin(l.term)
	l.proven, l.crowned, l.confProposed, l.refusal = false, link.Now(), 0, ""
	l.urgent = true
	l.n.lease.lead(l.term, l.id, l.conf)
	l.slaves.begin(l)
	l.news.forget()
	l.n.log.Info("Leads the log", "term", l.term, "id", idText(l.id))
}

// depose ends a reign: the lease first, then the proposals.
func (l *loop) depose() {
	if l.reign == nil {
		return
	}
	l.n.lease.end()
	l.n.props.end(l.reign)
	l.n.log.Info("No longer leads the log", "term", l.reign.term, "id", idText(l.id))
	l.reign, l.urgent = nil, true
	l.slaves.end()
	l.news.forget()
	l.shots.end()
	l.endHandover()
}

// stepDown makes a leader a follower of nobody in the next term. A node may
// enter a term at any time as long as it has not voted in it; raft does so on
// any message of a higher term, and this is one.
func (l *loop) stepDown() {
	if l.rn == nil || l.reign == nil {
		return
	}
	id, term := uint64(l.id), l.term+1
	l.step(&pb.Message{Type: pb.MsgHeartbeatResp.Enum(), From: &id, To: &id, Term: &term})
	l.ready()
}

// leave takes the node out of raft for good.
func (l *loop) leave() {
	l.depose()
	l.rn = nil
	l.role, l.leader, l.urgent = Follower, 0, true
	if f := l.founding; f != nil {
		l.founding = nil
		for _, done := range f.waiters {
			done(l.n.failure())
		}
	}
}

// propose puts what waits into the log, unless enough is on its way to the
// disk: then it gathers until that is done.
func (l *loop) propose() {
	r := l.reign
	if r == nil || r.paused || r.broken || l.rn == nil {
		return
	}
	for l.n.writer.unsynced.Load() < maxUnflushed && l.awake() {
		data := l.n.props.gather(r)
		if data == nil {
			return
		}
		if err := l.rn.Propose(data); err != nil {
			l.n.props.drop(r, len(data))
			r.broken = true // nothing later of this reign may enter [M11]
			l.n.log.Warn("Proposals are refused for the rest of this reign", "term", r.term, "error", err)
			l.stepDown()
			return
		}
		l.ready()
	}
}

func (l *loop) forget() {
	if l.rn == nil || l.promised() {
		return
	}
	if err := l.rn.ForgetLeader(); err != nil {
		l.n.log.Debug("Forgetting the leader", "error", err)
	}
}

func (l *loop) stand() {
	if l.rn == nil || l.reign != nil || l.promised() {
		return
	}
	l.forget()
	if err := l.rn.Campaign(); err != nil {
		l.n.log.Debug("Standing", "error", err)
	}
}

// promised reports whether the leader may still be serving on this node's
// word: it answered a probe less than a lease ago, and the link is whole [M8].
func (l *loop) promised() bool {
	return l.leader != 0 && l.leader == l.promise.leader && link.Now() < l.promise.until
}

func (l *loop) unreachable(id ID) {
	if l.rn != nil && l.reign != nil {
		l.rn.ReportUnreachable(uint64(id))
	}
}

// voters returns the members of both halves of the configuration.
func (l *loop) voters() map[uint64]struct{} {
	all := make(map[uint64]struct{}, 8)
	for _, half := range [][]uint64{l.conf.GetVoters(), l.conf.GetVotersOutgoing()} {
		for _, id := range half {
			all[id] = struct{}{}
		}
	}
	return all
}
