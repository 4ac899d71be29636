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
	stomp []string
	beams []int
}

func (r *rabbit) Name() string { return "rabbitmq quorum" }

func (r *rabbit) Start(dir string) error {
	lib, err := filepath.Glob("/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin")
	if err != nil || len(lib) == 0 {
		return fmt.Errorf("the package rabbitmq-server is not installed")
	}
	sbin := lib[0]
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	ports, err := proc.Ports(9)
	if err != nil {
		return err
	}
	home := filepath.Join(dir, "home")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	var envs [][]string
	for i := range 3 {
		d := filepath.Join(dir, fmt.Sprintf("n%d", i))
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
		plugins, conf := d+"/plugins", d+"/rabbitmq"
		if err := os.WriteFile(plugins, []byte("[rabbitmq_stomp].\n"), 0o644); err != nil {
			return err
		}
		text := fmt.Sprintf("listeners.tcp.1 = 127.0.0.1:%d\nstomp.listeners.tcp.1 = 127.0.0.1:%d\n", ports[3*i], ports[3*i+1])
		if err := os.WriteFile(conf+".conf", []byte(text), 0o644); err != nil {
			return err
		}
		r.stomp = append(r.stomp, fmt.Sprintf("127.0.0.1:%d", ports[3*i+1]))
		env := []string{"HOME=" + home, fmt.Sprintf("RABBITMQ_NODENAME=bench%d@localhost", i), "RABBITMQ_MNESIA_BASE=" + d, "RABBITMQ_LOG_BASE=" + d,
			"RABBITMQ_CONFIG_FILE=" + conf, "RABBITMQ_ENABLED_PLUGINS_FILE=" + plugins, fmt.Sprintf("RABBITMQ_DIST_PORT=%d", ports[3*i+2]),
			"RABBITMQ_PID_FILE=" + d + "/pid", "ERL_EPMD_ADDRESS=127.0.0.1", "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}"}
		envs = append(envs, env)
		if err := r.start(d+"/out.log", env, sbin+"/rabbitmq-server"); err != nil {
			return err
		}
		if i == 0 {
			if err := waitPort(r.stomp[0], 60*time.Second); err != nil {
				return err
			}
		}
	}
	for i := range 3 {
		if err := waitPort(r.stomp[i], 60*time.Second); err != nil {
			return err
		}
		b, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("n%d", i), "pid"))
		if err != nil {
			return err
		}
		var pid int
		fmt.Sscan(string(b), &pid)
		r.beams = append(r.beams, pid)
		if i == 0 {
			continue
		}
		for _, words := range []string{"stop_app", "join_cluster bench0@localhost", "start_app"} {
			cmd := exec.Command(sbin+"/rabbitmqctl", strings.Fields(words)...)
			cmd.Env = append(os.Environ(), envs[i]...)
			if out, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("rabbitmqctl %s: %w: %s", words, err, out)
			}
		}
	}
	return waitPort(r.stomp[2], 60*time.Second)
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

func (r *rabbit) Producer(queue string, window, size int) (producer, error) {
	c, err := dialStomp(r.stomp[0], rabbitLogin)
	if err != nil {
		return nil, err
	}
	c.destination, c.window, c.size = "/queue/"+queue, window, size
	c.headers = "x-queue-type:quorum\ndurable:true\nauto-delete:false\n"
	return c, nil
}

func (r *rabbit) Consumer(queue string, prefetch int) (consumer, error) {
	c, err := dialStomp(r.stomp[0], rabbitLogin)
	if err != nil {
		return nil, err
	}
	c.destination = "/queue/" + queue
	c.headers = "x-queue-type:quorum\ndurable:true\nauto-delete:false\n"
	return c, c.subscribe(prefetch)
}
