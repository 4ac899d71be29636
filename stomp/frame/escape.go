package frame

import "bytes"

// appendPlain appends a name or value, its escapes resolved. An escape that
// the version does not define is an error [STOMP 1.2 Value Encoding].
func appendPlain(b, s []byte, escaped bool, v Version) ([]byte, error) {
	if !escaped {
		return append(b, s...), nil
	}
	for {
		i := bytes.IndexByte(s, '\\')
		if i < 0 {
			return append(b, s...), nil
		}
		b = append(b, s[:i]...)
		if i+1 == len(s) {
			return b, malformed("header ends within an escape")
		}
		switch c := s[i+1]; {
		case c == '\\':
			b = append(b, '\\')
		case c == 'n':
			b = append(b, '\n')
		case c == 'c':
			b = append(b, ':')
		case c == 'r' && v == V12:
			b = append(b, '\r')
		default:
			return b, malformed("escape %q is not defined in STOMP %v", s[i:i+2], v)
		}
		s = s[i+2:]
	}
}

// appendEscaped appends a name or value as the version writes it. What it
// cannot express becomes a space, so that no value can end its line and pose
// as another header: LF and the colon of a name in 1.0, CR before 1.2, NUL
// everywhere.
func appendEscaped(b []byte, s string, v Version, name bool) []byte {
	start := 0
	for i := 0; i < len(s); i++ {
		var out string
		switch c := s[i]; {
		case c == 0:
			out = " "
		case c > ':' && c != '\\':
			continue
		case v >= V11 && c == '\\':
			out = `\\`
		case v >= V11 && c == '\n':
			out = `\n`
		case v >= V11 && c == ':':
			out = `\c`
		case v == V12 && c == '\r':
			out = `\r`
		case c == '\n', c == '\r', c == ':' && name:
			out = " "
		default:
			continue
		}
		b = append(append(b, s[start:i]...), out...)
		start = i + 1
	}
	return append(b, s[start:]...)
}
