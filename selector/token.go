package selector

import "strings"

// tokenKind is what a token is. An operator's or keyword's kind is its own
// spelling, so that an error can name it.
type tokenKind string

const (
	endToken    tokenKind = "the end of the text"
	nameToken   tokenKind = "a name"
	stringToken tokenKind = "a string"
	numberToken tokenKind = "a number"
)

// keywords are the reserved words; no property can have their names.
var keywords = map[string]bool{
	"NOT": true, "AND": true, "OR": true, "BETWEEN": true, "LIKE": true, "ESCAPE": true, "IN": true, "IS": true,
	"TRUE": true, "FALSE": true, "NULL": true, "XPATH": true, "XQUERY": true,
}

// operators are all marks, those of two characters first.
var operators = [...]string{"<>", "<=", ">=", "=", "<", ">", "+", "-", "*", "/", "%", "(", ")", ","}

// A token is one word of a selector.
type token struct {
	kind    tokenKind
	offset  int
	text    string // as written; of a string what it stands for
	literal value  // of a number
}

// describe names the token for an error.
func (t token) describe() string {
	switch t.kind {
	case endToken:
		return string(endToken)
	case stringToken:
		return "the string " + quote(t.text, 40)
	case nameToken, numberToken:
		return quote(t.text, 40)
	}
	return quote(string(t.kind), 40)
}

// wordKind is the keyword that a word is, in capitals, or a name.
func wordKind(word string) tokenKind {
	if len(word) > len("BETWEEN") {
		return nameToken
	}
	// Two letters that are not ASCII have capitals that are; they are shorter.
	if upper := strings.ToUpper(word); keywords[upper] && len(upper) == len(word) {
		return tokenKind(upper)
	}
	return nameToken
}
