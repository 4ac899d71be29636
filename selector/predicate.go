package selector

import (
	"fmt"
	"slices"
	"unicode/utf8"
)

// comparison reads a sum and what it is compared with.
func (p *parser) comparison() *node {
	left := p.sum()
	for {
		switch {
		case p.accept("<"):
			left = p.ordered(opLess, left)
		case p.accept("<="):
			left = p.ordered(opLessEqual, left)
		case p.accept(">"):
			left = p.ordered(opGreater, left)
		case p.accept(">="):
			left = p.ordered(opGreaterEqual, left)
		case p.token.kind == "NOT":
			p.advance()
			n := p.predicate(left)
			if n == nil {
				p.unexpected(`"BETWEEN", "IN" or "LIKE"`)
				return left
			}
			left = p.opposite(n)
		default:
			n := p.predicate(left)
			if n == nil {
				return left
			}
			left = n
		}
	}
}

// predicate reads BETWEEN, IN or LIKE with what follows, nil if none is there.
func (p *parser) predicate(left *node) *node {
	switch {
	case p.accept("BETWEEN"):
		return p.between(left)
	case p.accept("IN"):
		return p.in(left)
	case p.accept("LIKE"):
		return p.likeness(left)
	}
	return nil
}

// opposite negates a predicate. NOT BETWEEN is less or greater, which is not
// the same where a value has no order.
func (p *parser) opposite(n *node) *node {
	if n.op == opBetween {
		n.op = opNotBetween
		return n
	}
	return p.node(opNot, n.offset, n)
}

func (p *parser) ordered(o op, left *node) *node {
	right := p.sum()
	p.orderable(left)
	p.orderable(right)
	return p.node(o, left.offset, left, right)
}

func (p *parser) between(left *node) *node {
	low := p.sum()
	p.expect("AND")
	high := p.sum()
	for _, n := range [...]*node{left, low, high} {
		p.orderable(n)
	}
	return p.node(opBetween, left.offset, left, low, high)
}

// in reads the strings of IN. SQL-92 would allow more, JMS and ActiveMQ do not.
func (p *parser) in(left *node) *node {
	if left.op != opProperty {
		p.reject(left.offset, "IN looks for the value of a property: want a name before it")
	}
	n := p.node(opIn, left.offset, left)
	p.expect("(")
	n.set = []string{p.expect(stringToken).text}
	for p.accept(",") {
		n.set = append(n.set, p.expect(stringToken).text)
	}
	p.expect(")")
	slices.Sort(n.set)
	n.set = slices.Compact(n.set)
	return n
}

func (p *parser) likeness(left *node) *node {
	p.notList(left)
	pattern := p.expect(stringToken)
	n := p.node(opLike, left.offset, left)
	n.like = compileLike(pattern.text, p.escape())
	most, all := n.like.singles()
	p.singles += all
	switch {
	case most > maxSingles:
		p.reject(pattern.offset, fmt.Sprintf(`found %d times "_" between two "%%", want at most %d`, most, maxSingles))
	case p.singles > maxAllSingles:
		p.reject(pattern.offset, fmt.Sprintf(`found %d times "_" between "%%" in all patterns, want at most %d`, p.singles, maxAllSingles))
	}
	return n
}

// escape reads the escape character of LIKE, 0 if there is none.
func (p *parser) escape() rune {
	if !p.accept("ESCAPE") {
		return 0
	}
	t := p.expect(stringToken)
	r, n := utf8.DecodeRuneInString(t.text)
	if r == 0 || n == 0 || n < len(t.text) {
		p.reject(t.offset, "ESCAPE has "+quote(t.text, 40)+", want a string of one character")
	}
	return r
}
