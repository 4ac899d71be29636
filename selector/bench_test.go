package selector

import "testing"

var benchmarks = []struct{ name, text string }{
	{"correlation", "JMSCorrelationID = 'ID:host-1-2-3:1'"},
	{"typical", "JMSType = 'car' AND color = 'blue' AND weight > 2500"},
	{"like", "region LIKE 'EU-%-west' OR region LIKE '%_central'"},
	{"in", "country IN ('UK', 'US', 'FR', 'DE', 'IT', 'ES', 'PL', 'SE')"},
	{"arithmetic", "price * quantity - discount >= 100.5 AND quantity % 2 = 0"},
	{"strings", "convert_string_expressions:size > 10 AND size BETWEEN 11 AND 99.5"},
	{"regex", "REGEX('^EU-[a-z]+-west$', region)"},
}

// A header is a message as the broker has it: fields and a few properties.
type header struct {
	correlation, kind string
	properties        []property
}

type property struct {
	name  string
	value any
}

func (h *header) get(name string) any {
	switch name {
	case "JMSCorrelationID":
		return &h.correlation
	case "JMSType":
		return &h.kind
	}
	for i := range h.properties {
		if h.properties[i].name == name {
			return h.properties[i].value
		}
	}
	return nil
}

func benchHeader() *header {
	return &header{"ID:host-1-2-3:1", "car", []property{
		{"color", "blue"}, {"weight", int32(2600)}, {"region", "EU-north-west"}, {"country", "SE"},
		{"price", 12.5}, {"quantity", int64(10)}, {"discount", int32(20)}, {"size", "42"},
	}}
}

func BenchmarkParse(b *testing.B) {
	for _, bench := range benchmarks {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(bench.text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkMatch(b *testing.B) {
	for _, bench := range benchmarks {
		b.Run(bench.name, func(b *testing.B) {
			s, err := Parse(bench.text)
			if err != nil {
				b.Fatal(err)
			}
			h := benchHeader()
			b.ReportAllocs()
			for b.Loop() {
				if !s.Match(func(name string) any { return h.get(name) }) {
					b.Fatal("no match")
				}
			}
		})
	}
}

// TestMatchAllocatesNothing keeps what the benchmarks show, a closure of the
// caller's included.
func TestMatchAllocatesNothing(t *testing.T) {
	h := benchHeader()
	for _, bench := range benchmarks {
		s, err := Parse(bench.text)
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(100, func() { s.Match(func(name string) any { return h.get(name) }) }); n > 0 {
			t.Errorf("%s: %v allocations", bench.text, n)
		}
	}
}
