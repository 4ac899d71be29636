// Package peers drives the election of a cluster whose nodes know each other
// from a list, the same on every node. Nothing but the links tells them who is
// there.
//
// There is no record outside that could tell of an older cluster, so a cluster
// is founded only when every node of the list is linked and empty: the first of
// the list founds.
package peers

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/quorate/quorate/cluster"
	"github.com/quorate/quorate/replica"
	"github.com/quorate/quorate/replica/seat"
)

// retry is the pause after a founding that did not reach everybody, and the
// time after which the nodes are looked at even without a change.
const retry = time.Second

// A Replica is what this driver asks of the replicated log.
type Replica interface {
	cluster.Replica
	SetAddresses([]string)
	Address() string
	FoundAll(table []byte) error
}

// Config of the driver.
type Config struct {
	Replica  Replica
	Peers    []string // host:port of every node, in the same order everywhere
	Self     string   // the entry that is this node
	Replicas int
	Weight   int // preference of this node, as the replica has it
	Logger   *slog.Logger
}

// A Driver runs the election of one node. New makes it, Run runs it.
type Driver struct {
	cfg  Config
	told string // progress told last
}

// New gives a driver.
func New(cfg Config) *Driver { return &Driver{cfg: cfg} }

// Announce does nothing: nobody outside reads it.
func (d *Driver) Announce(string, bool) {}

// Run founds the cluster if it does not exist yet, and runs the election until
// ctx ends.
func (d *Driver) Run(ctx context.Context) error {
	others := slices.DeleteFunc(slices.Clone(d.cfg.Peers), func(p string) bool { return p == d.cfg.Self })
	d.cfg.Replica.SetAddresses(others)
	var wg sync.WaitGroup
	wg.Go(func() { d.found(ctx) })
	err := cluster.Run(ctx, d.cfg.Replica, links{}, d.cfg.Weight, d.cfg.Logger)
	wg.Wait()
	return err
}

// links is the view of a node that knows only its links.
type links struct{}

func (links) Gate() cluster.Gate         { return cluster.Gate{} }
func (links) Gone(replica.ID) bool       { return false }
func (links) Sequence(replica.ID) uint64 { return 0 }
func (links) Changed() <-chan struct{}   { return nil }

// found waits until the node belongs to a cluster, and founds one when it is its
// turn.
func (d *Driver) found(ctx context.Context) {
	tick := time.NewTicker(retry)
	defer tick.Stop()
	for ctx.Err() == nil {
		changed := d.cfg.Replica.Changed()
		st := d.cfg.Replica.Status()
		if st.Founded {
			return
		}
		if t := d.decide(&st); t != nil {
			if err := d.cfg.Replica.FoundAll(t.Append(nil)); err != nil {
				d.cfg.Logger.Warn("The cluster could not be founded on every node yet", "error", err)
			}
			changed = nil // tried again with the next tick, if it is still needed
		}
		select {
		case <-changed:
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// decide gives the table of the cluster that this node founds now, if it does.
func (d *Driver) decide(st *replica.Status) *seat.Table {
	f := seat.Founding{
		Replicas: d.cfg.Replicas, All: true, Names: d.cfg.Peers, Vacant: seat.NewID,
		Self: seat.Participant{Seat: st.Seat, ID: uint64(st.ID), Address: d.cfg.Replica.Address(), Empty: st.Empty, Founded: st.Founded},
	}
	_, _ = rand.Read(f.Cluster[:])
	for i := range st.Peers {
		if p := &st.Peers[i]; p.Up && p.Reported {
			f.Others = append(f.Others, seat.Participant{
				Seat: p.Seat, ID: uint64(p.ID), Address: p.Address, Empty: p.Empty, Founded: p.Founded,
			})
		}
	}
	t, why := seat.Found(f)
	d.tell(t, why, &f)
	return t
}

// tell says what the founding waits for, once for each change.
func (d *Driver) tell(t *seat.Table, why string, f *seat.Founding) {
	var missing []string
	for _, name := range d.cfg.Peers {
		there := func(p seat.Participant) bool { return p.Seat == name }
		if name != f.Self.Seat && !slices.ContainsFunc(f.Others, there) {
			missing = append(missing, name)
		}
	}
	text := "This node has no cluster yet: " + why
	switch {
	case t != nil:
		text = fmt.Sprintf("All %d nodes are there: founding the cluster", len(d.cfg.Peers))
	case len(missing) > 0 && f.Self.Empty && !slices.ContainsFunc(f.Others, func(p seat.Participant) bool { return p.Founded }):
		text = fmt.Sprintf("Waiting for %d of %d nodes to found the cluster: %s", len(missing), len(d.cfg.Peers), strings.Join(missing, ", "))
	}
	if text != d.told {
		d.told = text
		d.cfg.Logger.Info(text)
	}
}
