package cluster

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/quorate/quorate/logline"
	"github.com/quorate/quorate/replica"
)

// A Replica is the replicated log as the election sees it.
type Replica interface {
	Status() replica.Status
	Changed() <-chan struct{}
	Stand()
	Forget()
}

// A View is what a driver knows beside the links.
type View interface {
	// Gate tells whether a node without a leader may stand.
	Gate() Gate
	// Gone reports whether the driver has seen the node disappear: a hint only.
	Gone(leader replica.ID) bool
	// Sequence gives the order in which a node came, 0 if it has none.
	Sequence(replica.ID) uint64
	// Changed returns a channel that is closed at the next change of the view.
	Changed() <-chan struct{}
}

// A Gate is a driver's word on whether a node without a leader may stand.
type Gate struct {
	Shut string // why it must not; empty: it may
	Few  bool   // the reason is that too few members are there
}

// Run turns an Elector's decisions into calls of r until ctx ends. It wakes up
// on every change of r and of the view, and when the Elector asks for it.
func Run(ctx context.Context, r Replica, v View, weight int, log *slog.Logger) error {
	w := runner{r: r, v: v, log: log, elector: Elector{Weight: weight, Random: rand.Int64N}, start: time.Now()}
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for ctx.Err() == nil {
		changed, viewed := r.Changed(), v.Changed()
		var late <-chan time.Time
		if next := w.turn(); next > 0 {
			timer.Reset(next)
			late = timer.C
		}
		select {
		case <-changed:
		case <-viewed:
		case <-late:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

type runner struct {
	r       Replica
	v       View
	log     *slog.Logger
	elector Elector
	start   time.Time
	leader  replica.ID // forgotten last
	why     string     // told last
	few     bool       // too few nodes: told in this episode
	waits   bool       // for positions: told in this episode
}

// turn makes one decision and carries it out.
func (w *runner) turn() time.Duration {
	st := w.r.Status()
	gate := w.v.Gate()
	d := w.elector.Decide(Input{
		Now: time.Since(w.start), Status: &st, Shut: gate.Shut, Few: gate.Few,
		Gone: st.Leader != 0 && w.v.Gone(st.Leader), Sequence: w.v.Sequence,
	})
	if d.Forget {
		if w.leader != st.Leader {
			w.leader = st.Leader
			logline.NewElection.Log(w.log)
			w.log.Info("The master is lost", "master", name(&st, st.Leader), "because", d.Reason)
		}
		w.r.Forget()
	} else if st.Leader != 0 {
		w.leader = 0
	}
	if d.Stand {
		w.log.Info("Standing for master", "term", st.LastTerm, "position", st.LastIndex)
		w.r.Stand()
	}
	w.explain(&st, &d)
	return d.Next
}

// explain tells why there is no master, when the reason changes.
func (w *runner) explain(st *replica.Status, d *Decision) {
	if d.Few && !w.few {
		logline.NotEnough.Log(w.log)
	}
	if d.Why != w.why && d.Why != "" && st.Founded {
		w.log.Info("No master, and this node does not stand: " + d.Why)
	}
	if d.Waits && !w.waits {
		logline.NoPositions.Log(w.log)
	}
	w.why, w.few = d.Why, d.Few
	w.waits = d.Waits || w.waits && st.Leader == 0
}

// name gives the seat that a node holds, or its identity.
func name(st *replica.Status, id replica.ID) string {
	if st.Table != nil {
		for _, s := range st.Table.Seats {
			if s.ID == uint64(id) {
				return s.Name
			}
		}
	}
	return NodeText(id)
}
