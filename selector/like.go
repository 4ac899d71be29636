package selector

import (
	"strings"
	"unicode/utf8"
)

// maxSingles bounds the underscores between two percent signs of a pattern:
// each may have to be tried at every place of a value.
const maxSingles = 32

// maxAllSingles bounds them for all patterns of a selector together.
const maxAllSingles = 256

// A pattern is a compiled LIKE pattern: the segments between its percent
// signs. The first stands at the start of a value and the last at its end;
// each one between them is looked for leftmost, which is never wrong, because
// a segment matches a fixed number of characters. So nothing is tried twice.
type pattern struct {
	segments []segment
}

// A segment is a sequence of parts: literal text, or "" for any one character.
type segment []string

// compileLike reads a pattern. The escape, 0 for none, makes a %, _ or escape
// behind it literal; before anything else it is a character as any other.
func compileLike(s string, escape rune) *pattern {
	p := &pattern{}
	var seg segment
	var literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			seg = append(seg, literal.String())
			literal.Reset()
		}
	}
	runes := []rune(s)
	for i := 0; i < len(runes); i++ {
		r := runes[i]
		switch {
		case r == escape && escape != 0 && i+1 < len(runes) && isWild(runes[i+1], escape):
			i++
			literal.WriteRune(runes[i])
		case r == '_':
			flush()
			seg = append(seg, "")
		case r == '%':
			flush()
			if len(seg) > 0 || len(p.segments) == 0 {
				p.segments = append(p.segments, seg)
			}
			seg = nil
		default:
			literal.WriteRune(r)
		}
	}
	flush()
	p.segments = append(p.segments, seg)
	return p
}

func isWild(r, escape rune) bool { return r == '%' || r == '_' || r == escape }

// singles counts the underscores between two percent signs: the most in one
// place, and all.
func (p *pattern) singles() (most, all int) {
	for _, seg := range p.segments[min(1, len(p.segments)-1) : len(p.segments)-1] {
		n := 0
		for _, part := range seg {
			if part == "" {
				n++
			}
		}
		most, all = max(most, n), all+n
	}
	return most, all
}

// truth matches v; what is no string is not like anything.
func (p *pattern) truth(v value) truth {
	if v.kind == unset {
		return unknown
	}
	return truthOf(v.kind == text && p.match(v.s))
}

func (p *pattern) match(s string) bool {
	last := len(p.segments) - 1
	s, ok := p.segments[0].cutPrefix(s)
	if !ok || last == 0 {
		return ok && s == ""
	}
	if s, ok = p.segments[last].cutSuffix(s); !ok {
		return false
	}
	for _, seg := range p.segments[1:last] {
		if s, ok = seg.cut(s); !ok {
			return false
		}
	}
	return true
}

// cutPrefix returns what follows the segment at the start of s.
func (seg segment) cutPrefix(s string) (rest string, ok bool) {
	for _, part := range seg {
		if part == "" {
			n := firstLength(s)
			if n == 0 {
				return s, false
			}
			s = s[n:]
		} else if s, ok = strings.CutPrefix(s, part); !ok {
			return s, false
		}
	}
	return s, true
}

// cutSuffix returns what precedes the segment at the end of s.
func (seg segment) cutSuffix(s string) (rest string, ok bool) {
	for i := len(seg) - 1; i >= 0; i-- {
		if seg[i] == "" {
			_, n := utf8.DecodeLastRuneInString(s)
			if n == 0 {
				return s, false
			}
			s = s[:len(s)-n]
		} else if s, ok = strings.CutSuffix(s, seg[i]); !ok {
			return s, false
		}
	}
	return s, true
}

// cut returns what follows the segment's leftmost occurrence in s.
func (seg segment) cut(s string) (rest string, ok bool) {
	for {
		if seg[0] != "" {
			i := strings.Index(s, seg[0])
			if i < 0 {
				return s, false
			}
			s = s[i:]
		}
		if rest, ok = seg.cutPrefix(s); ok {
			return rest, true
		}
		n := firstLength(s)
		if n == 0 {
			return s, false
		}
		s = s[n:]
	}
}

// firstLength is the length of the first character of s, 0 if it has none.
func firstLength(s string) int {
	if s != "" && s[0] < utf8.RuneSelf {
		return 1
	}
	_, n := utf8.DecodeRuneInString(s)
	return n
}
