package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/quorate/quorate/broker"
	"github.com/quorate/quorate/logline"
	"github.com/quorate/quorate/replica"
	"github.com/quorate/quorate/store"
)

// A reign is everything that runs only while this node is the master: the
// broker over the store and the connectors that clients come in by. begin
// starts it in an order, end ends it in the reverse one.
type reign struct {
	n          *Node
	term       uint64
	since      time.Time
	broker     *broker.Broker
	connectors []*connector
	broken     chan error // a connector that broke
}

// errDeposed ends a promotion whose leadership went before it was complete.
var errDeposed = errors.New("the mastership was lost during the promotion")

// compatible is what ActiveMQ's lines show as version.
const compatible = "5.15.3-compatible Quorate "

// begin promotes: the reign record is logged and applied, the broker starts
// over the warm store, and then the ports open. Nothing is served before the
// record is applied [M8].
func (n *Node) begin(ctx context.Context, st replica.Status) (*reign, error) {
	r := &reign{n: n, term: st.Term, since: time.Now(), broken: make(chan error, 1)}
	if err := n.record(ctx, st); err != nil {
		return nil, err
	}
	n.say(logline.Starting, compatible+n.version, n.cfg.BrokerName, n.id)
	r.broker = broker.New(n.brokerConfig(st.Term))
	if err := r.broker.Start(ctx); err != nil {
		return nil, fmt.Errorf("start the broker: %w", err)
	}
	for _, c := range n.cfg.Transports {
		conn, err := n.listen(c, r)
		if err != nil {
			r.end(err)
			return nil, err
		}
		r.connectors = append(r.connectors, conn)
	}
	n.serving(r.broker, r.connectors)
	for _, c := range r.connectors {
		c.serve(ctx)
	}
	n.say(logline.Started, compatible+n.version, n.cfg.BrokerName, n.id)
	return r, nil
}

// serving notes what serves, for the status.
func (n *Node) serving(b *broker.Broker, cs []*connector) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mu.broker, n.mu.connectors = b, cs
}

// record logs the reign record and waits until it is applied.
func (n *Node) record(ctx context.Context, st replica.Status) error {
	var b store.Batch
	b.Reign(st.Term, uint64(st.ID), time.Now().UnixMilli())
	applied := make(chan error, 1)
	n.reigning(st.Term).Propose(&b, func(_ store.Result, err error) { applied <- err })
	select {
	case err := <-applied:
		if err != nil {
			return fmt.Errorf("%w: %w", errDeposed, err)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// end demotes: ports close and connections end without an answer for what is
// in flight, the broker forgets what was volatile. The store stays open and
// warm.
func (r *reign) end(cause error) {
	n := r.n
	n.say(logline.ShuttingDown, compatible+n.version, n.cfg.BrokerName, n.id)
	n.serving(nil, nil)
	for _, c := range r.connectors {
		c.close()
		n.say(logline.ConnectorStopped, c.cfg.Name)
	}
	r.broker.Stop(cause)
	n.say(logline.Uptime, compatible+n.version, n.cfg.BrokerName, n.id, time.Since(r.since).Round(time.Millisecond))
	n.say(logline.Shutdown, compatible+n.version, n.cfg.BrokerName, n.id)
}
