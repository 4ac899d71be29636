package selector

import "strings"

// The operators of arithmetic, by rank.
var (
	sums     = map[tokenKind]op{"+": opAdd, "-": opSubtract}
	products = map[tokenKind]op{"*": opMultiply, "/": opDivide, "%": opRemainder}
)

// sum reads products joined by + and -.
func (p *parser) sum() *node { return p.operations(p.product, sums) }

// product reads operands joined by *, / and %.
func (p *parser) product() *node { return p.operations(p.unary, products) }

// operations reads operands joined by operators of one rank, from the left.
func (p *parser) operations(operand func() *node, operators map[tokenKind]op) *node {
	left := operand()
	for {
		o, ok := operators[p.token.kind]
		if !ok {
			return left
		}
		p.advance()
		right := operand()
		p.notList(left)
		p.notList(right)
		left = p.node(o, left.offset, left, right)
	}
}

// unary reads an operand with its signs. NOT stands here only behind an
// operator: a = NOT b.
func (p *parser) unary() *node {
	switch p.token.kind {
	case "NOT":
		return p.negation(p.unary)
	case "+", "-":
		p.enter()
		defer p.leave()
		return p.signed()
	}
	return p.primary()
}

// signed reads a sign and its operand. The sign of a literal becomes part of it.
func (p *parser) signed() *node {
	sign := p.token
	p.advance()
	if sign.kind == "+" {
		n := p.unary()
		p.notList(n)
		return n
	}
	if p.token.kind == numberToken && p.token.literal.kind == unset {
		p.token.literal = value{kind: long, n: -1 << 63}
		n := p.primary()
		n.offset = sign.offset
		return n
	}
	arg := p.unary()
	p.notList(arg)
	if arg.op == opLiteral && arg.literal.isNumber() {
		arg.literal, arg.offset = negate(arg.literal, false), sign.offset
		return arg
	}
	return p.node(opNegate, sign.offset, arg)
}

func (p *parser) primary() *node {
	t := p.token
	n := p.node(opLiteral, t.offset)
	switch t.kind {
	case stringToken:
		n.literal = str(t.text)
	case numberToken:
		if n.literal = t.literal; n.literal.kind == unset {
			p.reject(t.offset, quote(t.text, 40)+" is out of range: want at most 9223372036854775807")
		}
	case "TRUE", "FALSE":
		n.literal = boolValue(t.kind == "TRUE")
	case "NULL":
	case nameToken:
		return p.named()
	case "(":
		return p.parenthesis()
	case "XPATH", "XQUERY":
		p.reject(t.offset, string(t.kind)+" is not supported: a selector reads headers and properties, not bodies")
	default:
		p.unexpected(`a name, a literal, NOT, a sign or "("`)
	}
	p.advance()
	return n
}

// parenthesis reads a condition or operand between parentheses.
func (p *parser) parenthesis() *node {
	p.enter()
	defer p.leave()
	p.advance()
	n := p.condition()
	p.expect(")")
	return n
}

// named reads a property, or a function if a parenthesis follows.
func (p *parser) named() *node {
	t := p.token
	p.advance()
	if p.token.kind == "(" {
		return p.call(t)
	}
	n := p.node(opProperty, t.offset)
	n.name = t.text
	p.names = append(p.names, n.name)
	return n
}

// asCondition rejects an operand that cannot be true or false. A property may
// turn out to be a boolean.
func (p *parser) asCondition(n *node) {
	if !n.isCondition() && n.op != opProperty {
		p.reject(n.offset, "found "+n.describe()+" alone, want a condition")
	}
}

// orderable rejects what is neither less nor greater than anything.
func (p *parser) orderable(n *node) {
	p.notList(n)
	if n.isCondition() || n.op == opLiteral && !n.literal.isNumber() {
		p.reject(n.offset, n.describe()+" has no order: want a number, a name or arithmetic")
	}
}

// notList rejects a list anywhere but in INLIST.
func (p *parser) notList(n *node) {
	if n.isList() {
		p.reject(n.offset, n.describe()+" can only be the first argument of INLIST")
	}
}

// describe names n for an error.
func (n *node) describe() string {
	switch {
	case n.op == opLiteral && n.literal.kind == unset:
		return "NULL"
	case n.op == opLiteral && n.literal.kind == boolean:
		return strings.ToUpper(n.literalText())
	case n.op == opLiteral && n.literal.kind == text:
		return "the string " + quote(n.literal.s, 40)
	case n.op == opLiteral:
		return "the number " + n.literalText()
	case n.isList():
		return "a list"
	case n.isCondition():
		return "a condition"
	}
	return "an operand"
}

func (n *node) literalText() string {
	s, _ := n.literal.string()
	return s
}
