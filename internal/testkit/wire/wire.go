// Package wire is a STOMP connection for tests that must see every frame and
// decide themselves what to do when a connection breaks. It shares no code with
// the product, so that one mistake cannot hide another.
package wire

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// A Frame is one STOMP 1.2 frame.
type Frame struct {
	Command string
	Headers map[string]string
	Body    []byte
}

// A Conn is one connection. Read and Write may run beside each other.
type Conn struct {
	net.Conn
	r    *bufio.Reader
	idle time.Duration
}

// The broker is asked for a heart-beat so often, and given up when nothing
// came for silence: what a careful client does to notice a host that hangs.
const (
	heartBeat = "0,400"
	silence   = 1200 * time.Millisecond
)

// Dial connects and logs in. The deadline covers both.
func Dial(addr string, timeout time.Duration, headers ...string) (*Conn, error) {
	nc, err := net.DialTimeout("tcp", addr, timeout)
	if err != nil {
		return nil, err
	}
	c := &Conn{Conn: nc, r: bufio.NewReaderSize(nc, 64<<10)}
	if err := nc.SetDeadline(time.Now().Add(timeout)); err != nil {
		nc.Close()
		return nil, err
	}
	err = c.Write("CONNECT", nil, append([]string{"accept-version", "1.2", "host", "test", "heart-beat", heartBeat}, headers...)...)
	if err == nil {
		var f *Frame
		if f, err = c.Read(); err == nil && f.Command != "CONNECTED" {
			err = fmt.Errorf("%s: %s", f.Command, f.Headers["message"])
		}
	}
	if err == nil {
		err = nc.SetDeadline(time.Time{})
	}
	if err != nil {
		nc.Close()
		return nil, err
	}
	c.idle = silence
	return c, nil
}

var escape = strings.NewReplacer("\\", "\\\\", "\n", "\\n", "\r", "\\r", ":", "\\c")
var unescape = strings.NewReplacer("\\\\", "\\", "\\n", "\n", "\\r", "\r", "\\c", ":")

// Append appends the bytes of a frame; headers are pairs of name and value.
func Append(b []byte, command string, body []byte, headers ...string) []byte {
	b = append(append(b, command...), '\n')
	for i := 0; i+1 < len(headers); i += 2 {
		b = append(b, escape.Replace(headers[i])...)
		b = append(b, ':')
		b = append(b, escape.Replace(headers[i+1])...)
		b = append(b, '\n')
	}
	if body != nil {
		b = append(b, "content-length:"+strconv.Itoa(len(body))+"\n"...)
	}
	return append(append(append(b, '\n'), body...), 0)
}

// Write sends one frame.
func (c *Conn) Write(command string, body []byte, headers ...string) error {
	_, err := c.Conn.Write(Append(nil, command, body, headers...))
	return err
}

// Read returns the next frame, skipping heart-beats.
func (c *Conn) Read() (*Frame, error) {
	line := ""
	for line == "" {
		if c.idle > 0 {
			if err := c.SetReadDeadline(time.Now().Add(c.idle)); err != nil {
				return nil, err
			}
		}
		l, err := c.r.ReadString('\n')
		if err != nil {
			return nil, err
		}
		line = strings.TrimRight(l, "\r\n")
	}
	f := &Frame{Command: line, Headers: map[string]string{}}
	for {
		l, err := c.r.ReadString('\n')
		if err != nil {
			return nil, err
		}
		if l = strings.TrimRight(l, "\r\n"); l == "" {
			break
		}
		k, v, _ := strings.Cut(l, ":")
		if _, ok := f.Headers[k]; !ok {
			f.Headers[unescape.Replace(k)] = unescape.Replace(v)
		}
	}
	var err error
	if n, ok := f.Headers["content-length"]; ok {
		length, bad := strconv.Atoi(n)
		if bad != nil {
			return nil, bad
		}
		f.Body = make([]byte, length+1)
		_, err = io.ReadFull(c.r, f.Body)
	} else {
		f.Body, err = c.r.ReadBytes(0)
	}
	if err != nil {
		return nil, err
	}
	f.Body = bytes.TrimSuffix(f.Body, []byte{0})
	return f, nil
}
