package selector

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// blanks may stand between tokens.
const blanks = " \t\n\r\f"

// A lexer cuts a text into tokens.
type lexer struct {
	text   string
	offset int
}

// next returns the token at the offset and moves behind it.
func (l *lexer) next() (token, error) {
	if err := l.skip(); err != nil {
		return token{}, err
	}
	rest := l.text[l.offset:]
	if rest == "" {
		return token{kind: endToken, offset: l.offset}, nil
	}
	if rest[0] == '\'' {
		return l.quoted()
	}
	if isDigit(rest[0]) || rest[0] == '.' && len(rest) > 1 && isDigit(rest[1]) {
		return l.number()
	}
	if n := nameLength(rest); n > 0 {
		word := rest[:n]
		return l.take(token{kind: wordKind(word), text: word}, n), nil
	}
	for _, o := range operators {
		if strings.HasPrefix(rest, o) {
			return l.take(token{kind: tokenKind(o), text: o}, len(o)), nil
		}
	}
	return token{}, l.stray(rest)
}

// take places t at the offset and moves n bytes on.
func (l *lexer) take(t token, n int) token {
	t.offset = l.offset
	l.offset += n
	return t
}

// skip moves over blanks and comments.
func (l *lexer) skip() error {
	for {
		rest := strings.TrimLeft(l.text[l.offset:], blanks)
		l.offset = len(l.text) - len(rest)
		switch {
		case strings.HasPrefix(rest, "--"):
			if n := strings.IndexAny(rest, "\r\n"); n >= 0 {
				l.offset += n
			} else {
				l.offset = len(l.text)
			}
		case strings.HasPrefix(rest, "/*"):
			n := strings.Index(rest[2:], "*/")
			if n < 0 {
				return l.fail(l.offset, `the comment has no end: want "*/"`)
			}
			l.offset += n + 4
		default:
			return nil
		}
	}
}

// quoted reads a string, in which two quotes stand for one.
func (l *lexer) quoted() (token, error) {
	for i := l.offset + 1; i < len(l.text); i++ {
		if l.text[i] != '\'' {
			continue
		}
		if i+1 < len(l.text) && l.text[i+1] == '\'' {
			i++
			continue
		}
		s := strings.ReplaceAll(l.text[l.offset+1:i], "''", "'")
		if !utf8.ValidString(s) {
			return token{}, l.fail(l.offset, "the string is not UTF-8")
		}
		return l.take(token{kind: stringToken, text: s}, i+1-l.offset), nil
	}
	return token{}, l.fail(l.offset, "the string has no end: want a single quote, and two of them for one inside")
}

// stray says what is wrong with text that starts no token, with advice for the
// marks that other languages have.
func (l *lexer) stray(rest string) error {
	advice := "want a name, a literal or an operator"
	switch {
	case rest[0] == '"':
		advice = "strings take single quotes, names none"
	case rest[0] == '!':
		advice = `not equal is written "<>", and the negation NOT`
	case rest[0] == '&' || rest[0] == '|':
		advice = "conditions are combined by AND and OR"
	}
	r, n := utf8.DecodeRuneInString(rest)
	if r == utf8.RuneError && n == 1 {
		return l.fail(l.offset, "the text is not UTF-8")
	}
	return l.fail(l.offset, "found "+quote(rest[:n], 40)+": "+advice)
}

func (l *lexer) fail(offset int, problem string) error {
	return &Error{Text: l.text, Offset: offset, Problem: problem}
}

// nameLength is the length of the identifier that s starts with, 0 for none: a
// Java identifier [JMS 1.1 §3.8.1.1], or several with dots between them.
func nameLength(s string) int {
	n := 0
	for {
		part := wordLength(s[n:])
		if part == 0 {
			return max(0, n-1) // the dot is not part of it
		}
		if n += part; n == len(s) || s[n] != '.' {
			return n
		}
		n++
	}
}

func wordLength(s string) int {
	for i, r := range s {
		if !isNameStart(r) && (i == 0 || !isNamePart(r)) {
			return i
		}
	}
	return len(s)
}

func isNameStart(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r|0x20 && r|0x20 <= 'z' || r == '_' || r == '$'
	}
	return unicode.In(r, unicode.L, unicode.Nl, unicode.Sc, unicode.Pc)
}

func isNamePart(r rune) bool {
	return unicode.In(r, unicode.Nd, unicode.Mn, unicode.Mc)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
