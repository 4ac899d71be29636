package frame

import (
	"bytes"
	"io"
	"strings"
)

const (
	firstBuffer = 512      // what an idle connection pays
	mostBuffer  = 64 << 10 // what a busy one reads at once
	bodyChunk   = 16 << 10 // a body this small is allocated whole
	keptScratch = 4 << 10  // scratch that survives a frame
	keptHeaders = 128      // headers whose slice survives a frame
	calmReads   = 64       // reads of a quarter of the buffer before it is halved
)

// A Reader reads frames. It is not for use by several goroutines at once.
type Reader struct {
	src     io.Reader
	version Version
	limits  Limits

	buf      []byte // buf[pos:end] was read and not yet looked at
	pos, end int
	calm     int // reads in a row that left most of buf unused

	line  []byte // a line that did not lie in buf in one piece
	head  []byte // names and values of the frame's headers, unescaped
	spans []span // where they lie in head
	frame Frame
}

type span struct{ name, value, end int }

// NewReader returns a reader with the Default limits for a connection that has
// not agreed on a version. It allocates buffers when bytes are there to be read.
func NewReader(src io.Reader) *Reader { return &Reader{src: src, limits: Default()} }

// SetVersion says which version's escapes and line ends hold from here on.
func (r *Reader) SetVersion(v Version) { r.version = v }

// SetLimits replaces the limits, from the next frame on.
func (r *Reader) SetLimits(l Limits) { r.limits = l }

// Buffered is how many bytes were received and not yet read as frames: while
// it is not 0 another frame may follow without waiting.
func (r *Reader) Buffered() int { return r.end - r.pos }

// Read returns the next frame. The frame and its slice of headers are valid
// until the next Read; the strings and the body belong to the caller.
//
// The error is io.EOF where a stream ended between frames and
// io.ErrUnexpectedEOF within one, ErrMalformed or ErrTooBig for a frame after
// which nothing can be read any more, else the error of the source.
func (r *Reader) Read() (*Frame, error) {
	if err := r.skipEOL(); err != nil {
		return nil, err
	}
	f := &r.frame
	if cap(f.Headers) > keptHeaders {
		f.Headers = nil
	}
	*f = Frame{Headers: f.Headers[:0]}
	line, err := r.readLine(r.limits.Command, "command")
	if err != nil {
		return nil, within(err)
	}
	f.Command = command(bytes.TrimRight(line, "\r \t"))
	if f.Command == "" {
		return nil, malformed("empty command")
	}
	size, err := r.readHead(f)
	if err != nil {
		return nil, within(err)
	}
	if err := r.readBody(f, size); err != nil {
		return nil, within(err)
	}
	r.shrink()
	return f, nil
}

// within turns the end of the stream in the middle of a frame into an error.
func within(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// skipEOL passes over heart-beats and the line ends that follow a frame.
func (r *Reader) skipEOL() error {
	for {
		for r.pos < r.end {
			switch r.buf[r.pos] {
			case '\n', '\r':
				r.pos++
			case 0:
				return malformed("NUL where a command is expected")
			default:
				return nil
			}
		}
		if err := r.fill(); err != nil {
			return err
		}
	}
}

// readHead reads the headers and returns the announced length of the body, -1
// if there is none.
func (r *Reader) readHead(f *Frame) (size int, err error) {
	r.head, r.spans = r.head[:0], r.spans[:0]
	escaped := r.version >= V11 && f.Command != Connect && f.Command != Connected
	sum := 0
	for {
		line, err := r.readLine(r.limits.Line, "header line")
		if err != nil {
			return 0, err
		}
		sum += len(line) + 1
		if line = r.trimEOL(line, f.Command); len(line) == 0 {
			break
		}
		if sum > r.limits.Head {
			return 0, tooBig("bytes of headers", r.limits.Head)
		}
		if len(r.spans) == r.limits.Headers {
			return 0, tooBig("headers", r.limits.Headers)
		}
		if err := r.addHeader(line, escaped); err != nil {
			return 0, err
		}
	}
	r.giveHeaders(f)
	return r.bodySize(f, sum)
}

// trimEOL takes the CR before the LF away where it is no part of the value: in
// 1.2, and in the frame that negotiates [STOMP 1.2 Augmented BNF].
func (r *Reader) trimEOL(line []byte, command string) []byte {
	n := len(line)
	if n == 0 || line[n-1] != '\r' {
		return line
	}
	if r.version == V12 || r.version == Unknown || command == Connect || command == Connected || n == 1 {
		return line[:n-1]
	}
	return line
}

func (r *Reader) addHeader(line []byte, escaped bool) error {
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 {
		return malformed("header line %.60q has no name", line)
	}
	name, value := line[:colon], line[colon+1:]
	if r.version <= V10 {
		// The examples of 1.0 write "name: value".
		name, value = bytes.TrimSpace(name), bytes.TrimSpace(value)
		if len(name) == 0 {
			return malformed("header line %.60q has no name", line)
		}
	}
	s := span{name: len(r.head)}
	var err error
	if r.head, err = appendPlain(r.head, name, escaped, r.version); err != nil {
		return err
	}
	s.value = len(r.head)
	if r.head, err = appendPlain(r.head, value, escaped, r.version); err != nil {
		return err
	}
	s.end = len(r.head)
	r.spans = append(r.spans, s)
	return nil
}

// giveHeaders hands the headers out as parts of one string.
func (r *Reader) giveHeaders(f *Frame) {
	head := string(r.head)
	for _, s := range r.spans {
		name := head[s.name:s.value]
		if _, repeated := f.Get(name); !repeated {
			f.Headers = append(f.Headers, Header{name, head[s.value:s.end]})
		}
	}
}

// bodySize reads content-length: digits only, and within the limits.
func (r *Reader) bodySize(f *Frame, head int) (int, error) {
	v, ok := f.Get("content-length")
	if !ok {
		return -1, nil
	}
	f.Counted = true
	limit := r.bodyLimit(head)
	digits := strings.TrimSpace(v)
	if digits == "" {
		return 0, malformed("content-length %.20q is not a number", v)
	}
	n := 0
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return 0, malformed("content-length %.20q is not a number", v)
		}
		if n = n*10 + int(c-'0'); n > limit {
			return 0, tooBig("bytes of body announced", limit)
		}
	}
	return n, nil
}

// bodyLimit is how long a body may be after head bytes of headers.
func (r *Reader) bodyLimit(head int) int {
	limit := r.limits.Body
	if r.limits.Frame > 0 {
		limit = min(limit, max(0, r.limits.Frame-head))
	}
	return limit
}
