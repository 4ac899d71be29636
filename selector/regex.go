package selector

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
)

// What the regular expressions of a selector may cost.
const (
	maxExpression = 512  // bytes of one
	maxProgram    = 1000 // instructions of all together
	maxGroups     = 20   // capturing groups of one
)

// An expression is a compiled regular expression and what a function does with
// it. It is a literal: a producer must not be able to send one.
type expression struct {
	re    *regexp.Regexp
	parts []replacementPart // of REPLACE
	limit int               // of SPLIT, as in Java: 0 drops empty strings at the end
}

// expression compiles the regular expression that n must be.
func (p *parser) expression(n *node, usage string) *expression {
	if n.op != opLiteral || n.literal.kind != text {
		p.reject(n.offset, "a regular expression must be a string literal: want "+usage)
		return nil
	}
	s := n.literal.s
	if len(s) > maxExpression {
		p.reject(n.offset, fmt.Sprintf("the regular expression has %d bytes, want at most %d", len(s), maxExpression))
		return nil
	}
	re, err := p.compile(s)
	if err != nil {
		p.reject(n.offset, err.Error())
		return nil
	}
	return &expression{re: re}
}

// compile compiles s within what the selector has left.
func (p *parser) compile(s string) (*regexp.Regexp, error) {
	tree, err := syntax.Parse(s, syntax.Perl)
	if err != nil {
		return nil, err
	}
	if g := tree.MaxCap(); g > maxGroups {
		return nil, fmt.Errorf("the regular expression has %d groups, want at most %d", g, maxGroups)
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, err
	}
	if p.instructions += len(prog.Inst); p.instructions > maxProgram {
		return nil, fmt.Errorf("the regular expressions need %d instructions, want at most %d", p.instructions, maxProgram)
	}
	return regexp.Compile(s)
}

// find is REGEX: the expression may match anywhere. What is unset matches none.
func (e *expression) find(v value) truth {
	s, ok := v.string()
	if len(s) > maxText {
		return unknown
	}
	return truthOf(ok && e.re.MatchString(s))
}

// splitContains is INLIST of SPLIT: whether v is one of the pieces of src.
func (e *expression) splitContains(src, v value) truth {
	if src.kind != text || len(src.s) > maxText {
		return unknown
	}
	return truthOf(v.kind == text && slices.Contains(e.split(src.s), v.s))
}

// split cuts s as Java's String.split does: no empty piece before a match of
// nothing at the start, and with limit 0 none at the end.
func (e *expression) split(s string) []string {
	var pieces []string
	start := 0
	for _, m := range e.re.FindAllStringIndex(s, -1) {
		if e.limit > 0 && len(pieces) == e.limit-1 {
			break
		}
		if m[1] == 0 || m[0] == m[1] && m[0] == len(s) {
			continue
		}
		pieces = append(pieces, s[start:m[0]])
		start = m[1]
	}
	if pieces = append(pieces, s[start:]); e.limit == 0 {
		for len(pieces) > 1 && pieces[len(pieces)-1] == "" {
			pieces = pieces[:len(pieces)-1]
		}
	}
	return pieces
}
