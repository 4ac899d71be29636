package link

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"
)

// station is a handler that passes on what it is told.
type station struct {
	up      chan Hello
	down    chan ID
	got     chan []byte
	streams chan net.Conn
	refuse  error
}

func newStation() *station {
	return &station{up: make(chan Hello, 10), down: make(chan ID, 10), got: make(chan []byte, 10000), streams: make(chan net.Conn, 1)}
}

func (s *station) Admit(Hello) error                       { return s.refuse }
func (s *station) Up(h Hello)                              { s.up <- h }
func (s *station) Down(id ID, _ error)                     { s.down <- id }
func (s *station) Receive(_ ID, c Class, p []byte)         { s.got <- append([]byte{byte(c)}, p...) }
func (s *station) Stream(_ Hello, _ string, conn net.Conn) { s.streams <- conn }

// node is a running mesh of a test.
type node struct {
	*Mesh
	*station
	addr string
	end  func()
}

func start(t *testing.T, id ID, token string) *node {
	t.Helper()
	n := &node{station: newStation()}
	n.Mesh = New(Config{Token: token, Network: TCP{}, Bind: "127.0.0.1:0", Handler: n.station,
		Self: func() Hello { return Hello{ID: id, Seat: "s", Incarnation: 1, Replicas: 3, Address: n.addr} }})
	a, err := n.Listen()
	if err != nil {
		t.Fatal(err)
	}
	n.addr = a.String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	ended := false
	n.end = func() {
		if !ended {
			ended = true
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Run: %v", err)
			}
		}
	}
	t.Cleanup(n.end)
	return n
}

func take[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(10 * time.Second):
		t.Fatalf("no %s", what)
		panic("unreachable")
	}
}

func pair(t *testing.T) (a, b *node) {
	t.Helper()
	a, b = start(t, 1, "secret"), start(t, 2, "secret")
	a.SetPeers([]string{a.addr, b.addr}) // its own address is no peer
	b.SetPeers([]string{a.addr})
	if h := take(t, a.up, "link"); h.ID != 2 || h.Address != b.addr {
		t.Fatalf("hello %+v", h)
	}
	take(t, b.up, "link")
	return a, b
}

func TestLink(t *testing.T) {
	a, b := pair(t)
	big := make([]byte, 3<<20+17)
	rand.NewChaCha8([32]byte{}).Read(big)
	if !a.Send(2, Bulk, big) || !a.Send(2, Append, nil) || !a.Send(2, Urgent, []byte("now")) {
		t.Fatal("not sent")
	}
	want := map[Class][]byte{Bulk: big, Append: {}, Urgent: []byte("now")}
	for range want {
		p := take(t, b.got, "payload")
		if !bytes.Equal(want[Class(p[0])], p[1:]) {
			t.Errorf("class %d: %d bytes differ", p[0], len(p)-1)
		}
	}
	if a.Heard(2) > time.Minute || a.Heard(3) != forever || len(a.Peers()) != 1 {
		t.Error("who is linked")
	}
	c, err := a.Open(context.Background(), 2, "snapshot")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	other := take(t, b.streams, "stream")
	defer other.Close()
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(other, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	b.end()
	take(t, a.down, "end of the link")
	if a.Send(2, Urgent, nil) {
		t.Error("sent without a link")
	}
}

func TestOrderWithinAClass(t *testing.T) {
	a, b := pair(t)
	const n = 5000
	for i := range n {
		for !a.Send(2, Append, []byte{byte(i), byte(i >> 8)}) {
			t.Fatal("queue full")
		}
	}
	for i := range n {
		if p := take(t, b.got, "payload"); int(p[1])|int(p[2])<<8 != i {
			t.Fatalf("payload %d is %v", i, p)
		}
	}
}

func TestBrokenLinkComesBack(t *testing.T) {
	a, b := pair(t)
	a.known(2).mu.Lock()
	conn := a.known(2).out.conn
	a.known(2).mu.Unlock()
	_ = conn.Close()
	take(t, a.down, "end")
	take(t, b.down, "end")
	take(t, a.up, "link")
	take(t, b.up, "link")
}

func TestStrangers(t *testing.T) {
	a, b := start(t, 1, "secret"), start(t, 2, "other")
	a.SetPeers([]string{b.addr})
	_, _, err := a.connect(context.Background(), b.addr, "")
	if err == nil {
		t.Error("a wrong token was let in")
	}
	b.refuse = errors.New("too late")
	c, d := start(t, 3, "other"), b
	if _, _, err := c.connect(context.Background(), d.addr, ""); err == nil || err.Error() != "refused by the other side: too late" {
		t.Errorf("refusal: %v", err)
	}
	for _, junk := range []string{"GET / HTTP/1.1\r\n\r\n", magic, magic + string(make([]byte, 32)) + "\xff\xff" + string(make([]byte, 5000))} {
		nc, err := net.Dial("tcp", a.addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := nc.Write([]byte(junk)); err != nil {
			t.Log(err)
		}
		_ = nc.(*net.TCPConn).CloseWrite()
		if n, err := io.Copy(io.Discard, nc); n > 200 {
			t.Errorf("a stranger was told %d bytes, %v", n, err)
		}
		nc.Close()
	}
	if len(a.up) != 0 {
		t.Error("a stranger is linked")
	}
}

// Nodes whose links are of another version do not link, and both sides learn why.
func TestOtherVersion(t *testing.T) {
	a := start(t, 1, "secret")
	c, err := net.Dial("tcp", a.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write(append([]byte("QUORATE1"), make([]byte, nonceSize)...)); err != nil {
		t.Fatal(err)
	}
	told, err := io.ReadAll(c)
	if len(told) != len(magic)+nonceSize || string(told[:len(magic)]) != magic {
		t.Errorf("who dialed was told %q, %v", told, err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = c.Write(append([]byte("QUORATE1"), make([]byte, nonceSize)...))
		_, _ = io.Copy(io.Discard, c)
	}()
	if _, _, err := a.connect(context.Background(), l.Addr().String(), ""); !errors.Is(err, ErrProtocol) {
		t.Errorf("an older node: %v", err)
	}
}

// What one side said cannot be said by another: the reflection of our own proof
// is no proof.
func TestReflection(t *testing.T) {
	a := start(t, 1, "secret")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = io.Copy(c, c) // a mirror
	}()
	if _, _, err := a.connect(context.Background(), l.Addr().String(), ""); !errors.Is(err, ErrToken) {
		t.Errorf("a mirror: %v", err)
	}
}

// Urgent payloads pass what waits in the other classes.
func TestUrgentFirst(t *testing.T) {
	q := newQueue([classes]int{1 << 20, 64 << 20, 16 << 20})
	q.put(Append, make([]byte, 1<<20))
	q.put(Bulk, make([]byte, 1<<20))
	_ = q.fill(nil, chunk)
	q.put(Urgent, []byte("now"))
	f := frameReader{r: bufio.NewReader(bytes.NewReader(q.fill(nil, 1))), max: 1 << 30}
	if c, p, err := f.next(); c != Urgent || string(p) != "now" || err != nil {
		t.Errorf("class %d, %q, %v", c, p, err)
	}
}

// Payloads of every size around that of a fragment come as they went, and who
// was told the length of one makes room for it once.
func TestSizes(t *testing.T) {
	q := newQueue([classes]int{64 << 20, 64 << 20, 64 << 20})
	var want [][]byte
	for _, n := range []int{1, maxFragment - lengthBytes, maxFragment - 1, maxFragment, maxFragment + 1, 2*maxFragment - lengthBytes, 3 * maxFragment, 1 << 20} {
		p := bytes.Repeat([]byte{byte(n)}, n)
		want = append(want, p)
		q.put(Append, p)
	}
	f := frameReader{r: bufio.NewReader(bytes.NewReader(q.fill(nil, 64<<20))), max: 1 << 20}
	for len(want) > 0 {
		_, p, err := f.next()
		if err != nil {
			t.Fatal(err)
		}
		if p == nil {
			continue
		}
		if !bytes.Equal(p, want[0]) || len(p) > maxFragment && cap(p) > len(p) {
			t.Fatalf("%d bytes in %d, %d were sent", len(p), cap(p), len(want[0]))
		}
		want = want[1:]
	}
}

// A length that the fragments do not have is refused.
func TestWrongLength(t *testing.T) {
	payload := make([]byte, 100_000)
	b, n := appendFirst(nil, byte(Append), payload)
	for _, rest := range []int{1, len(payload) - n - 1, len(payload) - n + 1} {
		f := frameReader{r: bufio.NewReader(bytes.NewReader(appendFrame(b[:len(b):len(b)], byte(Append), flagLast, make([]byte, rest)))), max: 1 << 20}
		_, p, err := f.next()
		if p != nil || err != nil {
			t.Fatalf("the first fragment: %d bytes, %v", len(p), err)
		}
		if _, _, err := f.next(); !errors.Is(err, ErrFrame) {
			t.Errorf("%d bytes of %d: %v", n+rest, len(payload), err)
		}
	}
	// More than was told is refused before the payload ends.
	f := frameReader{r: bufio.NewReader(bytes.NewReader(appendFrame(b[:len(b):len(b)], byte(Append), 0, make([]byte, len(payload)-n+1)))), max: 1 << 20}
	if _, _, err := f.next(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.next(); !errors.Is(err, ErrFrame) {
		t.Errorf("a fragment beyond the length: %v", err)
	}
	long, _ := appendFirst(nil, byte(Append), make([]byte, 1<<20+1))
	f = frameReader{r: bufio.NewReader(bytes.NewReader(long)), max: 1 << 20}
	if _, _, err := f.next(); !errors.Is(err, ErrFrame) {
		t.Errorf("a payload that is too long: %v", err)
	}
}

// Who announces a payload does not get the room for it before it comes.
func TestAnnouncedOnly(t *testing.T) {
	b, _ := appendFirst(nil, byte(Append), make([]byte, 16<<20))
	f := frameReader{r: bufio.NewReader(bytes.NewReader(b)), max: 16 << 20}
	if _, _, err := f.next(); err != nil {
		t.Fatal(err)
	}
	if n := cap(f.part[Append]); n > 2<<20 {
		t.Errorf("room for %d bytes was made, %d came", n, len(b))
	}
}

func TestQueueIsBounded(t *testing.T) {
	q := newQueue([classes]int{100, 100, 100})
	if !q.put(Urgent, make([]byte, 200)) {
		t.Error("one payload always fits")
	}
	if q.put(Urgent, make([]byte, 1)) {
		t.Error("and no second one")
	}
}

// reseal gives the frames in b, as far as their lengths lead, the checksums of an
// honest writer: so the fuzzer reaches what lies behind them.
func reseal(b []byte) {
	for at := 0; at+frameHeader <= len(b); {
		end := at + frameHeader + int(binary.BigEndian.Uint16(b[at:]))
		if end > len(b) {
			return
		}
		seal(b[:end:end], at)
		at = end
	}
}

func FuzzFrames(f *testing.F) {
	const most = 200 // bytes of a payload
	told := binary.BigEndian.AppendUint32(nil, maxFragment+1)
	f.Add(appendFrame(appendFrame(nil, 0, flagFirst|flagLast, []byte("x")), signOfLife, 0, nil), true, most)
	f.Add(appendFrame(appendFrame(nil, 1, flagFirst, []byte("first")), 1, flagLast, []byte("last")), true, most)
	f.Add(appendFrame(appendFrame(nil, 2, flagFirst|flagLength, append(told, "first"...)), 2, flagLast, []byte("last")), true, 1<<20)
	f.Add(appendFrame(nil, renewal, 0, []byte("hello")), false, most)
	long, _ := appendFirst(nil, byte(Bulk), make([]byte, 1<<16))
	f.Add(appendFrame(long, byte(Bulk), flagLast, make([]byte, 1<<16-maxFragment+lengthBytes)), true, 1<<16)
	f.Fuzz(func(t *testing.T, b []byte, honest bool, most int) {
		if honest {
			reseal(b)
		}
		most = min(max(most, 0), 1<<20)
		r := frameReader{r: bufio.NewReader(bytes.NewReader(b)), max: most}
		for {
			c, p, err := r.next()
			if err != nil {
				return
			}
			if c != renewal && len(p) > most {
				t.Fatalf("a payload of %d bytes, at most %d are allowed", len(p), most)
			}
			for c := range r.part {
				if n := cap(r.part[c]); n > 2*len(b)+roomAhead {
					t.Fatalf("room for %d bytes, %d came", n, len(b))
				}
			}
		}
	})
}

func FuzzHello(f *testing.F) {
	f.Add(appendHello(appendText(nil, "snapshot"), Hello{ID: 1, Seat: "a", Address: "b", Replicas: 3, Empty: true}))
	f.Fuzz(func(t *testing.T, b []byte) {
		text, h, err := parseBlock(b)
		if err != nil {
			return
		}
		if again := appendHello(appendText(nil, text), h); !bytes.Equal(again, b) {
			t.Fatalf("%x became %x", b, again)
		}
	})
}

func BenchmarkQueue(b *testing.B) {
	q := newQueue([classes]int{1 << 20, 64 << 20, 16 << 20})
	payload := make([]byte, 1024)
	buf := make([]byte, 0, 4*chunk)
	b.SetBytes(1024)
	for b.Loop() {
		q.put(Append, payload)
		buf = q.fill(buf[:0], chunk)
	}
}
