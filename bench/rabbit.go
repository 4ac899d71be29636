package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/quorate/quorate/internal/testkit/proc"
)

// rabbit is three RabbitMQ nodes of Debian's package with quorum queues, over
// STOMP, receipts being its publisher confirmations.
type rabbit struct {
	children
	sbin, dir string
	ports     []int
	stomp     []string
	beams     []int
}

func (r *rabbit) Name() string { return "RabbitMQ quorum queues" }

func (r *rabbit) Start(dir string) error {
	lib, err := filepath.Glob("/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin")
	if err != nil || len(lib) == 0 {
		return absent("not installed; apt-get install --no-install-recommends rabbitmq-server")
	}
	r.sbin, r.dir = lib[0], dir
	if r.ports, err = proc.Ports(10); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, "home"), 0o700); err != nil {
		return err
	}
	// A port mapper of our own ends with us; the nodes would leave one behind.
	if err := r.start(filepath.Join(dir, "epmd.log"), nil, "epmd", "-address", "127.0.0.1", "-port", fmt.Sprint(r.ports[9])); err != nil {
		return err
	}
	if err := waitPort(fmt.Sprintf("127.0.0.1:%d", r.ports[9]), 10*time.Second); err != nil {
		return err
	}
	for i := range 3 {
		if err := r.startNode(i); err != nil {
			return err
		}
		if i == 0 { // its cookie is made before the others need it
			if err := waitPort(r.stomp[0], 60*time.Second); err != nil {
				return err
			}
		}
	}
	for i := range 3 {
		if err := r.join(i); err != nil {
			return err
		}
	}
	return waitPort(r.stomp[2], 60*time.Second)
}

func (r *rabbit) node(i int) string { return filepath.Join(r.dir, fmt.Sprintf("n%d", i)) }

func (r *rabbit) env(i int) []string {
	d := r.node(i)
	return []string{"HOME=" + filepath.Join(r.dir, "home"), fmt.Sprintf("RABBITMQ_NODENAME=bench%d@localhost", i),
		"RABBITMQ_MNESIA_BASE=" + d, "RABBITMQ_LOG_BASE=" + d, "RABBITMQ_PID_FILE=" + d + "/pid",
		"RABBITMQ_CONFIG_FILE=" + d + "/rabbitmq", "RABBITMQ_ENABLED_PLUGINS_FILE=" + d + "/plugins",
		fmt.Sprintf("RABBITMQ_DIST_PORT=%d", r.ports[3*i+2]), "ERL_EPMD_ADDRESS=127.0.0.1", fmt.Sprintf("ERL_EPMD_PORT=%d", r.ports[9]),
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}"}
}

func (r *rabbit) startNode(i int) error {
	d := r.node(i)
	if err := os.MkdirAll(d, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(d+"/plugins", []byte("[rabbitmq_stomp].\n"), 0o644); err != nil {
		return err
	}
	text := fmt.Sprintf("listeners.tcp.1 = 127.0.0.1:%d\nstomp.listeners.tcp.1 = 127.0.0.1:%d\n", r.ports[3*i], r.ports[3*i+1])
	if err := os.WriteFile(d+"/rabbitmq.conf", []byte(text), 0o644); err != nil {
		return err
	}
	r.stomp = append(r.stomp, fmt.Sprintf("127.0.0.1:%d", r.ports[3*i+1]))
	return r.start(d+"/out.log", r.env(i), r.sbin+"/rabbitmq-server")
}

// join makes a node that is up a member of the first one's cluster.
func (r *rabbit) join(i int) error {
	if err := waitPort(r.stomp[i], 60*time.Second); err != nil {
		return err
	}
	b, err := os.ReadFile(filepath.Join(r.node(i), "pid"))
	if err != nil {
		return err
	}
	var pid int
	if _, err := fmt.Sscan(string(b), &pid); err != nil {
		return fmt.Errorf("pid of node %d: %w", i, err)
	}
	r.beams = append(r.beams, pid)
	if i == 0 {
		return nil
	}
	for _, words := range []string{"stop_app", "join_cluster bench0@localhost", "start_app"} {
		cmd := exec.Command(r.sbin+"/rabbitmqctl", strings.Fields(words)...)
		cmd.Env = append(os.Environ(), r.env(i)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("rabbitmqctl %s: %w: %s", words, err, out)
		}
	}
	return nil
}

// Pids gives the Erlang machines, not the shells that started them.
func (r *rabbit) Pids() []int { return r.beams }

// Stop ends the Erlang machines, which do not die with the shells.
func (r *rabbit) Stop() {
	for _, pid := range r.beams {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	r.beams = nil
	r.children.Stop()
}

const rabbitLogin = "login:guest\npasscode:guest\n"

// What a quorum queue needs in each frame that may make it.
const rabbitQueue = "x-queue-type:quorum\ndurable:true\nauto-delete:false\n"

func (r *rabbit) Producer(to []destination, window, size int) (producer, error) {
	c, err := dialStomp(r.stomp[0], rabbitLogin)
	if err != nil {
		return nil, err
	}
	headers := rabbitQueue
	if to[0].topic {
		headers = ""
	}
	return c.producer(to, headers, window, size), nil
}

func (r *rabbit) Consumer(queues []string, prefetch int) (consumer, error) {
	c, err := dialStomp(r.stomp[0], rabbitLogin)
	if err != nil {
		return nil, err
	}
	return c, c.subscribe(queues, fmt.Sprintf("prefetch-count:%d\n%s", prefetch, rabbitQueue))
}

func (r *rabbit) Subscriber(topic, name string, prefetch int) (consumer, error) {
	c, err := dialStomp(r.stomp[0], rabbitLogin)
	if err != nil {
		return nil, err
	}
	return c, c.durable(topic, fmt.Sprintf("x-queue-name:%s\nprefetch-count:%d\n%s", name, prefetch, rabbitQueue))
}
