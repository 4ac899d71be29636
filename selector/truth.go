package selector

import "slices"

// truth is the value of a condition. AND is the smaller, OR the greater, NOT
// the opposite [JMS 1.1 §3.8.1.2].
type truth int8

const (
	no      truth = -1
	unknown truth = 0
	yes     truth = 1
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// value is t as an operand.
func (t truth) value() value {
	if t == unknown {
		return value{}
	}
	return boolValue(t == yes)
}

// truth evaluates n as a condition.
func (n *node) truth(get func(string) any) truth {
	switch n.op {
	case opNot:
		return -n.args[0].truth(get)
	case opAnd:
		t := yes
		for _, a := range n.args {
			if t = min(t, a.truth(get)); t == no {
				break
			}
		}
		return t
	case opOr:
		t := no
		for _, a := range n.args {
			if t = max(t, a.truth(get)); t == yes {
				break
			}
		}
		return t
	case opEqual:
		return equal(n.args[0].value(get), n.args[1].value(get), n.convert)
	case opNotEqual:
		return -equal(n.args[0].value(get), n.args[1].value(get), n.convert)
	case opLess, opLessEqual, opGreater, opGreaterEqual:
		return order(n.op, n.args[0].value(get), n.args[1].value(get), n.convert)
	case opBetween:
		v := n.args[0].value(get)
		low := order(opGreaterEqual, v, n.args[1].value(get), n.convert)
		if low == no {
			return no
		}
		return min(low, order(opLessEqual, v, n.args[2].value(get), n.convert))
	case opNotBetween:
		v := n.args[0].value(get)
		below := order(opLess, v, n.args[1].value(get), n.convert)
		if below == yes {
			return yes
		}
		return max(below, order(opGreater, v, n.args[2].value(get), n.convert))
	case opIsNull:
		return truthOf(n.args[0].value(get).kind == unset)
	case opIn:
		return n.in(n.args[0].value(get))
	case opLike:
		return n.like.truth(n.args[0].value(get))
	case opRegex:
		return n.regex.find(n.args[0].value(get))
	case opInList:
		return n.args[0].contains(n.args[1].value(get), get)
	}
	return asTruth(n.value(get))
}

// asTruth is a value that stands where a condition should.
func asTruth(v value) truth {
	if v.kind == unset {
		return unknown
	}
	return truthOf(v.kind == boolean && v.n != 0)
}

// in looks v up in the node's strings. What is no string is not to be found,
// nor not to be found.
func (n *node) in(v value) truth {
	if v.kind != text {
		return unknown
	}
	_, found := slices.BinarySearch(n.set, v.s)
	return truthOf(found)
}
