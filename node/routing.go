package node

import (
	"errors"
	"fmt"

	"github.com/quorate/quorate/broker"
	"github.com/quorate/quorate/config"
	"github.com/quorate/quorate/selector"
)

// virtual gives the routes that were configured. The syntax of their selectors
// is checked here, since the room that reads the file does not know it.
func virtual(cfg *config.Config) (broker.Virtual, error) {
	v, src := &cfg.Messaging.Virtual, sourceOf(cfg)
	out := broker.Virtual{Topics: []broker.VirtualTopic{}} // none is not the default
	at := func(line int) string {
		if line == 0 {
			return "" // it is there by default
		}
		return src.line(line)
	}
	for _, t := range v.Topics {
		out.Topics = append(out.Topics, broker.VirtualTopic{Name: t.Name, Prefix: t.Prefix, Postfix: t.Postfix,
			SelectorAware: t.SelectorAware, Original: t.Original, Said: at(t.Line)})
	}
	var errs []error
	for _, c := range v.Composites {
		b := broker.Composite{Destination: destination(config.Destination{Kind: c.Kind, Name: c.Name}),
			ForwardOnly: c.ForwardOnly, Unmatched: c.Unmatched, Said: at(c.Line)}
		for _, f := range c.Forward {
			if _, err := selector.Parse(f.Selector); err != nil {
				errs = append(errs, fmt.Errorf("%s: refused: <filteredDestination %s=%q>: %w", src.line(f.Line), f.Kind, f.Name, err))
			}
			b.Forward = append(b.Forward, broker.Forward{Destination: destination(f.Destination), Selector: f.Selector})
		}
		out.Composites = append(out.Composites, b)
	}
	if m := v.Mirror; m != nil {
		out.Mirror = &broker.Mirror{Prefix: m.Prefix, Postfix: m.Postfix, Said: at(m.Line)}
	}
	return out, errors.Join(errs...)
}
