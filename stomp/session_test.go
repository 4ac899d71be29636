package stomp

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quorate/quorate/broker"
	"github.com/quorate/quorate/stomp/frame"
)

// [M8] Without the lease nothing is delivered and nothing confirmed, whatever
// the broker says; heart-beats go on.
func TestNothingLeavesWithoutTheLease(t *testing.T) {
	var leased atomic.Bool
	leased.Store(true)
	h := newHouse(t, broker.Limits{}, func(o *Options) { o.Leased = leased.Load })
	c := h.login("heart-beat:0,100")
	c.say("SUBSCRIBE\nid:s\ndestination:/queue/q\nreceipt:s\n\n^@")
	c.want(frame.Receipt)
	leased.Store(false)
	c.say("SEND\ndestination:/queue/q\npersistent:true\nreceipt:r\n\nx^@")
	beats := 0
	buf := make([]byte, 1)
	for beats < 3 {
		c.SetReadDeadline(time.Now().Add(20 * time.Second))
		if _, err := c.Read(buf); err != nil {
			t.Fatal(err)
		}
		if buf[0] != '\n' {
			t.Fatalf("%q was written without the lease", buf)
		}
		beats++
	}
	leased.Store(true)
	got := []string{}
	for range 2 {
		f, err := c.read()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, f.Command)
	}
	if s := strings.Join(got, " "); s != "RECEIPT MESSAGE" && s != "MESSAGE RECEIPT" {
		t.Errorf("after the lease is back: %s", s)
	}
}

// A client that keeps none of the heart-beats it promised is taken for dead,
// and any byte is a sign of life [STOMP 1.2 Heart-beating].
func TestHeartBeats(t *testing.T) {
	h := newHouse(t, broker.Limits{}, nil)
	c := h.login("heart-beat:100,0")
	start := time.Now()
	for range 5 {
		// Each of these comes in time, all together last longer than the limit.
		timer := time.NewTimer(80 * time.Millisecond)
		<-timer.C
		c.say("\n")
	}
	if _, err := c.read(); err == nil {
		t.Fatal("the connection is open")
	}
	if err := <-h.ended; err != errSilent {
		t.Errorf("ended with %v", err)
	}
	if d := time.Since(start); d < 500*time.Millisecond {
		t.Errorf("ended after %v", d)
	}
}

// [S4] A connection whose SEND is blocked still acknowledges, and its other
// frames are handled in order afterwards.
func TestAcksOvertakeABlockedSend(t *testing.T) {
	h := newHouse(t, broker.Limits{InFlight: 4 << 10}, nil)
	c := h.login()
	c.say("SUBSCRIBE\nid:s\ndestination:/queue/a\nack:client-individual\nactivemq.prefetchSize:1\n\n^@")
	for i := range 2 {
		c.say(fmt.Sprintf("SEND\ndestination:/queue/a\n\n%d^@", i))
	}
	c.want(frame.Message)
	h.log.set(true, false) // what is persistent stays in flight
	body := strings.Repeat("x", 3000)
	c.say("SEND\ndestination:/queue/b\npersistent:true\nreceipt:1\n\n" + body + "^@" +
		"SEND\ndestination:/queue/b\npersistent:true\nreceipt:2\n\n" + body + "^@" +
		"BEGIN\ntransaction:t\nreceipt:3\n\n^@ACK\nid:${ack1}\n\n^@")
	if f := c.want(frame.Message); string(f.Body) != "1" {
		t.Fatalf("%s", print(f)) // the ACK made room for it
	}
	c.say("SEND\ndestination:/queue/a\ntransaction:t\n\nlast^@COMMIT\ntransaction:t\nreceipt:4\n\n^@")
	h.log.set(false, false)
	for i := 1; i <= 4; i++ {
		if f := c.want(frame.Receipt); f.Value("receipt-id") != fmt.Sprint(i) {
			t.Fatalf("receipt %d: %s", i, print(f))
		}
	}
	c.say("ACK\nid:${ack2}\n\n^@")
	if f := c.want(frame.Message); string(f.Body) != "last" {
		t.Fatalf("%s", print(f))
	}
}

// A client that never reads costs the others nothing, and its end is clean.
func TestSlowReaderBlocksOnlyItself(t *testing.T) {
	h := newHouse(t, broker.Limits{}, nil)
	slow, good := h.login(), h.login()
	slow.say("SUBSCRIBE\nid:s\ndestination:/topic/t\n\n^@")
	good.say("SUBSCRIBE\nid:s\ndestination:/topic/t\nreceipt:s\n\n^@")
	good.want(frame.Receipt)
	body := bytes.Repeat([]byte("x"), 64<<10)
	wire := (&frame.Frame{Command: frame.Send, Body: body, Headers: []frame.Header{{Name: "destination", Value: "/topic/t"}}}).Append(nil, frame.V12)
	for range 200 { // more than the socket buffers hold
		good.say(string(wire))
		if f := good.want(frame.Message); len(f.Body) != len(body) {
			t.Fatalf("a body of %d bytes", len(f.Body))
		}
	}
	slow.Close()
	if err := <-h.ended; err == nil {
		t.Log("the slow one ended orderly")
	}
}

func TestRefusedFrames(t *testing.T) {
	h := newHouse(t, broker.Limits{MessageSize: 100}, func(o *Options) { o.MaxBody = 1000 })
	for in, want := range map[string]string{
		"SEND\ndestination:/queue/q\nreceipt:r\n\n" + strings.Repeat("x", 200) + "^@": "Resource limit reached.",
		"SEND\ndestination:/queue/q\ncontent-length:2147483648\n\n":                   "Malformed frame.",
		"SEND\ndestination:/queue/q\n\n" + strings.Repeat("x", 5000):                  "Malformed frame.",
		"SUBSCRIBE\nid:s\ndestination:/queue/q\nselector:a > > 1\n\n^@":               "Invalid selector.",
		"SEND\ndestination:/queue/\n\n^@":                                             "Invalid header.",
		"SEND\ndestination:/queue/q\nquorate-producer:p\n\n^@":                        "Invalid header.",
	} {
		c := h.login()
		c.say(in)
		f, err := c.read()
		if err != nil {
			t.Errorf("%.60q: %v", in, err)
			continue
		}
		if f.Command != frame.Error || f.Value("message") != want {
			t.Errorf("%.60q: %s", in, print(f))
		}
		if f, err := c.read(); err != io.EOF {
			t.Errorf("%.60q: afterwards %v, %v", in, f, err)
		}
	}
}

// A message sent again with its number is confirmed and not kept twice [M16].
func TestSentTwiceIsKeptOnce(t *testing.T) {
	h := newHouse(t, broker.Limits{}, nil)
	c := h.login()
	for i := range 3 {
		c.say(fmt.Sprintf("SEND\ndestination:/queue/q\npersistent:true\nreceipt:%d\nquorate-producer:p\nquorate-sequence:%d\n\n%d^@", i, i/2+1, i))
		c.want(frame.Receipt)
	}
	c.say("SUBSCRIBE\nid:s\ndestination:/queue/q\n\n^@")
	for _, want := range []string{"0", "2"} {
		if f := c.want(frame.Message); string(f.Body) != want || f.Value("quorate-producer") != "" {
			t.Errorf("%s, want %s", print(f), want)
		}
	}
}

// A client that does not number its messages gives them ids.
func TestSentTwiceUnderOneID(t *testing.T) {
	h := newHouse(t, broker.Limits{}, nil)
	c := h.login()
	for i, where := range []string{"/queue/q", "/queue/q", "/queue/other", "/queue/q"} {
		id := "id"
		if i == 3 {
			id = "another"
		}
		c.say(fmt.Sprintf("SEND\ndestination:%s\npersistent:true\nreceipt:%d\nduplicate-id:%s\n\n%d^@", where, i, id, i))
		c.want(frame.Receipt)
	}
	c.say("SUBSCRIBE\nid:s\ndestination:/queue/q\n\n^@SUBSCRIBE\nid:o\ndestination:/queue/other\n\n^@")
	got := map[string]string{}
	for range 3 {
		f := c.want(frame.Message)
		got[string(f.Body)] = f.Value("duplicate-id")
	}
	if want := map[string]string{"0": "id", "2": "id", "3": "another"}; !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	c.say("SEND\ndestination:/queue/q\nduplicate-id:" + strings.Repeat("x", broker.MaxDuplicateID+1) + "\n\n^@")
	c.want(frame.Error)
}

// Ten thousand idle connections are affordable: here are some of them.
func TestIdleConnectionsAreSmall(t *testing.T) {
	const n = 500
	h := newHouse(t, broker.Limits{}, nil)
	conns := make([]*peer, n)
	for i := range conns {
		conns[i] = h.dial()
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for _, c := range conns {
		c.say("CONNECT\naccept-version:1.2\n\n^@")
		if _, err := io.ReadFull(c, make([]byte, 60)); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := (int64(after.HeapAlloc+after.StackInuse) - int64(before.HeapAlloc+before.StackInuse)) / n
	t.Logf("%d bytes for an idle connection", each)
	if each > 10<<10 {
		t.Errorf("%d bytes for an idle connection", each)
	}
	if g := runtime.NumGoroutine(); g > n+100 {
		t.Errorf("%d goroutines for %d connections", g, n)
	}
}

func BenchmarkSendAndReceive(b *testing.B) {
	h := newHouse(b, broker.Limits{}, nil)
	c := h.login()
	c.say("SUBSCRIBE\nid:s\ndestination:/queue/q\nreceipt:s\n\n^@")
	c.want(frame.Receipt)
	wire := (&frame.Frame{Command: frame.Send, Body: bytes.Repeat([]byte("x"), 1024), Counted: true,
		Headers: []frame.Header{{Name: "destination", Value: "/queue/q"}}}).Append(nil, frame.V12)
	b.ReportAllocs()
	b.ResetTimer()
	go func() {
		for range b.N {
			if _, err := c.Write(wire); err != nil {
				return
			}
		}
	}()
	for range b.N {
		if _, err := c.r.Read(); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzConversation says whatever comes to a broker after a login: it may
// refuse it, but goes on serving others.
func FuzzConversation(f *testing.F) {
	for _, s := range []string{
		"SUBSCRIBE\nid:1\ndestination:/queue/q\nack:client\n\n\x00SEND\ndestination:/queue/q\nreceipt:r\n\nx\x00ACK\nid:1\n\n\x00",
		"BEGIN\ntransaction:t\n\n\x00SEND\ndestination:/topic/t\ntransaction:t\n\nx\x00COMMIT\ntransaction:t\n\n\x00DISCONNECT\nreceipt:r\n\n\x00",
		"SUBSCRIBE\nid:1\ndestination:/temp-queue/x?consumer.prefetchSize=1\nbrowser:true\n\n\x00UNSUBSCRIBE\nid:1\n\n\x00",
		"SEND\ndestination:/queue/a,b\ncontent-length:3\nexpires:1\n\na\x00b\x00\n\n",
	} {
		f.Add([]byte(s))
	}
	h := newHouse(f, broker.Limits{}, nil)
	f.Fuzz(func(t *testing.T, b []byte) {
		mine, theirs := net.Pipe()
		done := make(chan error, 1)
		go func() { done <- Serve(t.Context(), theirs, h.broker, h.opt) }()
		go io.Copy(io.Discard, mine)
		mine.Write([]byte("CONNECT\naccept-version:1.2\n\n\x00"))
		mine.SetWriteDeadline(time.Now().Add(10 * time.Second))
		mine.Write(b)
		mine.Close()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			stacks := make([]byte, 1<<20)
			t.Fatalf("the conversation does not end:\n%s", stacks[:runtime.Stack(stacks, true)])
		}
	})
}
