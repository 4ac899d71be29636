package broker

import (
	"fmt"
	"maps"
	"reflect"
	"strings"
	"time"

	"github.com/quorate/quorate/message"
)

// A Setting is one value of a policy, and where it comes from.
type Setting struct {
	Name    string // the attribute
	Value   string // as an operator would write it
	Default string
	From    string // where it was written; empty: it is the default
}

// An Explanation is the effective policy of one destination.
type Explanation struct {
	Destination message.Destination
	Entry       Held   // the entry that holds
	Redelivery  Held   // the Redelivery that does
	Others      []Held // entries that match as well and do not hold: another is more specific, or later
	Settings    []Setting
}

// Held is an entry, told by its pattern. The zero value is none.
type Held struct {
	Pattern string // empty in a default entry
	At      string // where it was written
}

// Explain tells what holds for d, in the order of the fields of Policy, and
// where each value comes from.
func (ps *Policies) Explain(d message.Destination) Explanation {
	x := Explanation{Destination: d}
	said := map[string]string{}
	holds := ps.entry(d)
	if holds != nil {
		maps.Copy(said, holds.Said)
		x.Entry = Held{holds.Pattern, holds.At}
	}
	for i := range ps.Entries {
		if e := &ps.Entries[i]; e != holds && matches(e.Kind, e.Pattern, d) {
			x.Others = append(x.Others, Held{e.Pattern, e.At})
		}
	}
	r := ps.redelivery(d)
	if from := ps.dropFailed(r); from != "" {
		said["processFailed"] = from
	}
	if r != nil {
		for _, name := range redeliveryNames {
			delete(said, name)
		}
		maps.Copy(said, r.Said)
		x.Redelivery = Held{r.Pattern, r.At}
	}
	if ps.Drop.takes(d) {
		said["deadLetterStrategy"] = ps.Drop.Said
	}
	x.add(reflect.ValueOf(ps.For(d)), reflect.ValueOf(DefaultPolicy()), said)
	return x
}

// add appends the fields of a policy or of a part of it.
func (x *Explanation) add(v, def reflect.Value, said map[string]string) {
	for i := range v.NumField() {
		name, ok := v.Type().Field(i).Tag.Lookup("attr")
		if !ok {
			x.add(v.Field(i), def.Field(i), said)
			continue
		}
		x.Settings = append(x.Settings, Setting{Name: name, Value: written(v.Field(i).Interface()),
			Default: written(def.Field(i).Interface()), From: said[name]})
	}
}

func written(v any) string {
	d, ok := v.(time.Duration)
	switch {
	case !ok:
		return fmt.Sprint(v)
	case d == 0:
		return "0"
	}
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} { // 1h0m0s is 1h
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}
