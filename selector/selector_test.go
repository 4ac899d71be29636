package selector

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestNoSelector(t *testing.T) {
	for _, text := range []string{"", "  \t", "convert_string_expressions: ", "/* nothing */"} {
		s, err := Parse(text)
		if s != nil || err != nil {
			t.Errorf("Parse(%q) = %v, %v", text, s, err)
		}
		name, _, ok := s.Equality()
		if !s.Match(nil) || s.String() != "" || s.Identifiers() != nil || name != "" || ok {
			t.Errorf("the nil Selector of %q does not match everything", text)
		}
	}
}

func TestIdentifiers(t *testing.T) {
	const text = "b = 1 AND (a.x LIKE 'c' OR NOT b) AND INLIST(MAKELIST(JMSType), d + 1) AND a IN ('e')"
	s, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"JMSType", "a", "a.x", "b", "d"}; !slices.Equal(s.Identifiers(), want) {
		t.Errorf("%q, want %q", s.Identifiers(), want)
	}
	if s.String() != text {
		t.Errorf("String() = %s", s)
	}
}

func TestEquality(t *testing.T) {
	for _, test := range []struct {
		text  string
		name  string
		value any
	}{
		{"JMSCorrelationID = 'x''y'", "JMSCorrelationID", "x'y"},
		{"(('x')) = (a)", "a", "x"},
		{"a = 5L", "a", int64(5)},
		{"a = -0x10", "a", int64(-16)},
		{"a = 1.5", "a", 1.5},
		{"a = FALSE", "a", false},
		{"convert_string_expressions:a = 'x'", "a", "x"},
		{"convert_string_expressions:a = 5", "", nil},
		{"a = b", "", nil},
		{"1 = 2", "", nil},
		{"a <> 'x'", "", nil},
		{"a", "", nil},
		{"a = 'x' AND b = 'y'", "", nil},
		{"a = 1 + 1", "", nil},
		{"NOT a = 'x'", "", nil},
	} {
		s, err := Parse(test.text)
		if err != nil {
			t.Fatal(err)
		}
		if name, value, ok := s.Equality(); name != test.name || value != test.value || ok != (test.name != "") {
			t.Errorf("%s: %q = %v, %t", test.text, name, value, ok)
		}
	}
}

// TestBounds has what is as big as it may be, and what is one bigger.
func TestBounds(t *testing.T) {
	nested := func(n int) string {
		return strings.Repeat("(", n) + "a = 1" + strings.Repeat(")", n)
	}
	for _, test := range []struct{ good, bad string }{
		{nested(maxDepth), nested(maxDepth + 1)},
		{strings.Repeat("NOT ", maxDepth) + "a", strings.Repeat("NOT ", maxDepth+1) + "a"},
		{strings.Repeat("- ", maxDepth) + "a = 1", strings.Repeat("- ", maxDepth+1) + "a = 1"},
		{"a = " + strings.Repeat("+ ", maxDepth) + "1", "a = " + strings.Repeat("+ ", maxDepth+1) + "1"},
		{"a" + strings.Repeat(" ", maxText-1), "a" + strings.Repeat(" ", maxText)},
		{"a LIKE '%" + strings.Repeat("_", maxSingles) + "%'", "a LIKE '%" + strings.Repeat("_", maxSingles+1) + "%'"},
		{strings.Repeat("a LIKE '%____%' OR ", maxAllSingles/4) + "b", strings.Repeat("a LIKE '%____%' OR ", maxAllSingles/4) + "a LIKE '%_%'"},
		{"a LIKE '" + strings.Repeat("_", 9000) + "%'", "a LIKE 'x%" + strings.Repeat("_x", maxSingles+1) + "%'"},
		{"REGEX('" + strings.Repeat("a", maxExpression) + "', b)", "REGEX('" + strings.Repeat("a", maxExpression+1) + "', b)"},
		{"REGEX('" + strings.Repeat("(a)", maxGroups) + "', b)", "REGEX('" + strings.Repeat("(a)", maxGroups+1) + "', b)"},
	} {
		if _, err := Parse(test.good); err != nil {
			t.Error(err)
		}
		var e *Error
		if _, err := Parse(test.bad); !errors.As(err, &e) || len(err.Error()) > 500 {
			t.Errorf("%.40s...: %v", test.bad, err)
		}
	}
	calls := strings.Repeat("REPLACE(", maxDepth+1) + "a" + strings.Repeat(", 'b', 'c')", maxDepth+1) + " = 'd'"
	if _, err := Parse(calls); err == nil {
		t.Errorf("%.40s... is accepted", calls)
	}
}

// TestLongChains evaluates the deepest trees that a text has room for.
func TestLongChains(t *testing.T) {
	for _, operator := range []string{"+", "*", "=", "<>"} {
		text := "a" + strings.Repeat(operator+"a", maxText/(len(operator)+1)-20) + " = 1"
		matches(t, text, map[string]any{"a": int32(1)})
		matches(t, text, map[string]any{"a": strings.Repeat("x", 1000)})
	}
}

// TestLongStrings builds strings that are too long to be known.
func TestLongStrings(t *testing.T) {
	message := map[string]any{"a": strings.Repeat("x", maxText/2), "b": strings.Repeat("x", maxText+1)}
	for _, test := range []struct {
		selector string
		want     bool
	}{
		{"a + a IS NULL", false},
		{"a + a + 'x' IS NULL", true},
		{"REPLACE(a, 'x', 'yy') IS NULL", false},
		{"REPLACE(a, 'x', 'yyy') IS NULL", true},
		{"REPLACE(a, '.*', '$0$0$0') IS NULL", true},
		{"REPLACE(a, '$', 'y') IS NULL", false},
		{"REPLACE(b, 'y', '') IS NULL", true},
		{"REGEX('x', a)", true},
		{"REGEX('x', b)", false},
		{"NOT REGEX('x', b)", false},
		{"INLIST(SPLIT(a, ''), 'x')", true},
		{"INLIST(SPLIT(b, ''), 'x') OR NOT INLIST(SPLIT(b, ''), 'x')", false},
		{"b LIKE 'x%x'", true},
	} {
		if got := matches(t, test.selector, message); got != test.want {
			t.Errorf("%s: %t, want %t", test.selector, got, test.want)
		}
	}
}

func TestNilPointers(t *testing.T) {
	message := map[string]any{"s": (*string)(nil), "n": (*int64)(nil)}
	if !matches(t, "s IS NULL AND n IS NULL", message) {
		t.Error("a nil pointer is set")
	}
	n := int64(5)
	if !matches(t, "n = 5", map[string]any{"n": &n}) {
		t.Error("a pointer is not followed")
	}
}
