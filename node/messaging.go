package node

import (
	"github.com/quorate/quorate/broker"
	"github.com/quorate/quorate/config"
)

// Messaging translates what was configured into the words of a broker: policies,
// routes, limits and what else concerns messages. What belongs to a reign is
// left out. An error names the lines of the file that cannot be taken up.
func Messaging(cfg *config.Config) (broker.Config, error) {
	m := &cfg.Messaging
	routes, err := virtual(cfg)
	return broker.Config{
		Name: cfg.BrokerName, Policies: policies(cfg), Limits: limits(cfg.Usage), Virtual: routes,
		Destinations: destinations(m.Destinations),
		NoScheduler:  !m.Scheduler, MaxRepeat: m.MaxRepeat, NoAdvisories: !m.Advisories,
		GCPeriod: m.PurgePeriod, GCSweep: m.PurgeSweep, IdleDurables: m.IdleDurables,
		Stamp: broker.Stamp{On: m.Stamp.On, FutureOnly: m.Stamp.FutureOnly, ZeroTTL: m.Stamp.ZeroTTL, MaxTTL: m.Stamp.MaxTTL},
		Force: persistence[m.Force],
	}, err
}

var persistence = map[string]broker.Persistence{
	"":              broker.AsSent,
	"persistent":    broker.AlwaysPersistent,
	"nonPersistent": broker.NeverPersistent,
}

func limits(u config.Usage) broker.Limits {
	l := broker.Limits{Memory: u.Memory, Store: u.Store, Temp: u.Temp, SendTimeout: u.FailIfNoSpaceWait}
	if u.FailIfNoSpace {
		l.SendTimeout = -1
	}
	return l
}

// brokerConfig gives the configuration of the broker that serves in one reign.
func (n *Node) brokerConfig(term uint64) broker.Config {
	c := n.messaging
	c.Store, c.Spill = n.reigning(term), n.spill
	c.Leased, c.Logger = n.replica.Leased, n.log
	return c
}

// announce says what holds for messages, a line for each thing that was
// configured.
func (n *Node) announce() {
	m := &n.cfg.Messaging
	c := &n.messaging
	if len(m.Policies) > 0 || m.DefaultPolicy != nil {
		n.log.Info("Policies are in force", "entries", len(m.Policies), "defaultEntry", m.DefaultPolicy != nil)
	}
	if len(m.Redeliveries) > 0 || m.DefaultRedelivery != nil {
		n.log.Info("Redelivery policies are in force", "entries", len(m.Redeliveries), "defaultEntry", m.DefaultRedelivery != nil)
	}
	n.log.Info("Virtual destinations are in force", "virtualTopics", len(c.Virtual.Topics),
		"composites", len(c.Virtual.Composites), "mirroredQueues", c.Virtual.Mirror != nil)
	if len(c.Destinations) > 0 {
		n.log.Info("Destinations are there from the start", "destinations", len(c.Destinations))
	}
	if m.Drop.Line > 0 {
		n.log.Info("Dead letters are thrown away", "all", m.Drop.All, "temporaryQueues", m.Drop.TempQueues,
			"temporaryTopics", m.Drop.TempTopics, "patterns", len(m.Drop.Only))
	}
	if c.GCPeriod > 0 {
		n.log.Info("Inactive destinations are looked for", "period", c.GCPeriod)
	}
	if c.Stamp.On {
		n.log.Info("Times of messages are set by the broker", "futureOnly", c.Stamp.FutureOnly, "zeroExpirationOverride", c.Stamp.ZeroTTL, "ttlCeiling", c.Stamp.MaxTTL)
	}
	if m.Force != "" {
		n.log.Info("Every message is " + m.Force + ", whatever its sender says")
	}
	if c.NoScheduler {
		n.log.Info("Scheduled delivery is off")
	}
	if c.NoAdvisories {
		n.log.Info("Advisories are off")
	}
}
