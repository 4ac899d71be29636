package test

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/quorate/quorate/internal/testkit/proc"
)

// foreign are the STOMP clients that others wrote, as test/clients has them.
var foreign = map[string][]string{
	"stomp.py":   {"/usr/bin/python3", "stomp_py.py"},
	"Net::Stomp": {"perl", "net_stomp.pl"},
	"stompit":    {"node", "node/stompit.js"},
	"stompjs":    {"node", "node/stompjs.js"},
}

// event is a line that such a client prints.
type event struct {
	Event       string   `json:"event"`
	Key         string   `json:"key"`
	Keys        []string `json:"keys"`
	Redelivered bool     `json:"redelivered"`
	Reason      string   `json:"reason"`
}

// TestForeignClients lets each client send through a kill of the master, then
// receive, and commit and abort transactions.
func TestForeignClients(t *testing.T) {
	ctx := timeout(t, 4*time.Minute)
	c := proc.New(t, proc.Setup{Nodes: 3})
	c.Start()
	for name, argv := range foreign {
		t.Run(name, func(t *testing.T) {
			queue := "/queue/" + strings.ToLower(strings.ReplaceAll(name, "::", "-"))
			master := c.Master(ctx)
			sent := runClient(ctx, t, c, argv, "send", queue, 300, name, 5, func(n int) {
				if n == 100 {
					kill(t, master)
				}
			})
			confirmed := map[string]bool{}
			for _, e := range sent {
				if e.Event == "confirmed" {
					confirmed[e.Key] = true
				}
			}
			if len(confirmed) != 300 {
				t.Fatalf("%d of 300 sends were confirmed", len(confirmed))
			}
			c.Start(master)
			received := map[string]bool{}
			for _, e := range runClient(ctx, t, c, argv, "receive", queue, 300, name, 0, nil) {
				if e.Event == "received" {
					received[e.Key] = true
				}
			}
			for key := range confirmed {
				if !received[key] {
					t.Errorf("%s was confirmed and not received", key)
				}
			}
			transactions(ctx, t, c, argv, queue+".tx", name)
		})
	}
}

// transactions commits one transaction and aborts another.
func transactions(ctx context.Context, t *testing.T, c *proc.Cluster, argv []string, queue, name string) {
	t.Helper()
	for _, e := range runClient(ctx, t, c, argv, "tx", queue, 5, name, 0, nil) {
		if e.Event == "committed" && len(e.Keys) != 5 {
			t.Errorf("committed %v", e.Keys)
		}
	}
	for _, e := range runClient(ctx, t, c, argv, "receive", queue, 5, name, 0, nil) {
		if e.Event == "received" && !strings.HasPrefix(e.Key, name+"-c-") {
			t.Errorf("%s was not committed", e.Key)
		}
	}
}

// runClient runs a client to its end and gives what it printed. progress is
// called with the number of confirmations so far.
func runClient(ctx context.Context, t *testing.T, c *proc.Cluster, argv []string, verb, queue string, count int, name string, pause int, progress func(int)) []event {
	t.Helper()
	root, err := proc.Root()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath(argv[0]); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skipf("make deps installs it: %v", err)
	}
	args := []string{filepath.Join(root, "test", "clients", argv[1]), verb, strings.Join(c.Addrs(), ","), queue, strconv.Itoa(count), name}
	if pause > 0 {
		args = append(args, strconv.Itoa(pause))
	}
	cmd := exec.CommandContext(ctx, argv[0], args...)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var events []event
	confirmed := 0
	for s := bufio.NewScanner(out); s.Scan(); {
		var e event
		if err := json.Unmarshal(s.Bytes(), &e); err != nil {
			t.Fatalf("%s printed %q: %v", argv[1], s.Text(), err)
		}
		events = append(events, e)
		if e.Event == "confirmed" {
			confirmed++
			if progress != nil {
				progress(confirmed)
			}
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%s %s: %v\n%v\n%s", argv[1], verb, err, events[max(0, len(events)-3):], complaints.String())
	}
	return events
}

func kill(t *testing.T, n *proc.Node) {
	t.Helper()
	if err := n.Kill(); err != nil {
		t.Error(err)
	}
}
