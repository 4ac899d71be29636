// Package zookeeper drives the election of a cluster that meets at a ZooKeeper
// ensemble, as ActiveMQ's replicated store does.
//
//	<zkPath>/00000000157       a member: ephemeral, 0 and ten digits, JSON (Member)
//	<zkPath>/quorate-<broker>  the founding record: written once, by compare-and-set
//
// ZooKeeper is how nodes find each other, how a cluster is founded once, how
// tools see who is elected, and what keeps a node without a master from standing
// while too few are there. It never ends a reign [M1], and when it has been away
// for longer than a session's timeout, nodes that hold a quorum of links elect
// by the links alone [S10].
package zookeeper

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/quorate/quorate/cluster"
	"github.com/quorate/quorate/replica"
	"github.com/quorate/quorate/replica/link"
)

const (
	// attempt is how long one attempt to begin a session may take.
	attempt = 5 * time.Second
	// tick is how often the driver looks around without being told to.
	tick = time.Second
	// forsaken is after how many timeouts without a sign of life a session is
	// given up: the library may hold on to a dead one for ever.
	forsaken = 4
)

// A Replica is what this driver asks of the replicated log.
type Replica interface {
	cluster.Replica
	SetAddresses([]string)
	Address() string
	Found(table []byte) error
}

// Config of the driver.
type Config struct {
	Replica        Replica
	Addresses      []string // host:port of the ensemble's servers
	Password       string   // of the user fabric; empty: no access control
	Path           string
	SessionTimeout time.Duration
	BrokerName     string
	Container      string
	Weight         int
	Replicas       int
	Seat           string
	Logger         *slog.Logger
	Remember       func([]string) error // keeps the other nodes' link addresses for a start without ZooKeeper; may be nil
	Remembered     []string             // what Remember kept
}

// A Driver runs the election of one node. New makes it, Run runs it, once.
type Driver struct {
	cfg   Config
	log   *slog.Logger
	alive life
	poked chan struct{} // Announce was called

	book    book
	told    progress
	found   founder
	rejoins rejoin

	mu struct {
		sync.Mutex
		address string // announced
		master  bool
		roster  roster
		known   bool                         // the roster is of the present session
		seen    map[replica.ID]time.Duration // members of the present session, and link.Now() when they were last seen
		learned time.Duration                // link.Now() when the members were last known for sure
		lenient time.Duration                // link.Now() up to which members that are missing may still be on their way
		few     time.Duration                // link.Now() since when the members are too few, 0: they are not
		changed chan struct{}
	}
}

// New gives a driver.
func New(cfg Config) *Driver {
	cfg.Path = "/" + strings.Trim(cfg.Path, "/")
	d := &Driver{cfg: cfg, log: cfg.Logger, poked: make(chan struct{}, 1)}
	d.book = newBook(cfg.Remembered, 4*cfg.Replicas)
	d.mu.changed = make(chan struct{})
	return d
}

// Announce tells where the master's links are, once this node serves, and that
// it serves no more, with an empty address. It does not block.
func (d *Driver) Announce(address string, master bool) {
	d.mu.Lock()
	d.mu.address, d.mu.master = address, master
	d.mu.Unlock()
	select {
	case d.poked <- struct{}{}:
	default:
	}
}

// Members gives the members of this broker's name as last seen, by sequence.
func (d *Driver) Members() []Member {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.mu.roster.members)
}

// Run keeps this node a member, founds the cluster if it does not exist yet, and
// runs the election until ctx ends. ZooKeeper is tried without end.
func (d *Driver) Run(ctx context.Context) error {
	d.alive.touch()
	d.mu.Lock()
	d.mu.learned = link.Now()
	d.mu.Unlock()
	st := d.cfg.Replica.Status()
	d.book.seats(st.Table, st.ID)
	if known := d.book.list(); len(known) > 0 {
		d.cfg.Replica.SetAddresses(known)
	}
	var wg sync.WaitGroup
	wg.Go(func() { d.meet(ctx) })
	err := cluster.Run(ctx, d.cfg.Replica, d, d.cfg.Weight, d.log)
	wg.Wait()
	return err
}

// meet holds one session after another.
func (d *Driver) meet(ctx context.Context) {
	r := recovery{log: d.log, servers: d.cfg.Addresses}
	again(ctx, func(ctx context.Context) error { return d.session(ctx, &r) }, func(err error) {
		r.lost(err)
		d.unknown()
	})
}

// session begins a session and holds it until it is over.
func (d *Driver) session(ctx context.Context, r *recovery) error {
	auth := ""
	if d.cfg.Password != "" {
		auth = "fabric:" + d.cfg.Password
	}
	r.try()
	s, err := dial(ctx, d.cfg.Addresses, d.cfg.SessionTimeout, auth, &d.alive, d.log, attempt)
	if err != nil {
		return err
	}
	defer s.close()
	stop := context.AfterFunc(ctx, s.close)
	defer stop()
	r.reached()
	t := newTree(s, d.cfg.Path, recordName(d.cfg.BrokerName), auth != "")
	timer := time.NewTicker(tick)
	defer timer.Stop()
	var trouble trouble
	for {
		changed := d.cfg.Replica.Changed()
		err := d.pass(t)
		if over := errors.Join(s.state(), ctx.Err()); over != nil {
			return over
		}
		if err != nil && d.alive.age() > forsaken*max(d.cfg.SessionTimeout, tick) {
			return errAway
		}
		if trouble.note(d.log, err) {
			changed = after(ctx, tick/4)
		}
		select {
		case <-s.wake:
		case <-changed:
		case <-d.poked:
		case <-timer.C:
		case <-ctx.Done():
		}
	}
}

// after gives a channel that is closed when d or ctx is over.
func after(ctx context.Context, d time.Duration) <-chan struct{} {
	ctx, cancel := context.WithTimeout(ctx, d)
	context.AfterFunc(ctx, cancel)
	return ctx.Done()
}

// pass brings what is known of the members up to date, and what they know of
// this node.
func (d *Driver) pass(t *tree) error {
	if err := t.prepare(); err != nil {
		return err
	}
	if err := t.refresh(); err != nil {
		return err
	}
	if d.alive.age() >= tick/2 { // the library's pings may be further apart
		if _, _, err := t.s.conn.Exists(t.path); err != nil {
			return fmt.Errorf("look for a sign of life: %w", err)
		}
	}
	st := d.cfg.Replica.Status()
	r := newRoster(t.members(), d.cfg.BrokerName)
	if err := d.attend(t, &st, &r); err != nil {
		return err
	}
	d.learn(&st, newRoster(t.members(), d.cfg.BrokerName))
	if err := d.guard(t); err != nil {
		return err
	}
	return d.foundation(t, &st)
}

// guard leaves the path to the holders of the password, once a session, where
// it was created without one. A path that other clusters share stays as it is.
func (d *Driver) guard(t *tree) error {
	if t.guarded {
		return nil
	}
	exposed, err := t.exposed()
	if err != nil || !exposed {
		t.guarded = err == nil
		return err
	}
	t.guarded = true
	foreign := func(m Member) bool { return m.ID != d.cfg.BrokerName || m.Node == "" }
	if slices.ContainsFunc(t.members(), foreign) {
		d.log.Warn("Everybody can write to the path at ZooKeeper: it was created without a password, and others share it", "path", d.cfg.Path)
		return nil
	}
	d.log.Info("From now on only the holders of zkPassword can write to the path at ZooKeeper", "path", d.cfg.Path)
	return t.protect()
}

// attend joins, or brings this node's own data up to date.
func (d *Driver) attend(t *tree, st *replica.Status, r *roster) error {
	if t.own != "" && t.children[t.own] == nil {
		t.own = ""
		d.log.Warn("This node's member of ZooKeeper has been removed by somebody else; it joins again", "after", d.rejoins.removed(link.Now()))
	}
	if t.own == "" && link.Now() < d.rejoins.at {
		return nil
	}
	data, err := d.describe(st, r, t.own).encode()
	if err != nil {
		return err
	}
	if t.own != "" {
		return t.publish(data)
	}
	node := cluster.NodeText(st.ID)
	return t.join(data, func(data []byte) bool {
		m, err := decodeMember("00", data)
		return err == nil && m.Node == node && m.ID == d.cfg.BrokerName
	})
}

// describe gives what this node says of itself.
func (d *Driver) describe(st *replica.Status, r *roster, own string) *Member {
	m := &Member{
		ID: d.cfg.BrokerName, Position: -1, Weight: d.cfg.Weight, Node: cluster.NodeText(st.ID),
		Seat: d.cfg.Seat, Link: d.cfg.Replica.Address(), Term: st.LastTerm, State: stateOf(st),
	}
	if d.cfg.Container != "" {
		m.Container = &d.cfg.Container
	}
	if st.Leader == 0 {
		m.Position = int64(st.LastIndex)
	}
	if st.Leader == st.ID && own != "" {
		sequence := own[1:]
		m.Elected = &sequence
	} else if master := r.find(st.Leader); master != nil {
		m.Elected = &master.sequence
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mu.master && d.mu.address != "" {
		address := d.mu.address
		m.Address = &address
	}
	return m
}

func stateOf(st *replica.Status) string {
	switch {
	case st.Failed != nil:
		return stateFailed
	case !st.Founded && st.Empty:
		return stateEmpty
	case !st.Founded:
		return stateOrphan
	case st.Role == replica.Leader:
		return stateMaster
	case st.Role == replica.Learner:
		return stateLearner
	case st.Leader != 0:
		return stateSlave
	case st.Unfit != "":
		return stateUnfit
	}
	return stateWaiting
}
