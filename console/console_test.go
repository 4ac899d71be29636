package console

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/quorate/quorate/message"
)

// station is a node that remembers what it was told.
type station struct {
	status  Status
	to      string
	err     error
	stopped atomic.Bool
}

func (s *station) Status() Status { return s.status }
func (s *station) Stop()          { s.stopped.Store(true) }
func (s *station) Explain(d message.Destination) Explanation {
	return Explanation{Destination: d.String()}
}
func (s *station) Transfer(_ context.Context, to string) error {
	s.to = to
	return s.err
}

func (s *station) Destinations() ([]Destination, error) {
	return []Destination{{Name: "queue://q", Pending: 3}}, s.err
}

func (s *station) Groups(_ context.Context, queue string) ([]Group, error) {
	return []Group{{Name: "g of " + queue}}, s.err
}

func (s *station) Jobs(after JobPlace, n int) ([]Job, error) {
	return []Job{{JobPlace: JobPlace{after.Due + 1, after.ID + uint64(n)}}}, s.err
}

func (s *station) Operate(_ context.Context, o Operation) (string, error) {
	return o.Do + " " + o.Queue, s.err
}

// serve runs a server at path until the test ends.
func serve(t *testing.T, path string, n Managed) *Client {
	t.Helper()
	ln, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- New(n, slog.New(slog.DiscardHandler)).Run(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("the socket is left behind")
		}
	})
	return NewClient(path)
}

func TestConversation(t *testing.T) {
	n := &station{status: Status{Broker: "b", Role: Slave, Reason: "catching up", Members: []Member{{Seat: "h1:1", Up: true}}}}
	// A directory deep enough that the path does not fit into an address.
	dir := filepath.Join(t.TempDir(), strings.Repeat("d", 90), strings.Repeat("e", 90))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "quorate.sock")
	c := serve(t, path, n)
	ctx := t.Context()

	st, err := c.Status(ctx)
	if err != nil || st.Broker != "b" || len(st.Members) != 1 {
		t.Fatalf("status %+v, %v", st, err)
	}
	if h, err := c.Health(ctx); err != nil || h.Ready || h.Reason != "catching up" {
		t.Errorf("health %+v, %v", h, err)
	}
	if _, err := c.Transfer(ctx, "h2:1"); err != nil || n.to != "h2:1" {
		t.Errorf("transfer to %q, %v", n.to, err)
	}
	n.err = errors.New("h2:1 lags by 17 entries")
	if _, err := c.Transfer(ctx, ""); err == nil || err.Error() != n.err.Error() {
		t.Errorf("transfer: %v", err)
	}
	d := message.Destination{Kind: message.Topic, Name: "a b&c"}
	if x, err := c.Explain(ctx, d); err != nil || x.Destination != d.String() {
		t.Errorf("explanation %+v, %v", x, err)
	}
	if _, err := c.Explain(ctx, message.Destination{Kind: message.Queue}); err == nil || !strings.Contains(err.Error(), "has no name") {
		t.Errorf("explanation of nothing: %v", err)
	}
	if err := c.Stop(ctx); err != nil || !n.stopped.Load() {
		t.Errorf("stop: %v", err)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("rights %v, %v", info.Mode(), err)
	}
}

func TestSecondNodeIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	serve(t, path, &station{})
	if _, err := Listen(path); !errors.Is(err, ErrInUse) {
		t.Errorf("got %v", err)
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	c := NewClient(path)
	if _, err := c.Status(t.Context()); !errors.Is(err, ErrNotRunning) {
		t.Errorf("a dead socket gives %v", err)
	}
	c = serve(t, path, &station{})
	if _, err := c.Status(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestFileInTheWay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(path); err == nil {
		t.Error("a file was taken for a socket")
	}
	if raw, _ := os.ReadFile(path); string(raw) != "precious" {
		t.Error("the file is gone")
	}
}

func TestMessaging(t *testing.T) {
	n := &station{}
	c := serve(t, filepath.Join(t.TempDir(), "quorate.sock"), n)
	ctx := t.Context()
	list, err := c.Destinations(ctx)
	if err != nil || len(list) != 1 || list[0].Pending != 3 {
		t.Fatalf("%v, %v", list, err)
	}
	groups, err := c.Groups(ctx, "a&b c")
	if err != nil || groups[0].Name != "g of a&b c" {
		t.Fatalf("%v, %v", groups, err)
	}
	jobs, err := c.Jobs(ctx, JobPlace{5, 7})
	if err != nil || jobs[0].JobPlace != (JobPlace{6, 7 + jobsPage}) {
		t.Fatalf("%v, %v", jobs, err)
	}
	said, err := c.Operate(ctx, Operation{Do: "purge", Queue: "q"})
	if err != nil || said != "purge q" {
		t.Fatalf("%q, %v", said, err)
	}
	n.err = ErrNotMaster
	if _, err := c.Operate(ctx, Operation{Do: "purge"}); err == nil || err.Error() != ErrNotMaster.Error() {
		t.Fatalf("%v", err)
	}
}
