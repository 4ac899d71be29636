package selector

import "math"

// arithmetic computes as Java does after numeric promotion: in int, long or
// double, the widest of the two [JMS 1.1 §3.8.1.1]. Quotient and remainder are
// doubles, as in ActiveMQ. What has no number as its result is unset.
func arithmetic(o op, l, r value, convert bool) value {
	if r.kind == unset {
		return value{}
	}
	if o == opAdd && l.kind == text {
		return concatenate(l.s, r)
	}
	if convert {
		l, r = spelled(l, long), spelled(r, long)
	}
	if !l.isNumber() || !r.isNumber() {
		return value{}
	}
	if l.kind == real || r.kind == real || o == opDivide || o == opRemainder {
		return inDouble(o, l.float(), r.float())
	}
	n := inLong(o, l.n, r.n)
	if l.kind == integer && r.kind == integer {
		return value{kind: integer, n: int64(int32(n))}
	}
	return value{kind: long, n: n}
}

func inDouble(o op, a, b float64) value {
	switch o {
	case opAdd:
		return double(a + b)
	case opSubtract:
		return double(a - b)
	case opMultiply:
		return double(a * b)
	}
	if b == 0 {
		return value{}
	}
	if o == opDivide {
		return double(a / b)
	}
	return double(math.Mod(a, b))
}

func inLong(o op, a, b int64) int64 {
	switch o {
	case opAdd:
		return a + b
	case opSubtract:
		return a - b
	}
	return a * b
}

func negate(v value, convert bool) value {
	if convert {
		v = spelled(v, long)
	}
	switch v.kind {
	case integer:
		return value{kind: integer, n: int64(int32(-v.n))}
	case long:
		return value{kind: long, n: -v.n}
	case real:
		return double(-v.float())
	}
	return value{}
}

// concatenate is what ActiveMQ makes of + after a string.
func concatenate(s string, r value) value {
	t, ok := r.string()
	if !ok || len(s)+len(t) > maxText {
		return value{}
	}
	return str(s + t)
}
