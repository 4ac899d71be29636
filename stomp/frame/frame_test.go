package frame

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

// show prints a frame on one line.
func show(f *Frame) string {
	var b strings.Builder
	b.WriteString(f.Command)
	for _, h := range f.Headers {
		fmt.Fprintf(&b, " %q=%q", h.Name, h.Value)
	}
	fmt.Fprintf(&b, " body=%q", f.Body)
	if f.Counted {
		b.WriteString(" counted")
	}
	return b.String()
}

func TestRead(t *testing.T) {
	tests := []struct {
		rule string
		v    Version
		in   string
		want string
	}{
		{"[STOMP 1.2 STOMP Frames]", V12, "SEND\na:b\n\nbody\x00", `SEND "a"="b" body="body"`},
		{"[STOMP 1.2 STOMP Frames] CR LF", V12, "SEND\r\na:b\r\n\r\nbody\r\n\x00", `SEND "a"="b" body="body\r\n"`},
		{"[STOMP 1.2 Heart-beating] EOLs between frames", V12, "\n\r\n\nACK\n\n\x00", `ACK body=""`},
		{"[STOMP 1.2 Value Encoding]", V12, "SEND\na\\cb:c\\\\d\\ne\\rf\n\n\x00", `SEND "a:b"="c\\d\ne\rf" body=""`},
		{"[STOMP 1.2 Value Encoding] a colon in a value", V12, "SEND\na:b:c\n\n\x00", `SEND "a"="b:c" body=""`},
		{"[STOMP 1.1 Value Encoding]", V11, "SEND\na:b\\nc\\cd\\\\\n\n\x00", `SEND "a"="b\nc:d\\" body=""`},
		{"[STOMP 1.1] CR belongs to the value", V11, "SEND\na:b\r\n\n\x00", `SEND "a"="b\r" body=""`},
		{"[STOMP 1.2 Value Encoding] spaces belong to the value", V12, "SEND\na: b \n\n\x00", `SEND "a"=" b " body=""`},
		{"[STOMP 1.0] no escapes, spaces are decoration", V10, "SEND\na: b\\n \n\n\x00", `SEND "a"="b\\n" body=""`},
		{"[STOMP 1.2 Value Encoding] not in CONNECT", V12, "CONNECT\npasscode:a\\nb\n\n\x00", `CONNECT "passcode"="a\\nb" body=""`},
		{"[STOMP 1.2 Repeated Header Entries]", V12, "SEND\na:1\na:2\nb:3\n\n\x00", `SEND "a"="1" "b"="3" body=""`},
		{"[STOMP 1.2 Header content-length]", V12, "SEND\ncontent-length:3\n\na\x00b\x00", `SEND "content-length"="3" body="a\x00b" counted`},
		{"content-length 0", V12, "SEND\ncontent-length:0\n\n\x00", `SEND "content-length"="0" body="" counted`},
		{"before negotiation CR LF", Unknown, "CONNECT\r\nhost:h\r\n\r\n\x00", `CONNECT "host"="h" body=""`},
		{"an empty value", V12, "SEND\na:\n\n\x00", `SEND "a"="" body=""`},
		{"ActiveMQ's short commands", V10, "SUB\n\n\x00", `SUBSCRIBE body=""`},
		{"an unknown command", V12, "HELLO\n\n\x00", `HELLO body=""`},
	}
	for _, tt := range tests {
		for name, src := range map[string]io.Reader{
			"whole": strings.NewReader(tt.in), "byte by byte": iotest.OneByteReader(strings.NewReader(tt.in)),
		} {
			r := NewReader(src)
			r.SetVersion(tt.v)
			f, err := r.Read()
			if err != nil {
				t.Errorf("%s, %s: %v", tt.rule, name, err)
			} else if got := show(f); got != tt.want {
				t.Errorf("%s, %s:\n got %s\nwant %s", tt.rule, name, got, tt.want)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	big := strings.Repeat("x", 11<<10)
	many := strings.Repeat("a:b\n", 1001)
	sum := ""
	for i := range 20 {
		sum += fmt.Sprintf("h%d:%s\n", i, strings.Repeat("y", 4<<10))
	}
	tests := []struct {
		name string
		in   string
		want error
	}{
		{"escape \\t [STOMP 1.2 Value Encoding]", "SEND\na:\\t\n\n\x00", ErrMalformed},
		{"half an escape", "SEND\na:b\\\n\n\x00", ErrMalformed},
		{"no colon", "SEND\nabc\n\n\x00", ErrMalformed},
		{"no name", "SEND\n:b\n\n\x00", ErrMalformed},
		{"NUL in a header", "SEND\na:b\x00", ErrMalformed},
		{"NUL first", "\x00", ErrMalformed},
		{"negative content-length", "SEND\ncontent-length:-1\n\n\x00", ErrMalformed},
		{"content-length is no number", "SEND\ncontent-length:0x10\n\n\x00", ErrMalformed},
		{"content-length is empty", "SEND\ncontent-length:\n\n\x00", ErrMalformed},
		{"content-length overflows", "SEND\ncontent-length:99999999999999999999999\n\n\x00", ErrTooBig},
		{"2 GB announced", "SEND\ncontent-length:2147483647\n\n\x00", ErrTooBig},
		{"content-length too small", "SEND\ncontent-length:1\n\nab\x00", ErrMalformed},
		{"long command", big, ErrTooBig},
		{"long line", "SEND\na:" + big, ErrTooBig},
		{"many headers", "SEND\n" + many, ErrTooBig},
		{"big head", "SEND\n" + sum, ErrTooBig},
		{"cut in the head", "SEND\na:b\n", io.ErrUnexpectedEOF},
		{"cut in the body", "SEND\ncontent-length:5\n\nab", io.ErrUnexpectedEOF},
		{"cut before NUL", "SEND\n\nab", io.ErrUnexpectedEOF},
		{"the end between frames", "\n\n", io.EOF},
		{"binary", "\x16\x03\x01\x02\x00\x01\x00\n", ErrMalformed},
	}
	for _, tt := range tests {
		r := NewReader(strings.NewReader(tt.in))
		r.SetVersion(V12)
		if f, err := r.Read(); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, %v, want %v", tt.name, f, err, tt.want)
		}
	}
}

func TestLoginLimits(t *testing.T) {
	for _, in := range []string{
		"CONNECT\nlogin:" + strings.Repeat("x", 5<<10) + "\n\n\x00",
		"CONNECT\ncontent-length:9000\n\n",
		"CONNECT\n\n" + strings.Repeat("x", 9<<10) + "\x00",
		"CONNECT\na:" + strings.Repeat("x", 4000) + "\ncontent-length:5000\n\n",
	} {
		r := NewReader(strings.NewReader(in))
		r.SetLimits(Login())
		if _, err := r.Read(); !errors.Is(err, ErrTooBig) {
			t.Errorf("%.30q…: %v", in, err)
		}
	}
}

// endless gives a head and then nothing, as somebody who announces much.
func TestMemoryFollowsTheBytes(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := NewReader(strings.NewReader("SEND\ncontent-length:104857600\n\nabc"))
	if _, err := r.Read(); err != io.ErrUnexpectedEOF {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 256<<10 {
		t.Errorf("%d bytes were allocated for 3 bytes of body", n)
	}
}

func TestBufferFollowsTheTraffic(t *testing.T) {
	body := bytes.Repeat([]byte("x"), 1<<20)
	wire := (&Frame{Command: Send, Body: body, Counted: true}).Append(nil, V12)
	src := io.MultiReader(bytes.NewReader(wire), iotest.OneByteReader(strings.NewReader(strings.Repeat("\n", 10000)+"ACK\n\n\x00")))
	r := NewReader(src)
	f, err := r.Read()
	if err != nil || !bytes.Equal(f.Body, body) {
		t.Fatalf("body of %d bytes, %v", len(f.Body), err)
	}
	if _, err := r.Read(); err != nil {
		t.Fatal(err)
	}
	if len(r.buf) != firstBuffer {
		t.Errorf("the buffer of a calm connection has %d bytes", len(r.buf))
	}
}

func TestAppend(t *testing.T) {
	f := &Frame{Command: Message, Headers: []Header{{"a:b", "c\\d\ne\rf:g\x00"}}, Body: []byte("x")}
	for v, want := range map[Version]string{
		V10: "MESSAGE\na b:c\\d e f:g \n\nx\x00\n",
		V11: "MESSAGE\na\\cb:c\\\\d\\ne f\\cg \n\nx\x00\n",
		V12: "MESSAGE\na\\cb:c\\\\d\\ne\\rf\\cg \n\nx\x00\n",
	} {
		if got := string(f.Append(nil, v)); got != want {
			t.Errorf("%v:\n got %q\nwant %q", v, got, want)
		}
	}
	f = &Frame{Command: Connected, Headers: []Header{{"a", "b:c"}}}
	if got := string(f.Append(nil, V12)); got != "CONNECTED\na:b:c\n\n\x00\n" {
		t.Errorf("CONNECTED is not escaped: %q", got)
	}
	f = &Frame{Command: Send, Body: []byte("a\x00b")}
	if got := string(f.Append(nil, V12)); got != "SEND\ncontent-length:3\n\na\x00b\x00\n" {
		t.Errorf("%q", got)
	}
}

// FuzzRead reads whatever comes, writes what was read and reads it again: the
// two must agree, however the bytes arrive and whichever version holds.
func FuzzRead(f *testing.F) {
	for _, s := range []string{
		"CONNECT\naccept-version:1.0,1.1,1.2\nhost:h\n\n\x00", "SEND\r\na:b\\c\\n\r\n\r\nx\x00\n\n",
		"MESSAGE\ncontent-length:3\n\na\x00b\x00\nACK\nid:1\n\n\x00", "SEND\ncontent-length:-1\n\n\x00",
		"SEND\n\xff\xfe:\x01\n\n\x00", "SUB\n a : b \n\n\x00",
	} {
		f.Add([]byte(s), uint8(V12))
		f.Add([]byte(s), uint8(V10))
	}
	limits := Default()
	limits.Body = 1 << 16
	f.Fuzz(func(t *testing.T, b []byte, version uint8) {
		v := Version(version%3) + V10
		whole, bytewise := NewReader(bytes.NewReader(b)), NewReader(iotest.OneByteReader(bytes.NewReader(b)))
		for _, r := range []*Reader{whole, bytewise} {
			r.SetVersion(v)
			r.SetLimits(limits)
		}
		for {
			f1, err1 := whole.Read()
			f2, err2 := bytewise.Read()
			if fmt.Sprint(err1) != fmt.Sprint(err2) {
				t.Fatalf("whole: %v, byte by byte: %v", err1, err2)
			}
			if err1 != nil {
				return
			}
			if show(f1) != show(f2) {
				t.Fatalf("whole: %s\nbyte by byte: %s", show(f1), show(f2))
			}
			again := NewReader(bytes.NewReader(f1.Append(nil, v)))
			again.SetVersion(v)
			f3, err := again.Read()
			if err != nil {
				t.Fatalf("%s cannot be read again: %v", show(f1), err)
			}
			same(t, f1, f3, v)
		}
	})
}

// same compares what was read with what was read of its rewriting. Older
// versions have no way to write some characters, which become spaces.
func same(t *testing.T, a, b *Frame, v Version) {
	t.Helper()
	if a.Command != b.Command || !bytes.Equal(a.Body, b.Body) {
		t.Fatalf("%s became %s", show(a), show(b))
	}
	if v != V12 || a.Command == Connect || a.Command == Connected {
		return
	}
	for _, h := range a.Headers {
		if got, ok := b.Get(h.Name); h.Name != "content-length" && (!ok || got != h.Value) {
			t.Fatalf("header %q=%q became %q, %v", h.Name, h.Value, got, ok)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	wire := (&Frame{Command: Send, Headers: []Header{{"destination", "/queue/orders"}, {"persistent", "true"}, {"receipt", "message-12345"}, {"JMSXGroupID", "g"}},
		Body: bytes.Repeat([]byte("x"), 1024), Counted: true}).Append(nil, V12)
	src := bytes.NewReader(bytes.Repeat(wire, 1000))
	r := NewReader(src)
	r.SetVersion(V12)
	b.SetBytes(int64(len(wire)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Read(); err == io.EOF {
			src.Seek(0, io.SeekStart)
		} else if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	body := bytes.Repeat([]byte("x"), 1024)
	var buf []byte
	b.SetBytes(1024)
	b.ReportAllocs()
	for b.Loop() {
		buf = Open(buf[:0], Message)
		buf = V12.AppendHeader(buf, "destination", "/queue/orders")
		buf = V12.AppendHeader(buf, "message-id", "ID:host-61613-1795438151494-4:1:1:1")
		buf = V12.AppendInt(buf, "content-length", int64(len(body)))
		buf = Close(buf, body)
	}
}
