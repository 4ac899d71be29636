package selector

import "strings"

// A replacementPart is literal text, or the text of a group.
type replacementPart struct {
	literal string
	group   int // -1 for literal text
}

// replacement reads what REPLACE puts in, as Java writes it: $1 is a group, a
// backslash makes the next character literal.
func (p *parser) replacement(e *expression, n *node) {
	if e == nil {
		return
	}
	var literal strings.Builder
	s := n.literal.s
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			literal.WriteByte(s[i])
		case s[i] == '$' && i+1 < len(s) && isDigit(s[i+1]):
			i++
			group := int(s[i] - '0')
			for i+1 < len(s) && isDigit(s[i+1]) && group*10+int(s[i+1]-'0') <= e.re.NumSubexp() {
				i++
				group = group*10 + int(s[i]-'0')
			}
			if group > e.re.NumSubexp() {
				p.reject(n.offset, "the replacement names a group that the regular expression does not have")
				return
			}
			e.parts = append(e.parts, replacementPart{literal.String(), -1}, replacementPart{group: group})
			literal.Reset()
		case s[i] == '\\' || s[i] == '$':
			p.reject(n.offset, `a replacement ends with "\" or has "$" without a number: want "\$" for the mark itself`)
			return
		default:
			literal.WriteByte(s[i])
		}
	}
	e.parts = append(e.parts, replacementPart{literal.String(), -1})
}

// replace is REPLACE. The result is unset if it would be too long.
func (e *expression) replace(v value) value {
	if v.kind != text || len(v.s) > maxText {
		return value{}
	}
	var out strings.Builder
	start := 0
	for _, m := range e.re.FindAllStringSubmatchIndex(v.s, -1) {
		out.WriteString(v.s[start:m[0]])
		for _, part := range e.parts {
			if part.group < 0 {
				out.WriteString(part.literal)
			} else if from := m[2*part.group]; from >= 0 {
				out.WriteString(v.s[from:m[2*part.group+1]])
			}
			if out.Len() > maxText {
				return value{}
			}
		}
		start = m[1]
	}
	if out.WriteString(v.s[start:]); out.Len() > maxText {
		return value{}
	}
	return str(out.String())
}
