package selector

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

var seed = flag.Uint64("seed", 0, "run the random selectors of this seed again")

// laws are pairs of selectors that are the same for every message: true, false
// and unknown together.
var laws = []struct {
	name string
	pair func(g *generator) (left, right string)
}{
	{"De Morgan, AND", func(g *generator) (string, string) {
		a, b := g.condition(3), g.condition(3)
		return fmt.Sprintf("NOT ((%s) AND (%s))", a, b), fmt.Sprintf("NOT (%s) OR NOT (%s)", a, b)
	}},
	{"De Morgan, OR", func(g *generator) (string, string) {
		a, b := g.condition(3), g.condition(3)
		return fmt.Sprintf("NOT ((%s) OR (%s))", a, b), fmt.Sprintf("NOT (%s) AND NOT (%s)", a, b)
	}},
	{"double negation", func(g *generator) (string, string) {
		a := g.condition(4)
		return a, "NOT NOT (" + a + ")"
	}},
	{"AND and OR commute", func(g *generator) (string, string) {
		a, b, word := g.condition(3), g.condition(3), g.of("AND", "OR")
		return fmt.Sprintf("(%s) %s (%s)", a, word, b), fmt.Sprintf("(%s) %s (%s)", b, word, a)
	}},
	{"OR distributes over AND", func(g *generator) (string, string) {
		a, b, c := g.condition(2), g.condition(2), g.condition(2)
		return fmt.Sprintf("(%s) OR (%s) AND (%s)", a, b, c), fmt.Sprintf("((%s) OR (%s)) AND ((%s) OR (%s))", a, b, a, c)
	}},
	{"BETWEEN", func(g *generator) (string, string) {
		x, low, high := g.operand(2), g.operand(2), g.operand(2)
		return fmt.Sprintf("%s BETWEEN %s AND %s", x, low, high), fmt.Sprintf("%s >= %s AND %s <= %s", x, low, x, high)
	}},
	{"NOT BETWEEN", func(g *generator) (string, string) {
		x, low, high := g.operand(2), g.operand(2), g.operand(2)
		return fmt.Sprintf("%s NOT BETWEEN %s AND %s", x, low, high), fmt.Sprintf("%s < %s OR %s > %s", x, low, x, high)
	}},
	{"orders have mirrors", func(g *generator) (string, string) {
		x, y, i := g.operand(3), g.operand(3), g.pick(2)
		return x + []string{" < ", " <= "}[i] + y, y + []string{" > ", " >= "}[i] + x
	}},
	{"not equal", func(g *generator) (string, string) {
		x, y := g.any(3), g.any(3)
		return fmt.Sprintf("%s <> %s", x, y), fmt.Sprintf("NOT %s = %s", x, y)
	}},
	{"IN", func(g *generator) (string, string) {
		x, list := g.name(), g.strings()
		some := strings.ReplaceAll(list, ", ", " OR "+x+" = ")
		// What is no string is neither in a list nor not in it.
		return fmt.Sprintf("%s IN (%s)", x, list),
			fmt.Sprintf("%s LIKE '%%' AND (%s = %s) OR %s NOT LIKE '%%' AND NULL", x, x, some, x)
	}},
	{"NOT before or inside", func(g *generator) (string, string) {
		x, what := g.name(), g.of("IN ('x', '5')", "LIKE '%5%'", "IS NULL")
		if before, ok := strings.CutPrefix(what, "IS "); ok {
			return fmt.Sprintf("%s IS NOT %s", x, before), fmt.Sprintf("NOT %s %s", x, what)
		}
		return fmt.Sprintf("%s NOT %s", x, what), fmt.Sprintf("NOT (%s %s)", x, what)
	}},
	{"comments and parentheses", func(g *generator) (string, string) {
		a := g.condition(4)
		return a, "-- first\n((/* it */" + a + ")) -- last"
	}},
}

// TestLaws checks the laws for random selectors and messages.
func TestLaws(t *testing.T) {
	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	random := rand.New(rand.NewPCG(s, 0))
	for _, law := range laws {
		t.Run(law.name, func(t *testing.T) {
			for range 3000 {
				checkLaw(t, s, law.pair, &generator{bytesOf(random, 200)}, &generator{bytesOf(random, 6)})
			}
		})
	}
}

func checkLaw(t *testing.T, seed uint64, pair func(*generator) (string, string), g, m *generator) {
	t.Helper()
	prefix := g.prefix()
	left, right := pair(g)
	message := m.message()
	l, err := truthFor(prefix+left, message)
	if err != nil {
		t.Fatalf("-seed %d: %v", seed, err)
	}
	r, err := truthFor(prefix+right, message)
	if err != nil {
		t.Fatalf("-seed %d: %v", seed, err)
	}
	if l != r {
		t.Fatalf("-seed %d: for %v\n%2d %s\n%2d %s", seed, message, l, left, r, right)
	}
}

func bytesOf(random *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}
