package node

import (
	"github.com/quorate/quorate/broker"
	"github.com/quorate/quorate/config"
	"github.com/quorate/quorate/message"
)

// brokerConfig translates what was configured into the words of a broker that
// serves in one reign.
func (n *Node) brokerConfig(term uint64) broker.Config {
	u := n.cfg.Usage
	limits := broker.Limits{Memory: u.Memory, Store: u.Store, Temp: u.Temp, SendTimeout: u.FailIfNoSpaceWait}
	if u.FailIfNoSpace {
		limits.SendTimeout = -1
	}
	return broker.Config{
		Name: n.cfg.BrokerName, Policies: policies(n.cfg.Policies), Limits: limits,
		Store: n.reigning(term), Spill: n.spill, Leased: n.replica.Leased, Logger: n.log,
	}
}

func policies(ps []config.Policy) broker.Policies {
	var out broker.Policies
	for _, p := range ps {
		kind := message.Queue
		if p.Topic {
			kind = message.Topic
		}
		out.Entries = append(out.Entries, broker.Entry{Kind: kind, Pattern: p.Pattern, Policy: policy(p)})
	}
	return out
}

func policy(p config.Policy) broker.Policy {
	out := broker.DefaultPolicy()
	out.QueuePrefetch, out.TopicPrefetch = p.QueuePrefetch, p.TopicPrefetch
	out.DurableTopicPrefetch, out.QueueBrowserPrefetch = p.DurableTopicPrefetch, p.BrowserPrefetch
	out.MaxRedeliveries = p.MaximumRedeliveries
	out.DeadLetter.Queue = p.DeadLetter.Queue
	out.DeadLetter.ProcessExpired, out.DeadLetter.ProcessNonPersistent = p.DeadLetter.ProcessExpired, p.DeadLetter.ProcessNonPersistent
	out.PendingBytes = int(p.MemoryLimit)
	return out
}
