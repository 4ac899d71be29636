package selector

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// minLongDigits are the digits of the smallest long, which no positive literal
// can have.
const minLongDigits = "9223372036854775808"

// number reads a numeric literal: decimal, hexadecimal (0x), octal (a leading
// 0), each with an optional L, or approximate.
func (l *lexer) number() (token, error) {
	rest := l.text[l.offset:]
	if n := floatLength(rest); n > 0 {
		return l.float(rest[:n])
	}
	base, start, end := integerDigits(rest)
	n := end
	if n < len(rest) && rest[n]|0x20 == 'l' {
		n++
	}
	t := token{kind: numberToken, text: rest[:n]}
	v, err := strconv.ParseInt(rest[start:end], base, 64)
	switch {
	case err == nil:
		t.literal = exact(v)
	case rest[:end] == minLongDigits:
		t.literal = value{} // only a minus before it makes it a number
	case base == 8 && strings.ContainsAny(rest[:end], "89"):
		return token{}, l.fail(l.offset, quote(rest[:n], 40)+" starts with 0 and is octal: want digits 0 to 7")
	default:
		return token{}, l.fail(l.offset, quote(rest[:n], 40)+" is out of range: want at most 9223372036854775807")
	}
	return l.take(t, n), nil
}

// integerDigits finds the digits of the integer that s starts with.
func integerDigits(s string) (base, start, end int) {
	if len(s) > 2 && s[0] == '0' && s[1]|0x20 == 'x' {
		if n := spanOf(s[2:], "0123456789abcdefABCDEF"); n > 0 {
			return 16, 2, 2 + n
		}
	}
	end = spanOf(s, "0123456789")
	if s[0] == '0' && end > 1 {
		return 8, 1, end
	}
	return 10, 0, end
}

// exact is an integer literal's value: an int where it fits, else a long.
func exact(v int64) value {
	if v == int64(int32(v)) {
		return value{kind: integer, n: v}
	}
	return value{kind: long, n: v}
}

// float reads an approximate literal. Java's suffixes f and d may follow.
func (l *lexer) float(digits string) (token, error) {
	f, err := strconv.ParseFloat(digits, 64)
	if err != nil || math.IsInf(f, 0) {
		return token{}, l.fail(l.offset, quote(digits, 40)+" is out of range: want at most 1.7976931348623157E308")
	}
	n := len(digits)
	if after := l.text[l.offset+n:]; after != "" && strings.ContainsRune("fFdD", rune(after[0])) {
		if r, _ := utf8.DecodeRuneInString(after[1:]); !isNameStart(r) && !isNamePart(r) {
			n++
		}
	}
	return l.take(token{kind: numberToken, text: l.text[l.offset : l.offset+n], literal: double(f)}, n), nil
}

// floatLength is the length of the approximate number that s starts with, 0 if
// it has neither a point nor an exponent.
func floatLength(s string) int {
	n := spanOf(s, "0123456789")
	point := n < len(s) && s[n] == '.'
	if point {
		n++
		n += spanOf(s[n:], "0123456789")
	}
	if n < len(s) && s[n]|0x20 == 'e' {
		sign := 1
		if n+1 < len(s) && (s[n+1] == '+' || s[n+1] == '-') {
			sign = 2
		}
		if n+sign < len(s) {
			if e := spanOf(s[n+sign:], "0123456789"); e > 0 {
				return n + sign + e
			}
		}
	}
	if point {
		return n
	}
	return 0
}

// spanOf is the length of the longest start of s made of characters of set.
func spanOf(s, set string) int {
	for i := range len(s) {
		if strings.IndexByte(set, s[i]) < 0 {
			return i
		}
	}
	return len(s)
}
