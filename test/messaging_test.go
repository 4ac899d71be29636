package test

import (
	"slices"
	"testing"
	"time"

	"github.com/quorate/quorate/internal/testkit/proc"
)

// A rule of messaging is played in two halves. Between them the master may die.
type rule struct {
	name         string
	policy       string // policy entries that it needs
	routes       string // virtual destinations that it needs
	interceptors string // others that redirect
	elements     string // elements of the broker that it needs
	// before sets up and sends, and gives what must hold afterwards.
	before func(s *stage) (after func(s *stage))
}

// rules are all rules. Each uses destinations of its own, so that one cluster
// plays them all.
func rules() []rule {
	return slices.Concat(selectorRules, routeRules, deadRules, redeliveryRules, consumerRules, topicRules, limitRules, advisoryRules, scheduleRules, adminRules)
}

// setup gives a cluster's configuration with what the rules need.
func setup(s proc.Setup) proc.Setup {
	var policy, routes, interceptors string
	for _, r := range rules() {
		policy += r.policy
		routes += r.routes
		interceptors += r.interceptors
		s.Elements += r.elements
	}
	s.Broker += ` schedulePeriodForDestinationPurge="50"`
	s.Elements += "<destinationPolicy><policyMap><policyEntries>" + policy + "</policyEntries></policyMap></destinationPolicy>\n" +
		"<destinationInterceptors><virtualDestinationInterceptor><virtualDestinations>" + routes +
		"</virtualDestinations></virtualDestinationInterceptor>" + interceptors + "</destinationInterceptors>\n"
	return s
}

// TestMessaging plays every rule: on one node, on one node that is killed and
// restarted in the middle, and on three of which the master is killed.
func TestMessaging(t *testing.T) {
	t.Run("alone", func(t *testing.T) { play(t, proc.Setup{Nodes: 1}, nil) })
	t.Run("restart", func(t *testing.T) { play(t, proc.Setup{Nodes: 1}, restarted) })
	t.Run("peers", func(t *testing.T) { play(t, proc.Setup{Nodes: 3}, killed) })
	t.Run("zookeeper", func(t *testing.T) { play(t, proc.Setup{Nodes: 3, Zk: ensemble(t).Connect()}, killed) })
}

// restarted kills the node and starts it again.
func restarted(t *testing.T, c *proc.Cluster) {
	kill(t, c.Nodes[0])
	c.Start()
}

// killed kills the master and lets the others elect another.
func killed(t *testing.T, c *proc.Cluster) {
	kill(t, c.Master(timeout(t, patience)))
}

// play plays all first halves, lets the disaster happen, and plays all second
// halves. Without a disaster the halves of a rule follow each other.
func play(parent *testing.T, s proc.Setup, disaster func(*testing.T, *proc.Cluster)) {
	t := parent
	c := proc.New(t, setup(s))
	c.Start()
	ctx := timeout(t, 5*time.Minute)
	master := c.Master(ctx).Stomp
	var rest []func(t *testing.T)
	for _, r := range rules() {
		var after func(*stage)
		l := newLedger()
		half := func(name, addr string, reborn bool, f func(*stage)) {
			t.Run(name, func(t *testing.T) {
				s := &stage{T: t, c: c, addr: addr, ledger: l, keeper: t, reborn: reborn}
				if disaster != nil && !reborn {
					s.keeper = parent
				}
				f(s)
				for _, bad := range l.verdict() {
					t.Error(bad)
				}
			})
		}
		half(r.name, master, false, func(s *stage) { after = r.before(s) })
		switch {
		case after == nil:
		case disaster == nil:
			half(r.name+", then", master, false, after)
		default:
			rest = append(rest, func(t *testing.T) { half(r.name+", then", c.Master(ctx).Stomp, true, after) })
		}
	}
	if disaster == nil {
		return
	}
	disaster(t, c)
	for _, then := range rest {
		then(t)
	}
}
