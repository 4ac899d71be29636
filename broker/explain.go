package broker

import (
	"fmt"
	"maps"
	"reflect"
	"time"

	"github.com/quorate/quorate/message"
)

// A Setting is one value of a policy, and where it comes from.
type Setting struct {
	Name  string // the attribute
	Value string // as an operator would write it
	From  string // where it was written, or "default"
}

// An Explanation is the effective policy of one destination.
type Explanation struct {
	Destination message.Destination
	Entry       string // pattern of the entry that holds; DefaultEntry; empty: none matches
	Redelivery  string // the same of the Redelivery
	Settings    []Setting
}

// DefaultEntry stands for the pattern of a default entry.
const DefaultEntry = "the default entry"

// Explain tells what holds for d, in the order of the fields of Policy, and
// where each value comes from.
func (ps *Policies) Explain(d message.Destination) Explanation {
	x := Explanation{Destination: d}
	said := map[string]string{}
	if e := ps.entry(d); e != nil {
		maps.Copy(said, e.Said)
		x.Entry = patternOr(e == ps.Default, e.Pattern)
	}
	if r := ps.redelivery(d); r != nil {
		for _, name := range redeliveryNames {
			delete(said, name)
		}
		maps.Copy(said, r.Said)
		x.Redelivery = patternOr(r == ps.DefaultRedelivery, r.Pattern)
	}
	if ps.Drop.takes(d) {
		said["deadLetterStrategy"] = ps.Drop.Said
	}
	x.add(reflect.ValueOf(ps.For(d)), said)
	return x
}

func patternOr(isDefault bool, pattern string) string {
	if isDefault {
		return DefaultEntry
	}
	return pattern
}

// add appends the fields of a policy or of a part of it.
func (x *Explanation) add(v reflect.Value, said map[string]string) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, ok := f.Tag.Lookup("attr")
		if !ok {
			x.add(v.Field(i), said)
			continue
		}
		from := "default"
		if s, ok := said[name]; ok {
			from = s
		}
		x.Settings = append(x.Settings, Setting{Name: name, Value: written(v.Field(i).Interface()), From: from})
	}
}

func written(v any) string {
	if d, ok := v.(time.Duration); ok && d != 0 {
		return d.String()
	}
	return fmt.Sprint(v)
}
