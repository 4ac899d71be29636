package selector

import (
	"fmt"
	"strings"
)

// A generator makes selectors and messages out of bytes; when they are used up
// it makes the smallest there are.
type generator struct{ data []byte }

func (g *generator) pick(n int) int {
	if len(g.data) == 0 {
		return 0
	}
	b := g.data[0]
	g.data = g.data[1:]
	return int(b) % n
}

func (g *generator) of(choices ...string) string { return choices[g.pick(len(choices))] }

func (g *generator) name() string { return g.of("a", "b", "c", "d", "JMSPriority", "order.region") }

func (g *generator) string() string {
	return g.of("''", "'x'", "'5'", "'5.5'", "'it''s'", "'true'", "'größe'", "'a_b%'", "'-7'")
}

func (g *generator) number() string {
	return g.of("0", "1", "5", "-7", "5.5", "2147483647", "-2147483648", "9223372036854775807", "0x1F", "017", "1E308", ".5", "7.", "5L")
}

// operand makes what comparisons with an order take.
func (g *generator) operand(depth int) string {
	if depth <= 0 {
		return g.of(g.name(), g.number())
	}
	switch g.pick(7) {
	case 0:
		return g.number()
	case 1:
		return "(" + g.operand(depth-1) + ")"
	case 2:
		return "- " + g.operand(depth-1)
	case 3, 4:
		return "(" + g.operand(depth-1) + " " + g.of("+", "-", "*", "/", "%") + " " + g.operand(depth-1) + ")"
	case 5:
		return "REPLACE(" + g.name() + ", " + g.of("'x'", "'[a-z]*'", "'(.)(.)'") + ", " + g.of("''", "'$0$0'", "'5'") + ")"
	}
	return g.name()
}

// any makes what = takes.
func (g *generator) any(depth int) string {
	switch g.pick(4) {
	case 0:
		return g.string()
	case 1:
		return g.of("TRUE", "FALSE")
	}
	return g.operand(depth)
}

func (g *generator) strings() string {
	s := []string{g.string()}
	for range g.pick(8) {
		s = append(s, g.string())
	}
	return strings.Join(s, ", ")
}

func (g *generator) condition(depth int) string {
	if depth <= 0 {
		return g.name()
	}
	d := depth - 1
	switch g.pick(13) {
	case 0, 1:
		return "(" + g.condition(d) + " AND " + g.condition(d) + ")"
	case 2, 3:
		return "(" + g.condition(d) + " OR " + g.condition(d) + ")"
	case 4:
		return "NOT " + g.condition(d)
	case 5:
		return g.any(d) + " " + g.of("=", "<>") + " " + g.any(d)
	case 6:
		return g.operand(d) + " " + g.of("<", "<=", ">", ">=") + " " + g.operand(d)
	case 7:
		return g.operand(d) + g.of(" ", " NOT ") + "BETWEEN " + g.operand(d) + " AND " + g.operand(d)
	case 8:
		return g.name() + g.of(" ", " NOT ") + "IN (" + g.strings() + ")"
	case 9:
		return g.any(d) + g.of(" ", " NOT ") + "LIKE " + g.of("'%'", "'_'", "'%5'", "'x%_'", "'!_%' ESCAPE '!'")
	case 10:
		return g.any(d) + " IS " + g.of("", "NOT ") + "NULL"
	case 11:
		return "REGEX(" + g.of("'x'", "'^[0-9]+$'", "''") + ", " + g.any(d) + ")"
	}
	return "INLIST(" + g.of("MAKELIST("+g.strings()+", "+g.operand(d)+")", "SPLIT("+g.name()+", '[x5]')") + ", " + g.any(d) + ")"
}

func (g *generator) prefix() string { return g.of("", convertPrefix) }

var values = []any{
	nil, nil, true, false, int8(5), int16(-7), int32(5), int32(1 << 30), int64(5), int64(-1 << 63), float32(5.5), 5.5, 0.0,
	"", "x", "5", "5.5", "-7", "true", "it's", "größe", "a_b%", "x\xff\n", []byte("x"), []any{"x"}, map[string]any{},
}

func (g *generator) message() map[string]any {
	m := map[string]any{}
	for _, name := range []string{"a", "b", "c", "d", "JMSPriority", "order.region"} {
		if v := values[g.pick(len(values))]; v != nil {
			m[name] = v
		}
	}
	return m
}

// truthFor evaluates text for a message.
func truthFor(text string, message map[string]any) (truth, error) {
	s, err := Parse(text)
	if err != nil {
		return unknown, err
	}
	t := s.root.truth(func(name string) any { return message[name] })
	if got := s.Match(func(name string) any { return message[name] }); got != (t == yes) {
		return t, fmt.Errorf("%s for %v: Match is %t, but it is %d", text, message, got, t)
	}
	return t, nil
}
