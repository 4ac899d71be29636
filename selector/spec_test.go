package selector

import "testing"

// TestSpecification has the examples of [JMS 1.1 §3.8.1.1] and §3.8.1.2, each
// with a message for which it is true and one for which it is not.
func TestSpecification(t *testing.T) {
	type message = map[string]any
	unset := message{}
	for _, test := range []struct {
		selector  string
		yes, no   message
		notEither bool // unknown for unset, so that its negation does not match
	}{
		{"JMSType = 'car' AND color = 'blue' AND weight > 2500",
			message{"JMSType": "car", "color": "blue", "weight": int32(2501)},
			message{"JMSType": "car", "color": "blue", "weight": int32(2500)}, true},
		{"age BETWEEN 15 AND 19", message{"age": int32(19)}, message{"age": int32(20)}, true},
		{"age >= 15 AND age <= 19", message{"age": int32(15)}, message{"age": int32(14)}, true},
		{"age NOT BETWEEN 15 AND 19", message{"age": int32(14)}, message{"age": int32(15)}, true},
		{"age < 15 OR age > 19", message{"age": int32(20)}, message{"age": int32(19)}, true},
		{"Country IN ('UK', 'US', 'France')", message{"Country": "UK"}, message{"Country": "Peru"}, true},
		{"(Country = 'UK') OR (Country = 'US') OR (Country = 'France')",
			message{"Country": "UK"}, message{"Country": "Peru"}, true},
		{"Country NOT IN ('UK', 'US', 'France')", message{"Country": "Peru"}, message{"Country": "UK"}, true},
		{"NOT ((Country = 'UK') OR (Country = 'US') OR (Country = 'France'))",
			message{"Country": "Peru"}, message{"Country": "UK"}, true},
		{"phone LIKE '12%3'", message{"phone": "12993"}, message{"phone": "1234"}, true},
		{"word LIKE 'l_se'", message{"word": "lose"}, message{"word": "loose"}, true},
		{`underscored LIKE '\_%' ESCAPE '\'`, message{"underscored": "_foo"}, message{"underscored": "bar"}, true},
		{"phone NOT LIKE '12%3'", message{"phone": "1234"}, message{"phone": "123"}, true},
		{"prop_name IS NULL", unset, message{"prop_name": "x"}, false},
		{"prop_name IS NOT NULL", message{"prop_name": "x"}, unset, false},
		{"name = 'literal''s'", message{"name": "literal's"}, message{"name": "literals"}, true},
		{"(x - 957) * +62 = 57 * (y / -7E3)",
			message{"x": int64(957), "y": 0.0}, message{"x": int64(958), "y": 0.0}, false},
		{"JMSDeliveryMode = 'PERSISTENT' AND JMSPriority > 4",
			message{"JMSDeliveryMode": "PERSISTENT", "JMSPriority": int32(5)},
			message{"JMSDeliveryMode": "NON_PERSISTENT", "JMSPriority": int32(5)}, true},
	} {
		if !matches(t, test.selector, test.yes) {
			t.Errorf("%s does not match %v", test.selector, test.yes)
		}
		if matches(t, test.selector, test.no) {
			t.Errorf("%s matches %v", test.selector, test.no)
		}
		if test.notEither && (matches(t, test.selector, unset) || matches(t, "NOT ("+test.selector+")", unset)) {
			t.Errorf("%s is not unknown for a message without properties", test.selector)
		}
	}
}

func matches(t testing.TB, text string, message map[string]any) bool {
	t.Helper()
	s, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s.Match(func(name string) any { return message[name] })
}
