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
			routed(ctx, t, c, argv, strings.TrimPrefix(queue, "/queue/"), name)
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

// routed sends to a queue and a virtual topic at once, in groups and each message
// with a property, and takes the copies with a selector and with a wildcard.
func routed(ctx context.Context, t *testing.T, c *proc.Cluster, argv []string, base, name string) {
	t.Helper()
	const n = 20
	consumers := "/queue/Consumer.F.VirtualTopic." + base
	t.Setenv("STOMP_HEADERS", "{}")
	runClient(ctx, t, c, argv, "send", consumers, 1, name+"-first", 0, nil) // makes the queue
	for _, kind := range []string{"red", "blue"} {
		t.Setenv("STOMP_HEADERS", `{"kind":"`+kind+`","JMSXGroupID":"`+kind+`"}`)
		runClient(ctx, t, c, argv, "send", "/queue/all."+base+".1,/topic/VirtualTopic."+base, n, name+"-"+kind, 0, nil)
	}
	for _, take := range []struct{ from, headers, prefix string }{
		{consumers, `{"selector":"kind = 'blue' AND JMSXGroupID LIKE 'b%'"}`, name + "-blue-"},
		{consumers, `{"selector":"kind IS NOT NULL"}`, name + "-red-"},
		{"/queue/all." + base + ".*", `{"selector":"kind IN ('red')"}`, name + "-red-"},
		{"/queue/all." + base + ".>", `{"activemq.exclusive":"true"}`, name + "-blue-"},
	} {
		t.Setenv("STOMP_HEADERS", take.headers)
		next := 0
		for _, e := range runClient(ctx, t, c, argv, "receive", take.from, n, name, 0, nil) {
			if e.Event != "received" {
				continue
			}
			if want := take.prefix + strconv.Itoa(next); e.Key != want {
				t.Fatalf("%s with %s gave %s, want %s", take.from, take.headers, e.Key, want)
			}
			next++
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
