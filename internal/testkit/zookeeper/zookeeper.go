// Package zookeeper runs a real ZooKeeper ensemble of Debian's package for
// tests: three servers on free ports of loopback, each of which can be killed,
// paused, resumed and started again. Nothing stands in for it.
package zookeeper

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/quorate/quorate/internal/testkit/proc"
)

const (
	jar  = "/usr/share/java/zookeeper.jar"
	main = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
)

// Options of an ensemble. The zero value is three servers on 127.0.0.1 with the
// article's numbers.
type Options struct {
	Servers  int    // 3
	Host     string // 127.0.0.1; what the servers bind to
	TickTime time.Duration
}

// An Ensemble is the servers, running or not.
type Ensemble struct {
	t       testing.TB
	o       Options
	dir     string
	servers []*server
}

// server is one member. Its process is replaced by a start after a kill.
type server struct {
	id                   int
	dir                  string
	client, peer, ballot int // ports

	mu     sync.Mutex
	cmd    *exec.Cmd
	exited chan struct{}
}

// New starts an ensemble and waits until it serves. It ends with the test. The
// test is skipped where the package is not installed, except in continuous
// integration.
func New(t testing.TB, o Options) *Ensemble {
	t.Helper()
	if _, err := os.Stat(jar); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("continuous integration needs Debian's zookeeper: %v", err)
		}
		t.Skipf("Debian's zookeeper is not installed: %v", err)
	}
	e := &Ensemble{t: t, o: o, dir: t.TempDir()}
	if e.o.Servers == 0 {
		e.o.Servers = 3
	}
	if e.o.Host == "" {
		e.o.Host = "127.0.0.1"
	}
	if e.o.TickTime == 0 {
		e.o.TickTime = 2 * time.Second
	}
	ports, err := proc.Ports(3 * e.o.Servers)
	if err != nil {
		t.Fatal(err)
	}
	for i := range e.o.Servers {
		p := ports[3*i:]
		e.servers = append(e.servers, &server{
			id: i + 1, dir: filepath.Join(e.dir, fmt.Sprintf("zk%d", i+1)), client: p[0], peer: p[1], ballot: p[2],
		})
	}
	t.Cleanup(e.end)
	for _, s := range e.servers {
		if err := e.configure(s); err != nil {
			t.Fatal(err)
		}
		e.Start(s.id - 1)
	}
	e.Await()
	return e
}

// Start starts an ensemble of three with the article's numbers.
func Start(t testing.TB) *Ensemble {
	t.Helper()
	return New(t, Options{})
}

// configure writes zoo.cfg and myid, as the article does.
func (e *Ensemble) configure(s *server) error {
	data := filepath.Join(s.dir, "data")
	if err := os.MkdirAll(data, 0o755); err != nil {
		return err
	}
	var cfg strings.Builder
	fmt.Fprintf(&cfg, "tickTime=%d\ninitLimit=10\nsyncLimit=5\ndataDir=%s\n", e.o.TickTime.Milliseconds(), data)
	fmt.Fprintf(&cfg, "clientPort=%d\nclientPortAddress=%s\nadmin.enableServer=false\n4lw.commands.whitelist=srvr,ruok\n", s.client, e.o.Host)
	for _, other := range e.servers {
		fmt.Fprintf(&cfg, "server.%d=%s:%d:%d\n", other.id, e.o.Host, other.peer, other.ballot)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "zoo.cfg"), []byte(cfg.String()), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(data, "myid"), fmt.Appendln(nil, s.id), 0o644)
}

// Connect gives the connect string of all servers, as zkAddress has it.
func (e *Ensemble) Connect() string { return strings.Join(e.Addrs(), ",") }

// Addrs gives the host:port of all servers.
func (e *Ensemble) Addrs() []string {
	var addrs []string
	for _, s := range e.servers {
		addrs = append(addrs, e.addr(s))
	}
	return addrs
}

func (e *Ensemble) addr(s *server) string { return fmt.Sprintf("%s:%d", e.o.Host, s.client) }

// Len is the number of servers.
func (e *Ensemble) Len() int { return len(e.servers) }

// Start starts server i, which is not running. It does not wait.
func (e *Ensemble) Start(i int) {
	e.t.Helper()
	s := e.servers[i]
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		e.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command("java", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
		"-cp", jar+":/usr/share/java/slf4j-simple.jar", main, filepath.Join(s.dir, "zoo.cfg"))
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, log, log
	// No server outlives the test process, however that ends.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	exited, started := make(chan struct{}), make(chan error, 1)
	go func() { // ends with the process
		// Pdeathsig follows the thread: keep it for the life of the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(exited)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		e.t.Fatalf("start ZooKeeper %d: %v", s.id, err)
	}
	s.mu.Lock()
	s.cmd, s.exited = cmd, exited
	s.mu.Unlock()
}

// StartAll starts every server that does not run, and waits until all serve.
func (e *Ensemble) StartAll() {
	e.t.Helper()
	for i, s := range e.servers {
		if !e.running(s) {
			e.Start(i)
		}
	}
	e.Await()
}

// Stop ends server i in order and waits for its end.
func (e *Ensemble) Stop(i int) {
	e.t.Helper()
	e.signal(e.servers[i], syscall.SIGTERM)
	<-e.servers[i].exited
}

// StopAll ends every server that runs.
func (e *Ensemble) StopAll() {
	e.t.Helper()
	for i, s := range e.servers {
		if e.running(s) {
			e.Stop(i)
		}
	}
}

// Kill ends server i as a power cut does.
func (e *Ensemble) Kill(i int) {
	e.t.Helper()
	s := e.servers[i]
	e.signal(s, syscall.SIGKILL)
	s.mu.Lock()
	exited := s.exited
	s.mu.Unlock()
	<-exited
}

// Pause stops server i's clock; its connections stay open and dumb.
func (e *Ensemble) Pause(i int) { e.t.Helper(); e.signal(e.servers[i], syscall.SIGSTOP) }

// Resume undoes Pause.
func (e *Ensemble) Resume(i int) { e.t.Helper(); e.signal(e.servers[i], syscall.SIGCONT) }

// PauseAll pauses every server.
func (e *Ensemble) PauseAll() {
	e.t.Helper()
	for i := range e.servers {
		e.Pause(i)
	}
}

// ResumeAll resumes every server.
func (e *Ensemble) ResumeAll() {
	e.t.Helper()
	for i := range e.servers {
		e.Resume(i)
	}
}

func (e *Ensemble) signal(s *server, sig syscall.Signal) {
	e.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	if err := s.cmd.Process.Signal(sig); err != nil {
		e.t.Errorf("%v to ZooKeeper %d: %v", sig, s.id, err)
	}
}

func (e *Ensemble) end() {
	for _, s := range e.servers {
		s.mu.Lock()
		cmd, exited := s.cmd, s.exited
		s.mu.Unlock()
		if cmd == nil {
			continue
		}
		_ = cmd.Process.Kill()
		<-exited
		if e.t.Failed() {
			e.t.Logf("ZooKeeper %d ended with:\n%s", s.id, tail(filepath.Join(s.dir, "log"), 2048))
		}
	}
}

func tail(file string, n int) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-n):])
}

// Await waits until every running server serves, and fails the test after a
// minute.
func (e *Ensemble) Await() {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for _, s := range e.servers {
		for e.running(s) && !e.serves(s) {
			select {
			case <-tick.C:
			case <-ctx.Done():
				e.t.Fatalf("ZooKeeper %d does not serve:\n%s", s.id, tail(filepath.Join(s.dir, "log"), 4096))
			}
		}
	}
}

func (e *Ensemble) running(s *server) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.exited:
		return false
	default:
		return s.cmd != nil
	}
}

// serves asks a server for its role: it has one once it belongs to a quorum.
func (e *Ensemble) serves(s *server) bool {
	c, err := net.DialTimeout("tcp", e.addr(s), time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	if _, err := c.Write([]byte("srvr")); err != nil {
		return false
	}
	answer, _ := io.ReadAll(c)
	return strings.Contains(string(answer), "Mode: ")
}
