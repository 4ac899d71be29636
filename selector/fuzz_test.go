package selector

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// corpus is what the fuzzers start with: the selectors of this package's tests.
var corpus = []string{
	"", "a", "a = 1 AND b <> 'x' OR NOT c", "a BETWEEN -1 AND 0x1F AND b NOT IN ('x', 'it''s')",
	`a LIKE '\_%x' ESCAPE '\' AND b IS NOT NULL`, "(a + b * 2.5) / -c % 7E3 >= 9223372036854775807",
	"convert_string_expressions:a > 5 -- it\n", "REGEX('^a+$', b) AND INLIST(SPLIT(a, ','), 'x') /* * */",
	"REPLACE(a, '(b)', '$1\\$') = INLIST(MAKELIST(1, TRUE), a)", "NOT NOT (((TRUE = FALSE)))", "- 9223372036854775808 = a.b.ü",
}

// FuzzParse parses anything: it ends soon, says where an error is, and gives
// the same selector for the same text.
func FuzzParse(f *testing.F) {
	for _, text := range corpus {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		start := time.Now()
		s, err := Parse(text)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Offset < 0 || e.Offset > len(text) || e.Problem == "" {
				t.Fatalf("%q: %#v", text, err)
			}
			return
		}
		for _, v := range []any{nil, true, int32(5), 5.5, "5", "x"} {
			s.Match(func(string) any { return v })
		}
		if d := time.Since(start); d > 5*time.Second {
			t.Fatalf("%q takes %v", text, d)
		}
		again, err := Parse(s.String())
		if err != nil {
			t.Fatal(err)
		}
		if s == nil {
			return
		}
		if text != s.String() || spell(s.root) != spell(again.root) || !slices.Equal(s.Identifiers(), again.Identifiers()) {
			t.Fatalf("%q: %s and %s", text, spell(s.root), spell(again.root))
		}
	})
}

// FuzzMatch evaluates well-formed selectors for messages, both made of bytes:
// every one parses, ends soon, reads only its identifiers, and keeps the laws.
func FuzzMatch(f *testing.F) {
	f.Add([]byte("a selector"), []byte("and a message"))
	f.Fuzz(func(t *testing.T, expression, properties []byte) {
		g := &generator{expression}
		text := g.prefix() + g.condition(5)
		if len(text) > maxText || strings.Count(text, "RE") > 40 {
			t.Skip()
		}
		message := (&generator{properties}).message()
		start := time.Now()
		s, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		read := map[string]bool{}
		s.Match(func(name string) any { read[name] = true; return message[name] })
		if d := time.Since(start); d > 5*time.Second {
			t.Fatalf("%q takes %v", text, d)
		}
		for _, name := range slices.Sorted(maps.Keys(read)) {
			if !slices.Contains(s.Identifiers(), name) {
				t.Fatalf("%s reads %q and has %q", text, name, s.Identifiers())
			}
		}
		law := laws[g.pick(len(laws))]
		checkLaw(t, 0, law.pair, &generator{expression}, &generator{properties})
	})
}

// FuzzLike compares a pattern with the regular expression that ActiveMQ makes
// of it.
func FuzzLike(f *testing.F) {
	f.Add("12%3", rune(0), "12993")
	f.Add(`\_%`, '\\', "_foo")
	f.Add("%a_b%ß", '!', "aaaxbß")
	f.Add("%_%%_", '%', "ab\n")
	f.Fuzz(func(t *testing.T, pattern string, escape rune, value string) {
		if len(pattern) > 500 || !utf8.ValidString(pattern) {
			t.Skip()
		}
		got := compileLike(pattern, escape).match(value)
		if !utf8.ValidString(value) {
			return
		}
		if want := likeAsRegexp(pattern, escape).MatchString(value); got != want {
			t.Fatalf("%q LIKE %q ESCAPE %q is %t", value, pattern, escape, got)
		}
	})
}

func likeAsRegexp(pattern string, escape rune) *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	runes := []rune(pattern)
	for i := 0; i < len(runes); i++ {
		switch r := runes[i]; {
		case escape != 0 && r == escape && i+1 < len(runes) && isWild(runes[i+1], escape):
			i++
			b.WriteString(regexp.QuoteMeta(string(runes[i])))
		case r == '%':
			b.WriteString(".*")
		case r == '_':
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	b.WriteString(`\z`)
	return regexp.MustCompile(b.String())
}
