package frame

import (
	"errors"
	"fmt"
)

// ErrMalformed is returned for bytes that are not a frame.
var ErrMalformed = errors.New("malformed frame")

// ErrTooBig is returned for a frame that exceeds one of the limits.
var ErrTooBig = errors.New("frame too big")

// Limits bound what a Reader accepts, in bytes unless noted.
type Limits struct {
	Command int // the command line
	Line    int // one header line, as it came
	Headers int // the number of headers
	Head    int // all header lines together
	Body    int // the body
	Frame   int // head and body together; 0 is no limit of its own
}

// Default returns the limits of ActiveMQ, plus one for the sum of the headers.
func Default() Limits {
	return Limits{Command: 1 << 10, Line: 10 << 10, Headers: 1000, Head: 64 << 10, Body: 100 << 20}
}

// Login returns the limits for a peer that has not said who it is.
func Login() Limits {
	return Limits{Command: 1 << 10, Line: 4 << 10, Headers: 64, Head: 8 << 10, Body: 8 << 10, Frame: 8 << 10}
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
}

func tooBig(what string, limit int) error {
	return fmt.Errorf("%w: %s, allowed are %d", ErrTooBig, what, limit)
}
