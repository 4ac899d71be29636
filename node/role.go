package node

import (
	"context"
	"errors"
	"time"

	"github.com/quorate/quorate/broker"
	"github.com/quorate/quorate/logline"
	"github.com/quorate/quorate/replica"
)

// unfitFor is how long a node stays out of elections after a promotion of its
// own failed.
const unfitFor = 30 * time.Second

// A follower is the loop that follows the role of this node in the log.
type follower struct {
	n     *Node
	reign *reign
	slave replica.ID // the master that this node follows, 0 if none
}

// follow runs until ctx ends or a graceful stop is complete.
func (n *Node) follow(ctx context.Context) {
	f := follower{n: n}
	stop := n.stop
	for ctx.Err() == nil {
		changed := n.replica.Changed()
		f.turn(ctx, n.replica.Status())
		select {
		case <-changed:
		case err := <-f.broken():
			f.abdicate(ctx, err)
		case err := <-n.failed:
			f.abdicate(ctx, err)
		case <-stop:
			f.leave(ctx)
			return
		case <-ctx.Done():
		}
	}
	f.demote(replica.Status{}, broker.ErrUnknown)
}

// turn brings the services in line with the role.
func (f *follower) turn(ctx context.Context, st replica.Status) {
	leads := st.Role == replica.Leader && st.Failed == nil
	if f.reign != nil && (!leads || st.Term != f.reign.term) {
		f.demote(st, broker.ErrUnknown)
	}
	if leads || st.Leader == 0 || st.Leader == st.ID {
		f.unfollow()
	} else if f.slave != st.Leader {
		f.unfollow()
		f.slave = st.Leader
		f.n.say(logline.SlaveStarted)
	}
	if leads && f.reign == nil && f.n.failure() == nil {
		f.promote(ctx, st)
	}
}

func (f *follower) unfollow() {
	if f.slave != 0 {
		f.slave = 0
		f.n.say(logline.SlaveStopped)
	}
}

// promote begins a reign. Where it fails, the mastership goes to another node
// and this one stays out of elections for a while, visibly.
func (f *follower) promote(ctx context.Context, st replica.Status) {
	n := f.n
	n.say(logline.Promoted)
	n.say(logline.MasterStarted, "tcp://"+n.replica.Address())
	began := time.Now()
	r, err := n.begin(ctx, st)
	switch {
	case err == nil:
		f.reign = r
		n.driver.Announce("tcp://"+n.replica.Address(), true)
		n.log.Info("Clients are accepted", "after", time.Since(began).Round(time.Microsecond), "term", st.Term)
	case errors.Is(err, errDeposed), errors.Is(err, context.Canceled):
		n.say(logline.Demoted)
		n.say(logline.MasterStopped)
	default:
		n.log.Error("The promotion failed: another node is asked to serve", "error", err, "unfit", unfitFor)
		f.abdicate(ctx, err)
		n.say(logline.Demoted)
		n.say(logline.MasterStopped)
	}
}

// abdicate hands the mastership on because this node cannot serve.
func (f *follower) abdicate(ctx context.Context, err error) {
	n := f.n
	if f.reign == nil && n.replica.Status().Role != replica.Leader {
		return
	}
	n.replica.SetUnfit(err.Error(), unfitFor)
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := n.replica.Resign(ctx); err != nil && ctx.Err() == nil {
		n.log.Warn("The mastership could not be handed over", "error", err)
	}
	f.demote(n.replica.Status(), broker.ErrUnknown)
}

// demote ends the reign, if there is one.
func (f *follower) demote(st replica.Status, cause error) {
	if f.reign == nil {
		return
	}
	n := f.n
	if lost(st) {
		n.say(logline.NotEnough)
		n.log.Info("The quorum of links is lost", "missing", missing(st))
	}
	n.say(logline.Demoted)
	n.driver.Announce("", false)
	f.reign.end(cause)
	f.reign = nil
	n.say(logline.MasterStopped)
}

// broken tells of a connector that broke while it served.
func (f *follower) broken() <-chan error {
	if f.reign == nil {
		return nil
	}
	return f.reign.broken
}

// leave is the graceful end: the mastership goes to the best slave before the
// services stop.
func (f *follower) leave(ctx context.Context) {
	n := f.n
	n.mu.Lock()
	n.mu.stopping = true
	n.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, max(n.cfg.StopTimeout, time.Second))
	defer cancel()
	st := n.replica.Status()
	if st.Role == replica.Leader && len(st.Peers) > 0 {
		if err := n.replica.Resign(ctx); err != nil {
			n.log.Warn("Nobody took the mastership over", "error", err)
		}
	}
	f.demote(n.replica.Status(), broker.ErrUnknown)
	f.unfollow()
}

func (n *Node) failure() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.mu.failure
}
