package cli

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/quorate/quorate/console"
)

// What a demo is.
const (
	demoNodes    = 3
	demoLinks    = 10              // the replication ports begin this much above the STOMP ports
	demoComeback = 5 * time.Second // after which a node that died is started again
	demoGrace    = 10 * time.Second
)

func demoCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "demo",
		Short: "Run three nodes on this machine, to try a failover",
		Long: `Runs three nodes as processes on loopback, which elect a master among themselves,
and shows their logs. A node that dies is started again after a few seconds.
Ctrl-C stops all three.`,
		Args: cobra.NoArgs,
	}
	dir := c.Flags().String("dir", "", "directory for the data; without one it is temporary, and removed at the end")
	base := c.Flags().Int("base-port", 61613, "STOMP port of the first node; the others have the next two, replication is "+fmt.Sprint(demoLinks)+" above")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return runDemo(c.Context(), c.OutOrStdout(), *dir, *base)
	}
	return c
}

// A demo is three child processes and their output.
type demo struct {
	bin   string
	dir   string
	base  int
	token string
	out   *prefixed
	paint painter
	nodes []*demoNode
}

type demoNode struct {
	number int
	dir    string

	mu  sync.Mutex
	cmd *exec.Cmd // nil while it does not run
}

func runDemo(ctx context.Context, out io.Writer, dir string, base int) error {
	if base < 1 || base+demoLinks+demoNodes > 65535 {
		return fmt.Errorf("--base-port %d: want 1 to %d", base, 65535-demoLinks-demoNodes)
	}
	bin, err := self()
	if err != nil {
		return err
	}
	if dir == "" {
		if dir, err = os.MkdirTemp("", "quorate-demo-"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	}
	d := &demo{bin: bin, dir: dir, base: base, token: rand.Text(), out: &prefixed{w: out}, paint: paintFor(out)}
	if err := d.portsFree(); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var wg sync.WaitGroup
	for i := range demoNodes {
		n := &demoNode{number: i + 1, dir: filepath.Join(dir, fmt.Sprintf("node%d", i+1))}
		d.nodes = append(d.nodes, n)
	}
	for _, n := range d.nodes {
		wg.Go(func() { d.keep(ctx, n) })
	}
	wg.Go(func() { d.explain(ctx) })
	wg.Wait()
	d.out.line(d.paint.in(bold, "all nodes have stopped"))
	return nil
}

func (d *demo) stomp(n int) string { return fmt.Sprintf("127.0.0.1:%d", d.base+n-1) }
func (d *demo) link(n int) string  { return fmt.Sprintf("127.0.0.1:%d", d.base+demoLinks+n-1) }

// portsFree says at once what three logs would say later.
func (d *demo) portsFree() error {
	var errs []error
	for i := 1; i <= demoNodes; i++ {
		for _, a := range []string{d.stomp(i), d.link(i)} {
			ln, err := net.Listen("tcp", a)
			if err != nil {
				errs = append(errs, fmt.Errorf("port %s is taken: give another --base-port (%w)", a, err))
				continue
			}
			ln.Close()
		}
	}
	return errors.Join(errs...)
}

// keep runs one node until ctx ends, and again when it dies. Its goroutine
// keeps its thread, since the system ends the child with the thread that
// started it.
func (d *demo) keep(ctx context.Context, n *demoNode) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for ctx.Err() == nil {
		err := d.run(ctx, n)
		if ctx.Err() != nil {
			return
		}
		d.out.line(d.paint.in(bold, fmt.Sprintf("node%d has ended (%v); it is started again in %v and comes back as a slave", n.number, err, demoComeback)))
		select {
		case <-ctx.Done():
		case <-time.After(demoComeback):
		}
	}
}

// run runs one node once.
func (d *demo) run(ctx context.Context, n *demoNode) error {
	var peers []string
	for i := 1; i <= demoNodes; i++ {
		peers = append(peers, d.link(i))
	}
	cmd := exec.Command(d.bin, "console", "--broker-name=demo", "--data="+n.dir,
		"--peers="+strings.Join(peers, ","), "--self="+d.link(n.number), "--bind="+d.link(n.number), "--stomp="+d.stomp(n.number))
	cmd.Env = append(os.Environ(), "QUORATE_SECURITY_TOKEN="+d.token)
	cmd.SysProcAttr = childOfMine()
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return err
	}
	n.running(cmd)
	defer n.running(nil)
	finished := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		select {
		case <-finished:
			return
		case <-ctx.Done():
			cmd.Process.Signal(syscall.SIGTERM)
		}
		select {
		case <-finished:
		case <-time.After(demoGrace):
			cmd.Process.Kill()
		}
	})
	prefix := d.paint.in([]string{cyan, yellow, green}[n.number-1], fmt.Sprintf("node%d", n.number)) + " | "
	d.out.copy(pipe, prefix)
	err = cmd.Wait()
	close(finished)
	wg.Wait()
	if err == nil {
		return errors.New("exit code 0")
	}
	return err
}

func (n *demoNode) running(cmd *exec.Cmd) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cmd = cmd
}

func (n *demoNode) pid() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd == nil {
		return 0
	}
	return n.cmd.Process.Pid
}

// explain waits for each new master and says what can be tried now.
func (d *demo) explain(ctx context.Context) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	term := uint64(0) // of the master that was announced
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, n := range d.nodes {
			pid := n.pid()
			if pid == 0 {
				continue
			}
			ask, cancel := context.WithTimeout(ctx, time.Second)
			st, err := console.NewClient(filepath.Join(n.dir, "quorate.sock")).Status(ask)
			cancel()
			if err == nil && st.Role == console.Master && st.Ready && st.Term > term {
				d.announce(n, pid, term == 0)
				term = st.Term
			}
		}
	}
}

func (d *demo) announce(n *demoNode, pid int, first bool) {
	if !first {
		d.out.line(d.paint.in(bold, fmt.Sprintf("node%d is master now (process %d)", n.number, pid)))
		return
	}
	var urls []string
	for i := 1; i <= demoNodes; i++ {
		urls = append(urls, "stomp://"+d.stomp(i))
	}
	url := "failover:(" + strings.Join(urls, ",") + ")"
	d.out.line(d.paint.in(bold, fmt.Sprintf(`
Three nodes are up, and node%[1]d is master. In other terminals:

  %[2]s consumer --broker-url "%[3]s" --destination /queue/demo
  %[2]s producer --broker-url "%[3]s" --destination /queue/demo --rate 100 --count 0

then kill the master, and see what they say:

  kill -9 %[4]d

Who is master, and how far the others are:

  %[2]s cluster status --data %[5]s
  %[2]s cluster transfer --data %[5]s

Ctrl-C stops all three.
`, n.number, os.Args[0], url, pid, n.dir)))
}

// prefixed writes whole lines of several sources.
type prefixed struct {
	mu sync.Mutex
	w  io.Writer
}

func (p *prefixed) line(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	io.WriteString(p.w, text+"\n")
}

// copy copies lines until the source ends. An overlong one is cut in pieces.
func (p *prefixed) copy(r io.Reader, prefix string) {
	in := bufio.NewReaderSize(r, 64<<10)
	for {
		raw, _, err := in.ReadLine()
		if err != nil {
			return
		}
		p.line(prefix + string(raw))
	}
}
