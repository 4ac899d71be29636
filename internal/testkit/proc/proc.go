// Package proc runs nodes of the real binary as processes for tests: started,
// stopped, killed, paused and resumed by pid.
package proc

import (
	"context"
	"errors"
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
)

// Binary builds the product once a test process and gives its path.
var Binary = sync.OnceValues(func() (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	bin := filepath.Join(root, "bin", "quorate")
	args := []string{"build", "-o", bin, "./cmd/quorate"}
	if os.Getenv("QUORATE_RACE") != "" {
		args = []string{"build", "-race", "-o", bin, "./cmd/quorate"}
	}
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return bin, nil
})

// Root gives the root of the repository.
func Root() (string, error) {
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		return "", errors.New("no caller information")
	}
	return filepath.Join(filepath.Dir(file), "..", "..", ".."), nil
}

// Ports gives n free ports of loopback. They were free a moment ago.
func Ports(n int) ([]int, error) {
	var ports []int
	var open []net.Listener
	defer func() {
		for _, l := range open {
			l.Close()
		}
	}()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		open = append(open, l)
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// A Node is one node of a cluster, running or not.
type Node struct {
	Name   string
	Dir    string   // its data directory
	Stomp  string   // host:port of its STOMP connector
	Link   string   // host:port of its links
	Args   []string // how it is started
	Prefix []string // a command to run it with, such as ip netns exec NAME
	Log    *Lines

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// Start starts the process. Its output goes to n.Log.
func (n *Node) Start() error {
	bin, err := Binary()
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.Log == nil {
		n.Log = newLines()
	}
	argv := append(append(append([]string{}, n.Prefix...), bin), n.Args...)
	cmd := exec.Command(argv[0], argv[1:]...)
	// A node outlives no test process, however that ends.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	r, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	var echo io.Writer
	if os.Getenv("QUORATE_ECHO") != "" {
		echo = prefixed{n.Name}
	}
	done := make(chan struct{})
	started := make(chan error, 1)
	go func() {
		// Pdeathsig follows the thread: keep it for the life of the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		err = cmd.Wait()
		w.Close()
		n.mu.Lock()
		n.err = err
		n.mu.Unlock()
		close(done)
	}()
	go n.Log.read(r, echo)
	if err := <-started; err != nil {
		w.Close()
		return err
	}
	n.cmd, n.done = cmd, done
	return nil
}

type prefixed struct{ name string }

func (p prefixed) Write(b []byte) (int, error) {
	return fmt.Fprintf(os.Stderr, "%s: %s", p.name, b)
}

// Running reports whether the process lives.
func (n *Node) Running() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.done == nil {
		return false
	}
	select {
	case <-n.done:
		return false
	default:
		return true
	}
}

// Pid gives the process, 0 when none runs.
func (n *Node) Pid() int {
	if !n.Running() {
		return 0
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cmd.Process.Pid
}

func (n *Node) signal(s syscall.Signal) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd == nil {
		return fmt.Errorf("%s does not run", n.Name)
	}
	return n.cmd.Process.Signal(s)
}

// Kill ends the process as a crash does and waits for its end.
func (n *Node) Kill() error {
	if err := n.signal(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-n.done
	return nil
}

// Pause stops the process as a machine that hangs; Resume lets it go on.
func (n *Node) Pause() error  { return n.signal(syscall.SIGSTOP) }
func (n *Node) Resume() error { return n.signal(syscall.SIGCONT) }

// Stop asks the process to end in order, and waits.
func (n *Node) Stop(ctx context.Context) error {
	if err := n.signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-n.done:
		n.mu.Lock()
		defer n.mu.Unlock()
		return n.err
	case <-ctx.Done():
		return fmt.Errorf("%s does not stop: %w", n.Name, ctx.Err())
	}
}

// Accepts reports whether the node's STOMP port accepts connections.
func (n *Node) Accepts() bool {
	c, err := net.DialTimeout("tcp", n.Stomp, time.Second)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// RSS gives the resident memory in bytes.
func (n *Node) RSS() (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", n.Pid()))
	if err != nil {
		return 0, err
	}
	var size, rss int64
	if _, err := fmt.Sscan(string(b), &size, &rss); err != nil {
		return 0, err
	}
	return rss * int64(os.Getpagesize()), nil
}

// Cleanup kills what runs at the end of the test, and shows the last lines of
// each log when the test failed.
func Cleanup(t testing.TB, nodes []*Node) {
	t.Cleanup(func() {
		for _, n := range nodes {
			if n.Running() {
				_ = n.Resume()
				_ = n.Kill()
			}
			if t.Failed() && n.Log != nil {
				t.Logf("--- the end of the log of %s\n%s", n.Name, n.Log.Tail(60))
			}
		}
	})
}
