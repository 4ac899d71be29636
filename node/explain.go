package node

import (
	"strconv"

	"github.com/quorate/quorate/broker"
	"github.com/quorate/quorate/config"
	"github.com/quorate/quorate/console"
	"github.com/quorate/quorate/message"
)

// Explain tells what holds for d with a configuration, whether a node runs with
// it or not. report is the one that came with it.
func Explain(cfg *config.Config, report *config.Report, d message.Destination) (console.Explanation, error) {
	c, err := Messaging(cfg)
	if err != nil {
		return console.Explanation{}, err
	}
	return explain(cfg, report, &c, d), nil
}

// Explain tells what holds for d on this node.
func (n *Node) Explain(d message.Destination) console.Explanation {
	x := explain(n.cfg, n.report, &n.messaging, d)
	x.File = n.cfg.File // whoever asks may stand elsewhere
	return x
}

func explain(cfg *config.Config, report *config.Report, c *broker.Config, d message.Destination) console.Explanation {
	p := c.Policies.Explain(d)
	x := console.Explanation{
		Destination: d.String(), File: report.File,
		Policy:     console.ExplainedEntry{Pattern: p.Entry.Pattern, From: p.Entry.At},
		Redelivery: console.ExplainedEntry{Pattern: p.Redelivery.Pattern, From: p.Redelivery.At},
		Limits:     sharedLimits(cfg, report, c.Limits),
	}
	for _, o := range p.Others {
		x.Others = append(x.Others, console.ExplainedEntry{Pattern: o.Pattern, From: o.At})
	}
	sizes := map[string]bool{}
	for _, k := range config.Keys() {
		sizes[k.Name] = k.Type == "size"
	}
	for _, v := range p.Settings {
		s := console.ExplainedSetting{Name: v.Name, Value: v.Value, Default: v.Default, From: v.From}
		if sizes["policy."+v.Name] {
			s.Value, s.Default = asSize(s.Value), asSize(s.Default)
		}
		x.Settings = append(x.Settings, s)
	}
	for _, w := range c.Virtual.Explain(d) {
		x.Routing = append(x.Routing, console.ExplainedWay{Verb: w.Verb, Other: w.Other, When: w.When, From: w.From})
	}
	return x
}

// sharedLimits are those that hold for all destinations together.
func sharedLimits(cfg *config.Config, report *config.Report, l broker.Limits) []console.ExplainedSetting {
	wait := "refused at once"
	if l.SendTimeout > 0 {
		wait = "held up for " + l.SendTimeout.String()
	}
	defaults := map[string]string{}
	for _, k := range config.Keys() {
		defaults[k.Name] = k.Default
	}
	u := cfg.Usage
	return []console.ExplainedSetting{
		{Name: "memoryUsage", Value: config.FormatBytes(u.Memory), Default: defaults["usage.memory"], From: report.From("usage.memoryPercent", "usage.memory")},
		{Name: "storeUsage", Value: config.FormatBytes(u.Store), Default: defaults["usage.store"], From: report.From("usage.storePercent", "usage.store")},
		{Name: "tempUsage", Value: config.FormatBytes(u.Temp), Default: defaults["usage.temp"], From: report.From("usage.tempPercent", "usage.temp")},
		{Name: "a sender to what is full", Value: wait, Default: "held up for " + defaults["usage.sendFailIfNoSpaceAfterTimeout"],
			From: report.From("usage.sendFailIfNoSpace", "usage.sendFailIfNoSpaceAfterTimeout")},
	}
}

// asSize writes a number of bytes as the file may have it.
func asSize(bytes string) string {
	n, err := strconv.ParseInt(bytes, 10, 64)
	if err != nil {
		return bytes
	}
	return config.FormatBytes(n)
}
