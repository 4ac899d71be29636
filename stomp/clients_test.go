package stomp

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/quorate/quorate/broker"
)

// An event is one line of a program in test/clients.
type event struct {
	Event, Key, Reason string
	Redelivered        bool
	Keys               []string
}

// programs are the clients that others wrote, by name.
func programs(t *testing.T) map[string][]string {
	t.Helper()
	dir, err := filepath.Abs("../test/clients")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{
		"stomp.py":   {"/usr/bin/python3", filepath.Join(dir, "stomp_py.py")},
		"Net::Stomp": {"perl", filepath.Join(dir, "net_stomp.pl")},
		"stompit":    {"node", filepath.Join(dir, "node/stompit.js")},
		"stompjs":    {"node", filepath.Join(dir, "node/stompjs.js")},
	}
	for name, needs := range map[string]string{
		"stomp.py": "/usr/lib/python3/dist-packages/stomp", "Net::Stomp": "/usr/share/perl5/Net/Stomp.pm",
		"stompit": filepath.Join(dir, "node/node_modules/stompit"), "stompjs": filepath.Join(dir, "node/node_modules/@stomp/stompjs"),
	} {
		if _, err := os.Stat(needs); err != nil {
			if os.Getenv("CI") != "" {
				t.Errorf("%s is not installed: make deps", name)
			}
			t.Logf("%s is left out, because it is not installed: make deps", name)
			delete(all, name)
		}
	}
	return all
}

// drive runs a program to its end and gives what it said; each is told of
// every event as it comes.
func drive(t *testing.T, program []string, each func(event), args ...string) []event {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program[0], append(program[1:], args...)...)
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
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Errorf("%q: %v", lines.Text(), err)
		}
		events = append(events, e)
		if each != nil {
			each(e)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %v\n%v\n%s", args, err, events, complaints.String())
	}
	return events
}

func keysOf(events []event, kind string) string {
	var keys []string
	for _, e := range events {
		if e.Event == kind {
			keys = append(append(keys, e.Keys...), strings.Fields(e.Key)...)
		}
	}
	return strings.Join(keys, " ")
}

func names(prefix string, n int) string {
	var keys []string
	for i := range n {
		keys = append(keys, fmt.Sprintf("%s-%d", prefix, i))
	}
	return strings.Join(keys, " ")
}

// TestForeignClients drives clients that this project did not write: each
// sends with its connection cut in the middle, receives and acknowledges what
// the one before sent, and runs a transaction and an aborted one.
func TestForeignClients(t *testing.T) {
	for name, program := range programs(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, broker.Limits{}, nil)
			at := h.port.Addr().String()
			confirmed := 0
			sent := drive(t, program, func(e event) {
				if e.Event == "confirmed" {
					if confirmed++; confirmed == 5 {
						h.cut()
					}
				}
			}, "send", at, "/queue/q", "10", "k", "20")
			if got := keysOf(sent, "confirmed"); got != names("k", 10) {
				t.Errorf("confirmed %s", got)
			}
			got := keysOf(drive(t, program, nil, "receive", at, "/queue/q", "10", "k"), "received")
			for key := range strings.FieldsSeq(names("k", 10)) {
				if !strings.Contains(got+" ", key+" ") {
					t.Errorf("received %s, without %s", got, key)
				}
			}
			drive(t, program, nil, "tx", at, "/queue/tx", "3", "k")
			if got := keysOf(drive(t, program, nil, "receive", at, "/queue/tx", "3", "k"), "received"); got != names("k-c", 3) {
				t.Errorf("of two transactions came %s", got)
			}
		})
	}
}
