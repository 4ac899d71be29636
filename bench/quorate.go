package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/quorate/quorate/internal/testkit/proc"
)

func newSystem(name string) (system, error) {
	switch name {
	case "quorate":
		return &quorate{}, nil
	case "nats":
		return &nats{made: map[string]bool{}}, nil
	case "rabbitmq":
		return &rabbit{}, nil
	}
	return nil, fmt.Errorf("broker %q is not one of quorate, nats, rabbitmq", name)
}

// children are server processes that end with the bench.
type children struct{ cmds []*exec.Cmd }

func (c *children) start(log string, env []string, argv ...string) error {
	f, err := os.Create(log)
	if err != nil {
		return err
	}
	defer f.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = f, f
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return err
	}
	c.cmds = append(c.cmds, cmd)
	return nil
}

func (c *children) Stop() {
	for _, cmd := range c.cmds {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	}
	c.cmds = nil
}

func (c *children) Pids() []int {
	var p []int
	for _, cmd := range c.cmds {
		p = append(p, cmd.Process.Pid)
	}
	return p
}

// quorate is three nodes that elect among themselves.
type quorate struct {
	children
	stomp []string
}

func (q *quorate) Name() string { return "quorate" }

func (q *quorate) Start(dir string) error {
	bin, err := proc.Binary()
	if err != nil {
		return err
	}
	ports, err := proc.Ports(6)
	if err != nil {
		return err
	}
	peers := fmt.Sprintf("127.0.0.1:%d,127.0.0.1:%d,127.0.0.1:%d", ports[0], ports[1], ports[2])
	for i := range 3 {
		d := filepath.Join(dir, fmt.Sprintf("n%d", i))
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
		q.stomp = append(q.stomp, fmt.Sprintf("127.0.0.1:%d", ports[3+i]))
		xml := fmt.Sprintf(`<broker xmlns="http://activemq.apache.org/schema/core" brokerName="bench" dataDirectory="%s">
  <persistenceAdapter><replicatedLevelDB directory="%s/store" replicas="3" bind="tcp://127.0.0.1:%d" hostname="127.0.0.1" sync="quorum_disk" peers="%s"/></persistenceAdapter>
  <transportConnectors><transportConnector name="stomp" uri="stomp://%s"/></transportConnectors>
</broker>`, d, d, ports[i], peers, q.stomp[i])
		if err := os.WriteFile(d+".xml", []byte(xml), 0o644); err != nil {
			return err
		}
		if err := q.start(d+".log", nil, bin, "console", "--config", d+".xml"); err != nil {
			return err
		}
	}
	_, err = q.master()
	return err
}

func (q *quorate) master() (*stompConn, error) {
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		for _, a := range q.stomp {
			if c, err := dialStomp(a, ""); err == nil {
				return c, nil
			}
		}
		<-time.After(10 * time.Millisecond)
	}
	return nil, errors.New("no master")
}

func (q *quorate) Producer(queue string, window, size int) (producer, error) {
	c, err := q.master()
	if err != nil {
		return nil, err
	}
	c.destination, c.window, c.size = "/queue/"+queue, window, size
	return c, nil
}

func (q *quorate) Consumer(queue string, prefetch int) (consumer, error) {
	c, err := q.master()
	if err != nil {
		return nil, err
	}
	c.destination = "/queue/" + queue
	return c, c.subscribe(prefetch)
}

// waitPort waits until somebody listens.
func waitPort(addr string, d time.Duration) error {
	deadline := time.Now().Add(d)
	for time.Now().Before(deadline) {
		if c, err := net.Dial("tcp", addr); err == nil {
			return c.Close()
		}
		<-time.After(50 * time.Millisecond)
	}
	return fmt.Errorf("nobody listens on %s after %v", addr, d)
}

func output(argv ...string) error {
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, out)
	}
	return nil
}
