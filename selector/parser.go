package selector

// maxDepth bounds how deep parentheses, negations and functions nest.
const maxDepth = 200

// A parser turns tokens into nodes, one method for each rule of the grammar in
// the package comment. The first error stops it: from then on the token is the
// end, so that every rule returns.
type parser struct {
	lexer
	convert      bool
	token        token
	err          error
	depth        int
	names        []string
	instructions int // instructions of all regular expressions
	singles      int // underscores between percent signs of all patterns
}

// parse reads the whole text; a blank one has no node.
func (p *parser) parse() (*node, error) {
	p.advance()
	if p.token.kind == endToken {
		return nil, p.err
	}
	root := p.condition()
	p.asCondition(root)
	if p.err == nil && p.token.kind != endToken {
		p.unexpected("AND, OR, an operator or the end")
	}
	return root, p.err
}

func (p *parser) advance() {
	if p.err != nil {
		return
	}
	if p.token, p.err = p.next(); p.err != nil {
		p.token = token{kind: endToken, offset: len(p.text)}
	}
}

// accept moves on if the token is of that kind.
func (p *parser) accept(kind tokenKind) bool {
	if p.token.kind != kind {
		return false
	}
	p.advance()
	return true
}

// expect moves on over a token that must be there.
func (p *parser) expect(kind tokenKind) token {
	t := p.token
	if !p.accept(kind) {
		want := string(kind)
		if kind != stringToken {
			want = quote(want, 40)
		}
		p.unexpected(want)
	}
	return t
}

// unexpected reports the token, and what could stand in its place.
func (p *parser) unexpected(want string) {
	p.reject(p.token.offset, "found "+p.token.describe()+", want "+want)
}

// reject stops the parser, unless an earlier error did.
func (p *parser) reject(offset int, problem string) {
	if p.err == nil {
		p.err = p.fail(offset, problem)
		p.token = token{kind: endToken, offset: len(p.text)}
	}
}

// enter counts a level of nesting; leave is its opposite.
func (p *parser) enter() {
	if p.depth++; p.depth > maxDepth {
		p.reject(p.token.offset, "nested deeper than 200 levels")
	}
}

func (p *parser) leave() { p.depth-- }

func (p *parser) node(o op, offset int, args ...*node) *node {
	return &node{op: o, offset: offset, convert: p.convert, args: args}
}

// condition reads terms joined by OR.
func (p *parser) condition() *node { return p.joined("OR", opOr, p.term) }

// term reads factors joined by AND.
func (p *parser) term() *node { return p.joined("AND", opAnd, p.factor) }

// joined reads what stands between words, as one node with all operands.
func (p *parser) joined(word tokenKind, o op, operand func() *node) *node {
	first := operand()
	if p.token.kind != word {
		return first
	}
	p.asCondition(first)
	args := []*node{first}
	for p.accept(word) {
		next := operand()
		p.asCondition(next)
		args = append(args, next)
	}
	return p.node(o, first.offset, args...)
}

// factor reads an equality with any number of NOT before it.
func (p *parser) factor() *node {
	if p.token.kind != "NOT" {
		return p.equality()
	}
	return p.negation(p.factor)
}

// negation reads NOT and the condition behind it.
func (p *parser) negation(operand func() *node) *node {
	p.enter()
	defer p.leave()
	offset := p.token.offset
	p.advance()
	arg := operand()
	p.asCondition(arg)
	return p.node(opNot, offset, arg)
}

func (p *parser) equality() *node {
	left := p.comparison()
	for {
		switch {
		case p.accept("="):
			left = p.equals(opEqual, left)
		case p.accept("<>"):
			left = p.equals(opNotEqual, left)
		case p.accept("IS"):
			not := p.accept("NOT")
			p.expect("NULL")
			p.notList(left)
			left = p.negatedIf(not, p.node(opIsNull, left.offset, left))
		default:
			return left
		}
	}
}

func (p *parser) equals(o op, left *node) *node {
	right := p.comparison()
	for _, n := range [...]*node{left, right} {
		p.notList(n)
		if n.op == opLiteral && n.literal.kind == unset {
			p.reject(n.offset, `NULL equals nothing: want "IS NULL" or "IS NOT NULL"`)
		}
	}
	return p.node(o, left.offset, left, right)
}

func (p *parser) negatedIf(not bool, n *node) *node {
	if not {
		return p.node(opNot, n.offset, n)
	}
	return n
}
