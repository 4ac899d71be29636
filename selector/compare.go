package selector

import (
	"cmp"
	"math"
	"strconv"
	"strings"
)

// equal compares as ActiveMQ does: what is unset equals only what is unset,
// and is unknown only on the left.
func equal(l, r value, convert bool) truth {
	if l.kind == unset || r.kind == unset {
		switch {
		case l.kind == r.kind:
			return yes
		case l.kind == unset:
			return unknown
		}
		return no
	}
	if l.kind == text && r.kind == text {
		return truthOf(l.s == r.s)
	}
	c, ok := compare(l, r, convert)
	return truthOf(ok && c == 0)
}

// order tells whether l stands to r as the operation says.
func order(o op, l, r value, convert bool) truth {
	if l.kind == unset || r.kind == unset {
		return unknown
	}
	c, ok := compare(l, r, convert)
	if !ok {
		return no
	}
	switch o {
	case opLess:
		return truthOf(c < 0)
	case opLessEqual:
		return truthOf(c <= 0)
	case opGreater:
		return truthOf(c > 0)
	}
	return truthOf(c >= 0)
}

// compare gives the order of two values that are set. It is not ok if they
// have none: different types, NaN, or what can be compared with nothing.
func compare(l, r value, convert bool) (c int, ok bool) {
	if convert {
		l, r = spelled(l, r.kind), spelled(r, l.kind)
	}
	switch {
	case l.isNumber() && r.isNumber():
		return compareNumbers(l, r)
	case l.kind != r.kind:
		return 0, false
	case l.kind == text:
		return strings.Compare(l.s, r.s), true
	case l.kind == boolean:
		return cmp.Compare(l.n, r.n), true
	}
	return 0, false
}

func compareNumbers(l, r value) (c int, ok bool) {
	if l.kind != real && r.kind != real {
		return cmp.Compare(l.n, r.n), true
	}
	a, b := l.float(), r.float()
	return cmp.Compare(a, b), !math.IsNaN(a) && !math.IsNaN(b)
}

// spelled takes a string that meets a value of another kind for the number or
// boolean that it spells; one that spells none stays a string.
func spelled(v value, meets kind) value {
	if v.kind != text {
		return v
	}
	switch meets {
	case integer, long, real:
		if n, ok := parseNumber(v.s); ok {
			return n
		}
	case boolean:
		if strings.EqualFold(v.s, "true") {
			return boolValue(true)
		}
		if strings.EqualFold(v.s, "false") {
			return boolValue(false)
		}
	}
	return v
}

// parseNumber reads a decimal number with an optional sign, point and exponent.
func parseNumber(s string) (value, bool) {
	if len(s) > 400 || s == "" {
		return value{}, false // longer than any double needs
	}
	sign := 0
	if s[0] == '+' || s[0] == '-' {
		sign = 1
	}
	if n := spanOf(s[sign:], "0123456789"); n > 0 && n == len(s)-sign {
		if v, err := strconv.ParseInt(s, 10, 64); err == nil {
			return exact(v), true
		}
	}
	if spanOf(s, "+-0123456789.eE") < len(s) {
		return value{}, false // ParseFloat knows more spellings: 0x1p3, nan, 1_0
	}
	f, err := strconv.ParseFloat(s, 64)
	return double(f), err == nil
}
