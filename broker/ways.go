package broker

import (
	"strings"

	"github.com/quorate/quorate/message"
)

// A Way is one way that messages go from or to a destination because of a
// virtual one.
type Way struct {
	Verb  string // what happens: "copied to", "forwarded to", "gets copies from", "gets what is sent to", "keeps"
	Other string // the other destination, or the pattern of several; "nothing" or "what no filter takes" with "keeps"
	When  string // for which messages; empty: all
	From  string // where it was written; empty: it is the default
}

// Explain tells how messages go from and to d.
func (v *Virtual) Explain(d message.Destination) []Way {
	if d.Kind.IsTemp() {
		return nil
	}
	return append(v.from(d), v.to(d)...)
}

// from gives the ways that begin at d.
func (v *Virtual) from(d message.Destination) []Way {
	var ways []Way
	stays := true
	for _, c := range v.Composites {
		if c.Destination.Kind != d.Kind || !Match(c.Destination.Name, d.Name) {
			continue
		}
		for _, f := range c.Forward {
			ways = append(ways, Way{Verb: "forwarded to", Other: f.Destination.String(), When: f.Selector, From: c.Said})
		}
		switch {
		case c.ForwardOnly && c.Unmatched:
			ways = append(ways, Way{Verb: "keeps", Other: "what no filter takes", From: c.Said})
		case c.ForwardOnly:
			ways = append(ways, Way{Verb: "keeps", Other: "nothing", From: c.Said})
			stays = false
		}
	}
	if !stays {
		return ways
	}
	if d.Kind == message.Queue {
		if m := v.Mirror; m != nil {
			ways = append(ways, Way{Verb: "copied to", Other: message.Destination{Kind: message.Topic, Name: m.Prefix + d.Name + m.Postfix}.String(), From: m.Said})
		}
		return ways
	}
	for _, t := range v.Topics {
		if !Match(t.Name, d.Name) {
			continue
		}
		w := Way{Verb: "copied to", Other: message.Destination{Kind: message.Queue, Name: t.Prefix + d.Name + t.Postfix}.String(), From: t.Said}
		if t.SelectorAware {
			w.When = "a consumer of the queue selects it"
		}
		ways = append(ways, w)
	}
	return ways
}

// to gives the ways that end at d.
func (v *Virtual) to(d message.Destination) []Way {
	var ways []Way
	for _, c := range v.Composites {
		for _, f := range c.Forward {
			if f.Destination == d {
				ways = append(ways, Way{Verb: "gets what is sent to", Other: c.Destination.String(), When: f.Selector, From: c.Said})
			}
		}
	}
	if d.Kind == message.Topic {
		if m := v.Mirror; m != nil {
			if queue, ok := inside(d.Name, m.Prefix, m.Postfix); ok {
				ways = append(ways, Way{Verb: "gets copies from", Other: message.Destination{Kind: message.Queue, Name: queue}.String(), From: m.Said})
			}
		}
		return ways
	}
	for _, t := range v.Topics {
		consumer, rest, ok := cutElements(d.Name, strings.Count(t.Prefix, "."))
		if !ok || !Match(strings.TrimSuffix(t.Prefix, "."), consumer) {
			continue
		}
		if topic, ok := inside(rest, "", t.Postfix); ok && (Match(t.Name, topic) || t.consumes(d.Name) && isPattern(topic)) {
			w := Way{Verb: "gets copies from", Other: message.Destination{Kind: message.Topic, Name: topic}.String(), From: t.Said}
			if t.SelectorAware {
				w.When = "a consumer of the queue selects it"
			}
			ways = append(ways, w)
		}
	}
	return ways
}

// inside cuts a name out of what stands around it.
func inside(name, prefix, postfix string) (string, bool) {
	name, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return "", false
	}
	name, ok = strings.CutSuffix(name, postfix)
	return name, ok && name != ""
}
