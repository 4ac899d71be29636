package selector

import (
	"fmt"
	"strings"
)

// A function is one of ActiveMQ's extensions: how many arguments it has, and
// which of them is a regular expression, where one is.
type function struct {
	op       op
	min, max int
	regex    int
	usage    string
}

// functions by name; a name in lower case is found too.
var functions = map[string]function{
	"INLIST":   {opInList, 2, 2, 0, "INLIST(list, value)"},
	"MAKELIST": {opMakeList, 1, maxText, 0, "MAKELIST(value, ...)"},
	"REGEX":    {opRegex, 2, 2, 0, "REGEX('expression', value)"},
	"REPLACE":  {opReplace, 3, 3, 1, "REPLACE(value, 'expression', 'replacement')"},
	"SPLIT":    {opSplit, 2, 3, 1, "SPLIT(value, 'expression', limit)"},
}

// call reads the arguments of the function that the token names.
func (p *parser) call(name token) *node {
	p.enter()
	defer p.leave()
	f, ok := functions[strings.ToUpper(name.text)]
	if !ok {
		p.reject(name.offset, quote(name.text, 40)+" is no function: want INLIST, MAKELIST, REGEX, REPLACE or SPLIT")
	}
	p.advance()
	args := []*node{p.condition()}
	for p.accept(",") {
		args = append(args, p.condition())
	}
	p.expect(")")
	n := p.node(f.op, name.offset)
	if p.err != nil {
		return n
	}
	if len(args) < f.min || len(args) > f.max {
		p.reject(name.offset, fmt.Sprintf("%d arguments, want %s", len(args), f.usage))
		return n
	}
	for i, a := range args {
		if f.op != opInList || i > 0 {
			p.notList(a)
		}
	}
	p.complete(n, f, args)
	return n
}

// complete checks the arguments that must be literals and keeps the others.
func (p *parser) complete(n *node, f function, args []*node) {
	if f.op == opInList && !args[0].isList() {
		p.reject(args[0].offset, "INLIST looks into a list: want MAKELIST(...) or SPLIT(...) as its first argument")
	}
	switch f.op {
	case opInList, opMakeList:
		n.args = args
		return
	case opRegex:
		n.args = args[1:]
	default:
		n.args = args[:1]
	}
	n.regex = p.expression(args[f.regex], f.usage)
	if p.err != nil || len(args) < 3 {
		return
	}
	switch last := args[2]; {
	case f.op == opReplace && last.op == opLiteral && last.literal.kind == text:
		p.replacement(n.regex, last)
	case f.op == opSplit && last.op == opLiteral && last.literal.kind == integer:
		n.regex.limit = int(last.literal.n)
	default:
		p.reject(last.offset, "the last argument must be a literal: want "+f.usage)
	}
}

// contains tells whether v is in the list. What is unset is in none.
func (n *node) contains(v value, get func(string) any) truth {
	if n.op == opMakeList {
		for _, a := range n.args {
			if member := a.value(get); member.kind != unset && equal(member, v, false) == yes {
				return yes
			}
		}
		return no
	}
	return n.regex.splitContains(n.args[0].value(get), v)
}
