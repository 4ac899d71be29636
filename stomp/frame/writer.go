package frame

import "strconv"

// Open appends the command line of a frame. AppendHeader calls follow, then
// Close.
func Open(b []byte, command string) []byte { return append(append(b, command...), '\n') }

// AppendHeader appends one header line, escaped as the version demands. For
// CONNECT and CONNECTED v is V10, whatever will be agreed: they know no escapes.
func (v Version) AppendHeader(b []byte, name, value string) []byte {
	b = appendEscaped(b, name, v, true)
	b = append(b, ':')
	b = appendEscaped(b, value, v, false)
	return append(b, '\n')
}

// AppendValue appends a value, or a part of one, escaped, to a header line that
// the caller begins and ends itself.
func (v Version) AppendValue(b []byte, value string) []byte {
	return appendEscaped(b, value, v, false)
}

// AppendInt appends a header line with a number.
func (v Version) AppendInt(b []byte, name string, n int64) []byte {
	b = appendEscaped(b, name, v, true)
	b = append(b, ':')
	b = strconv.AppendInt(b, n, 10)
	return append(b, '\n')
}

// Close appends the blank line, the body, NUL and a newline. A body that
// contains NUL needs a content-length header before.
func Close(b, body []byte) []byte {
	b = append(b, '\n')
	b = append(b, body...)
	return append(b, 0, '\n')
}

// Append appends the whole frame. A content-length header is added if the
// frame is Counted, or if its body could not be read otherwise.
func (f *Frame) Append(b []byte, v Version) []byte {
	if f.Command == Connect || f.Command == Connected {
		v = V10
	}
	b = Open(b, f.Command)
	for _, h := range f.Headers {
		if h.Name != "content-length" {
			b = v.AppendHeader(b, h.Name, h.Value)
		}
	}
	if f.Counted || hasNUL(f.Body) {
		b = v.AppendInt(b, "content-length", int64(len(f.Body)))
	}
	return Close(b, f.Body)
}

func hasNUL(b []byte) bool {
	for _, c := range b {
		if c == 0 {
			return true
		}
	}
	return false
}
