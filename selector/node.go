package selector

// op is what a node does.
type op uint8

const (
	opLiteral op = iota
	opProperty
	opNegate
	opAdd
	opSubtract
	opMultiply
	opDivide
	opRemainder
	opReplace

	// Lists, which only opInList reads.
	opMakeList
	opSplit

	// From here on nodes are conditions.
	opNot
	opAnd
	opOr
	opEqual
	opNotEqual
	opLess
	opLessEqual
	opGreater
	opGreaterEqual
	opBetween
	opNotBetween
	opIsNull
	opIn
	opLike
	opRegex
	opInList
)

// A node is one operation of a compiled selector. All nodes have this one
// type, so that evaluating is calls that the compiler sees through and nothing
// that a caller hands to Match moves to the heap.
type node struct {
	op      op
	convert bool    // strings are taken for the numbers that they spell
	offset  int     // where it starts in the text
	args    []*node // operands, in the order of the text

	literal value       // of opLiteral
	name    string      // of opProperty
	set     []string    // of opIn, sorted
	like    *pattern    // of opLike
	regex   *expression // of opRegex, opReplace and opSplit
}

// isCondition reports whether n is true, false or unknown by itself.
func (n *node) isCondition() bool {
	return n.op >= opNot || n.op == opLiteral && (n.literal.kind == boolean || n.literal.kind == unset)
}

func (n *node) isList() bool { return n.op == opMakeList || n.op == opSplit }

// value evaluates n as an operand.
func (n *node) value(get func(string) any) value {
	switch n.op {
	case opLiteral:
		return n.literal
	case opProperty:
		return valueOf(get(n.name))
	case opNegate:
		return negate(n.args[0].value(get), n.convert)
	case opAdd, opSubtract, opMultiply, opDivide, opRemainder:
		l := n.args[0].value(get)
		if l.kind == unset {
			return l
		}
		return arithmetic(n.op, l, n.args[1].value(get), n.convert)
	case opReplace:
		return n.regex.replace(n.args[0].value(get))
	}
	return n.truth(get).value()
}
