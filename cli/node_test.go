package cli

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/quorate/quorate/console"
	"github.com/quorate/quorate/message"
)

func TestPIDFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "quorate.pid")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("1\n"), 0o644); err != nil { // left behind; process 1 lives
		t.Fatal(err)
	}
	if pid, running := runningPID(path); running {
		t.Errorf("process %d is taken for a node", pid)
	}
	p, err := takePIDFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if pid, running := runningPID(path); !running || pid != os.Getpid() {
		t.Errorf("got %d, %v", pid, running)
	}
	if _, err := takePIDFile(path); err == nil || !strings.Contains(err.Error(), "running already") {
		t.Errorf("taken twice: %v", err)
	}
	p.release()
	if _, err := os.Stat(path); err == nil {
		t.Error("the file is left behind")
	}
}

// worker is a node that runs until it may end.
type worker struct {
	started chan struct{}
	stop    chan struct{}
	finish  chan struct{} // closed: a stop completes
}

func newWorker() *worker {
	return &worker{started: make(chan struct{}), stop: make(chan struct{}), finish: make(chan struct{})}
}

func (w *worker) Stop() { close(w.stop) }
func (w *worker) Run(ctx context.Context) error {
	close(w.started)
	select {
	case <-ctx.Done():
		return errors.New("cut short")
	case <-w.stop:
	}
	select {
	case <-ctx.Done():
		return errors.New("cut short")
	case <-w.finish:
		return nil
	}
}

func TestSignals(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	run := func(w *worker, limit time.Duration) chan error {
		done := make(chan error, 1)
		go func() { done <- runUntilSignal(t.Context(), w, limit, quiet) }()
		<-w.started
		return done
	}
	kill := func() {
		if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("a first one is graceful", func(t *testing.T) {
		w := newWorker()
		done := run(w, time.Minute)
		kill()
		<-w.stop
		close(w.finish)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Run("a second one is not", func(t *testing.T) {
		w := newWorker()
		done := run(w, time.Minute)
		kill()
		<-w.stop
		kill()
		if err := <-done; err != exit(130) {
			t.Error(err)
		}
	})
	t.Run("a stop has a limit", func(t *testing.T) {
		w := newWorker()
		done := run(w, time.Millisecond)
		kill()
		if err := <-done; err == nil || err.Error() != "cut short" {
			t.Error(err)
		}
	})
}

// station answers at a management socket.
type station struct {
	status console.Status
	to     chan string
	done   chan console.Operation
}

func (s *station) Destinations() ([]console.Destination, error) {
	return []console.Destination{
		{Name: "queue://orders.eu", Pending: 12, Bytes: 3 << 20, Consumers: 2, Enqueued: 20, Dequeued: 8},
		{Name: "queue://orders.us", Paused: true},
		{Name: "topic://news", Subscription: "s", Client: "c", Pending: 1, Bytes: 10},
		{Name: "topic://ActiveMQ.Advisory.Connection", Enqueued: 7},
	}, nil
}

func (s *station) Groups(_ context.Context, queue string) ([]console.Group, error) {
	return []console.Group{{Name: "g", Consumer: "10.0.0.1:5", Outstanding: 3}}, nil
}

func (s *station) Jobs(after console.JobPlace, _ int) ([]console.Job, error) {
	if after.Due > 0 {
		return nil, nil
	}
	at := time.Date(2026, 12, 24, 18, 0, 0, 0, time.Local)
	return []console.Job{
		{JobPlace: console.JobPlace{Due: 1, ID: 1}, Name: "job-1", At: at, Destination: "queue://q", Bytes: 100},
		{JobPlace: console.JobPlace{Due: 2, ID: 2}, Name: "job-2", At: at, Destination: "queue://q", Period: "1m0s", Left: 3},
	}, nil
}

func (s *station) Operate(_ context.Context, o console.Operation) (string, error) {
	s.done <- o
	return o.Do + " is done", nil
}

func (s *station) Status() console.Status { return s.status }
func (s *station) Stop()                  {}
func (s *station) Explain(d message.Destination) console.Explanation {
	return console.Explanation{Destination: d.String(), File: "of the node"}
}
func (s *station) Transfer(_ context.Context, to string) error {
	s.to <- to
	s.status.Master = to
	return nil
}

// serve gives the data directory of a node that says so.
func serve(t *testing.T, st console.Status) (string, *station) {
	t.Helper()
	dir := t.TempDir()
	ln, err := console.Listen(filepath.Join(dir, "quorate.sock"))
	if err != nil {
		t.Fatal(err)
	}
	s := &station{status: st, to: make(chan string, 1), done: make(chan console.Operation, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- console.New(s, slog.New(slog.DiscardHandler)).Run(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return dir, s
}

func TestCluster(t *testing.T) {
	members := []console.Member{
		{Seat: "h1:61619", Up: true, Position: 120, Role: console.Master},
		{Seat: "h2:61619", Up: true, Position: 100, Lag: 20, Role: console.Slave, Learning: true},
		{Seat: "h3:61619", Position: 90, SilentFor: 61_234},
		{Seat: "h4:61619", Up: true, Position: 120, Role: console.Slave, Unfit: "port taken"},
		{Seat: "?", Vacant: true},
	}
	base := console.Status{Broker: "b", Election: "peers", Replicas: 5, Quorum: 3, Term: 7, Master: "h1:61619",
		Guarantee: "a confirmed message is flushed to disk by 3 of 5 nodes", Members: members}
	slave, master := base, base
	slave.Node, slave.Role = "h4:61619", console.Slave
	master.Node, master.Role, master.Ready = "h1:61619", console.Master, true
	slaveDir, _ := serve(t, slave)
	masterDir, boss := serve(t, master)

	stdout, stderr, code := quorate(t, "cluster", "status", "--data", slaveDir, "--data", masterDir)
	if code != 0 || stderr != "" {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	golden(t, "testdata/cluster-status.golden", stdout)

	if _, stderr, code := quorate(t, "cluster", "transfer", "--data", slaveDir); code != 1 || !strings.Contains(stderr, "run this on the machine of h1:61619") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	stdout, stderr, code = quorate(t, "cluster", "transfer", "h4:61619", "--data", slaveDir, "--data", masterDir)
	if to := <-boss.to; code != 0 || to != "h4:61619" || !strings.Contains(stdout, "h1:61619 has handed over to h4:61619") {
		t.Errorf("exit code %d, to %q: %s%s", code, to, stdout, stderr)
	}
	stdout, _, code = quorate(t, "cluster", "status", "--json", "--data", slaveDir)
	if code != 0 || !strings.Contains(stdout, `"seat": "h3:61619"`) {
		t.Errorf("exit code %d, %s", code, stdout)
	}
	orphan := base
	orphan.Node, orphan.Role, orphan.Master, orphan.Reason = "h4:61619", console.Electing, "", "no master is known"
	orphanDir, _ := serve(t, orphan)
	if stdout, _, code := quorate(t, "cluster", "status", "--data", orphanDir); code != 1 || !strings.Contains(stdout, "master none") {
		t.Errorf("exit code %d, %s", code, stdout)
	}
}

func TestShares(t *testing.T) {
	tr := &traffic{count: 10, threads: 3}
	if a, b, c := tr.share(0), tr.share(1), tr.share(2); a != 4 || b != 3 || c != 3 {
		t.Errorf("got %d, %d, %d", a, b, c)
	}
	for in, want := range map[string]string{"queue://A": "/queue/A", "topic://A": "/topic/A", "A": "/queue/A", "/temp-queue/A": "/temp-queue/A"} {
		tr := &traffic{destination: in, threads: 1}
		if err := tr.prepare(&bytes.Buffer{}); err != nil || tr.destination != want {
			t.Errorf("%s is %s, %v", in, tr.destination, err)
		}
	}
}

func TestNoColoursInAFile(t *testing.T) {
	if p := paintFor(&bytes.Buffer{}); p.in(red, "x") != "x" {
		t.Error("colours where there is no terminal")
	}
}

// TestExplainAsks: without a file the node is asked, if one runs; what is given
// on the command line is a configuration of its own.
func TestExplainAsks(t *testing.T) {
	dir, _ := serve(t, console.Status{})
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--data", dir}, "read from    of the node"},
		{[]string{"--data", dir, "-c", "../node/testdata/messaging.xml"}, "read from    ../node/testdata/messaging.xml"},
		{[]string{"--data", dir, "--temp-usage", "1 gb"}, "read from    no file"},
		{[]string{"--data", t.TempDir()}, "read from    no file"},
	} {
		stdout, stderr, code := quorate(t, append([]string{"explain", "queue", "q"}, c.args...)...)
		if code != 0 || !strings.Contains(stdout, c.want) {
			t.Errorf("%v: exit code %d, %s%s", c.args, code, stdout, stderr)
		}
	}
}

func TestQueueCommands(t *testing.T) {
	dir, st := serve(t, console.Status{Role: console.Master})
	for _, c := range []struct {
		args string
		want string
	}{
		{"queue list", `DESTINATION            PENDING  SIZE    CONSUMERS  ENQUEUED  DEQUEUED  EXPIRED  DEAD  
queue://orders.eu      12       3.0 mb  2          20        8         0        0     
queue://orders.us      0        0 b     0          0         0         0        0     paused
topic://news (s of c)  1        10 b    0          0         0         0        0     
`},
		{"queue list orders.*.x", "DESTINATION  PENDING  SIZE  CONSUMERS  ENQUEUED  DEQUEUED  EXPIRED  DEAD  \n"},
		{"queue groups q", "GROUP  CONSUMER    OUTSTANDING  WAITING\ng      10.0.0.1:5  3            0\n"},
		{"job list", `JOB    AT                   DESTINATION  SIZE   REPEATED
job-1  2026-12-24 18:00:00  queue://q    100 b  
job-2  2026-12-24 18:00:00  queue://q    0 b    3 more, every 1m0s
`},
		{"job list --count 1", "JOB    AT                   DESTINATION  SIZE   REPEATED\njob-1  2026-12-24 18:00:00  queue://q    100 b  \n"},
	} {
		if out, _, code := quorate(t, append(strings.Fields(c.args), "--data", dir)...); out != c.want || code != 0 {
			t.Errorf("%s: code %d\n%s", c.args, code, out)
		}
	}
	for args, want := range map[string]console.Operation{
		"queue purge queue://q":               {Do: "purge", Queue: "q"},
		"queue pause q":                       {Do: "pause", Queue: "q"},
		"queue retry ActiveMQ.DLQ":            {Do: "retry", Queue: "ActiveMQ.DLQ"},
		"queue drop-group q g":                {Do: "drop-group", Queue: "q", Group: "g"},
		"job remove job-1":                    {Do: "remove-job", Job: "job-1"},
		"job move job-1 2026-12-24T18:00:00Z": {Do: "move-job", Job: "job-1", At: time.Date(2026, 12, 24, 18, 0, 0, 0, time.UTC)},
	} {
		out, _, code := quorate(t, append(strings.Fields(args), "--data", dir)...)
		if o := <-st.done; code != 0 || out != want.Do+" is done\n" || o != want {
			t.Errorf("%s: code %d, %q, %+v", args, code, out, o)
		}
	}
}

// Only the master is asked to do something.
func TestQueueCommandsNeedTheMaster(t *testing.T) {
	dir, _ := serve(t, console.Status{Role: console.Slave, Master: "node2:61619"})
	_, errs, code := quorate(t, "queue", "purge", "q", "--data", dir)
	if code == 0 || !strings.Contains(errs, "node2:61619") {
		t.Errorf("code %d: %s", code, errs)
	}
}
