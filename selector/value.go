package selector

import (
	"math"
	"strconv"
	"strings"
)

// kind is the type of a value.
type kind uint8

const (
	unset   kind = iota // no such property, or an unknown result
	boolean             // n is 0 or 1
	integer             // n, within 32 bits: Java's byte, short and int
	long                // n
	real                // the bits of n: Java's float and double
	text                // s
	other               // set, but equal to nothing: bytes, lists, maps
)

// A value is what a property or an operand has. The zero value is unset.
type value struct {
	kind kind
	n    int64
	s    string
}

func double(f float64) value { return value{kind: real, n: int64(math.Float64bits(f))} }
func str(s string) value     { return value{kind: text, s: s} }

func boolValue(b bool) value {
	if b {
		return value{kind: boolean, n: 1}
	}
	return value{kind: boolean}
}

// valueOf takes what Match's get returned.
func valueOf(v any) value {
	switch v := v.(type) {
	case nil:
		return value{}
	case string:
		return str(v)
	case bool:
		return boolValue(v)
	case int32:
		return value{kind: integer, n: int64(v)}
	case int64:
		return value{kind: long, n: v}
	case float64:
		return double(v)
	case int8:
		return value{kind: integer, n: int64(v)}
	case int16:
		return value{kind: integer, n: int64(v)}
	case float32:
		return double(float64(v))
	case *string:
		if v != nil {
			return str(*v)
		}
		return value{}
	case *int64:
		if v != nil {
			return value{kind: long, n: *v}
		}
		return value{}
	}
	return value{kind: other}
}

func (v value) isNumber() bool { return v.kind == integer || v.kind == long || v.kind == real }

// float is a number as a double.
func (v value) float() float64 {
	if v.kind == real {
		return math.Float64frombits(uint64(v.n))
	}
	return float64(v.n)
}

// plain is a literal as Equality gives it.
func (v value) plain() any {
	switch v.kind {
	case boolean:
		return v.n != 0
	case integer, long:
		return v.n
	case real:
		return v.float()
	case text:
		return v.s
	}
	return nil
}

// string is v as Java prints it, and whether it can be printed.
func (v value) string() (string, bool) {
	switch v.kind {
	case boolean:
		return strconv.FormatBool(v.n != 0), true
	case integer, long:
		return strconv.FormatInt(v.n, 10), true
	case real:
		return formatDouble(v.float()), true
	case text:
		return v.s, true
	}
	return "", false
}

// formatDouble prints f as Java's Double.toString does: always with a point,
// and with an exponent below 1E-3 and from 1E7 on.
func formatDouble(f float64) string {
	switch a := math.Abs(f); {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case a == 0 || 1e-3 <= a && a < 1e7:
		return withPoint(strconv.FormatFloat(f, 'f', -1, 64))
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'E', -1, 64), "E")
	sign := ""
	if exponent[0] == '-' {
		sign = "-"
	}
	return withPoint(mantissa) + "E" + sign + strings.TrimLeft(exponent, "+-0")
}

func withPoint(s string) string {
	if strings.Contains(s, ".") {
		return s
	}
	return s + ".0"
}
