package logline

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"regexp"
	"strings"
	"testing"
)

// stamp is the pattern that a log shipper for ActiveMQ parses.
var stamp = regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \| (DEBUG|INFO |WARN |ERROR) \| (.*) \| (\S+) \| (.+)\n$`)

func print(t *testing.T, do func(*slog.Logger)) (level, message, component, thread string) {
	t.Helper()
	var b bytes.Buffer
	do(slog.New(New(&b, "text", slog.LevelDebug)))
	m := stamp.FindStringSubmatch(b.String())
	if m == nil {
		t.Fatalf("not ActiveMQ's pattern: %q", b.String())
	}
	return m[1], m[2], m[3], m[4]
}

func TestPattern(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(*slog.Logger)
		want [4]string
	}{
		"plain": {
			func(l *slog.Logger) { l.Warn("hello") },
			[4]string{"WARN ", "hello", "quorate", "main"},
		},
		"a line of our own carries its attributes": {
			func(l *slog.Logger) {
				l.With("component", "quorate.cluster", "thread", "elector", "node", 3).Info("waiting", "missing", "b:1, c:1", "empty", "")
			},
			[4]string{"INFO ", `waiting node=3 missing="b:1, c:1" empty=""`, "quorate.cluster", "elector"},
		},
		"a line of ActiveMQ is left as it is": {
			func(l *slog.Logger) { MasterStarted.Log(l.With("node", 3, "thread", "Task-2"), "tcp://10.0.0.1:43904") },
			[4]string{"INFO ", "Master started: tcp://10.0.0.1:43904", "org.apache.activemq.leveldb.replicated.MasterElector", "Task-2"},
		},
		"groups": {
			func(l *slog.Logger) { l.WithGroup("g").Error("x", slog.Group("h", "a", 1)) },
			[4]string{"ERROR", "x g.h.a=1", "quorate", "main"},
		},
		"nobody forges a line": {
			func(l *slog.Logger) { l.Info("a\n2018 | INFO", "k", "v\nw") },
			[4]string{"INFO ", `a 2018 | INFO k="v\nw"`, "quorate", "main"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			level, message, component, thread := print(t, c.do)
			if got := [4]string{level, message, component, thread}; got != c.want {
				t.Errorf("got %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestJSON(t *testing.T) {
	var b bytes.Buffer
	Downloaded.Log(slog.New(New(&b, "json", slog.LevelInfo)), 0.02, 1.43, 1, 4)
	var got map[string]any
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got["msg"] != "Attaching... Downloaded 0.02/1.43 kb and 1/4 files" || got["component"] != SlaveStore {
		t.Errorf("got %v", got)
	}
}

func TestLevel(t *testing.T) {
	var b bytes.Buffer
	slog.New(New(&b, "text", slog.LevelWarn)).Info("not this")
	if b.Len() > 0 {
		t.Errorf("printed %q", b.String())
	}
}

// The exact texts are a contract with monitoring: these are copied from logs of
// ActiveMQ, not from the table.
func TestTexts(t *testing.T) {
	for want, got := range map[string]string{
		"Slave skipping download of: log/0000000000000000.log":                                                SkippingDownload.Text(0),
		"Slave has now caught up: af091087-cd05-490c-ac33-254ccfc56490":                                       SlaveCaughtUp.Text("af091087-cd05-490c-ac33-254ccfc56490"),
		"Not enough cluster members connected to elect a master.":                                             NotEnough.Text(),
		"Previously elected master is not online, staring new election":                                       NewElection.Text(),
		"Too many cluster members are connected.  Expected at most 3 members but there are 4 connected.":      TooMany.Text(3, 4),
		"Using Persistence Adapter: Replicated LevelDB[/opt/activemq/data/leveldb, h1:2181,h2:2181//default]": UsingReplicated.Text("/opt/activemq/data/leveldb", "h1:2181,h2:2181", "/default"),
		"Store update waiting on 1 replica(s) to catch up to log position 31. 1 slave nodes attaching. ":      StoreWaiting.Text(1, 31, "1 slave nodes attaching. "),
		"Apache ActiveMQ 5.15.3 (ganinfo_mq, ID:activemq_2-56827-1526464290093-0:1) is shutting down":         ShuttingDown.Text("5.15.3", "ganinfo_mq", "ID:activemq_2-56827-1526464290093-0:1"),
	} {
		if got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, l := range Lines() {
		key := l.Component + l.Format
		if seen[key] || l.When == "" || !strings.HasPrefix(l.Component, activemq) {
			t.Errorf("%q: twice, without its moment, or without a component of ActiveMQ", l.Format)
		}
		seen[key] = true
	}
}
