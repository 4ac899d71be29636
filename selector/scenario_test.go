package selector

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestScenarios runs the files of testdata. "message" gives the properties of
// the message that follows, one a line: name, type, value. "eval" gives what
// each line of selector comes to, "parse" how it is understood or why it is
// not. A line's \n is a line's end. Run with -rewrite to write them anew, and
// read the difference.
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata/scenarios", func(t *testing.T, path string) {
		properties := map[string]any{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var out strings.Builder
			if d.Cmd == "message" {
				clear(properties)
			}
			for line := range strings.Lines(d.Input) {
				line = strings.TrimSuffix(line, "\n")
				switch d.Cmd {
				case "message":
					name, v := parseProperty(d, line)
					properties[name] = v
				case "parse":
					fmt.Fprintf(&out, "%s\n", understood(strings.ReplaceAll(line, `\n`, "\n")))
				case "eval":
					fmt.Fprintf(&out, "%-60s %s\n", line, outcome(line, properties))
				default:
					d.Fatalf(t, "no such command")
				}
			}
			return out.String()
		})
	})
}

func parseProperty(d *datadriven.TestData, line string) (name string, v any) {
	f := strings.Fields(line)
	if len(f) == 2 {
		f = append(f, "")
	}
	s := strings.Join(f[2:], " ")
	integer := func(bits int) int64 {
		n, err := strconv.ParseInt(s, 10, bits)
		if err != nil {
			panic(fmt.Sprintf("%s: %v", d.Pos, err))
		}
		return n
	}
	float := func(bits int) float64 {
		x, err := strconv.ParseFloat(s, bits)
		if err != nil {
			panic(fmt.Sprintf("%s: %v", d.Pos, err))
		}
		return x
	}
	switch f[1] {
	case "bool":
		v = s == "true"
	case "byte":
		v = int8(integer(8))
	case "short":
		v = int16(integer(16))
	case "int":
		v = int32(integer(32))
	case "long":
		v = integer(64)
	case "float":
		v = float32(float(32))
	case "double":
		v = float(64)
	case "string":
		v = strings.ReplaceAll(s, `\n`, "\n")
	case "pointer":
		v = &s
	case "bytes":
		v = []byte(s)
	default:
		panic(fmt.Sprintf("%s: no type %s", d.Pos, f[1]))
	}
	return f[0], v
}

// understood is how text is parsed, in full parentheses, or its error.
func understood(text string) string {
	s, err := Parse(text)
	switch {
	case err != nil:
		return err.Error()
	case s == nil:
		return "everything"
	}
	return spell(s.root)
}

func outcome(text string, properties map[string]any) string {
	s, err := Parse(text)
	if err != nil {
		return err.Error()
	}
	t := s.root.truth(func(name string) any { return properties[name] })
	if (t == yes) != s.Match(func(name string) any { return properties[name] }) {
		return "Match disagrees"
	}
	return [...]string{"false", "unknown", "true"}[t+1]
}

var spellings = map[op]string{
	opNegate: "-", opAdd: "+", opSubtract: "-", opMultiply: "*", opDivide: "/", opRemainder: "%",
	opNot: "NOT", opAnd: "AND", opOr: "OR", opEqual: "=", opNotEqual: "<>", opLess: "<", opLessEqual: "<=",
	opGreater: ">", opGreaterEqual: ">=", opBetween: "BETWEEN", opNotBetween: "NOT BETWEEN", opIsNull: "IS NULL",
	opMakeList: "MAKELIST", opSplit: "SPLIT", opReplace: "REPLACE", opRegex: "REGEX", opInList: "INLIST",
}

// spell prints a tree as (operator operand operand).
func spell(n *node) string {
	switch n.op {
	case opProperty:
		return n.name
	case opLiteral:
		s, ok := n.literal.string()
		switch {
		case !ok:
			return "NULL"
		case n.literal.kind == text:
			return "'" + s + "'"
		case n.literal.kind == boolean:
			return strings.ToUpper(s)
		case n.literal.kind == long:
			return s + "L"
		}
		return s
	}
	words := []string{spellings[n.op]}
	switch n.op {
	case opIn:
		words[0] = fmt.Sprintf("IN %q", n.set)
	case opLike:
		words[0] = fmt.Sprintf("LIKE %q", n.like.segments)
	}
	for _, a := range n.args {
		words = append(words, spell(a))
	}
	return "(" + strings.Join(words, " ") + ")"
}
