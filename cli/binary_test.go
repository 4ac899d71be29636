package cli

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// asBinary makes the test binary be the binary, so that commands run as the
// processes that they are.
const asBinary = "TEST_AS_QUORATE"

func TestMain(m *testing.M) {
	if os.Getenv(asBinary) != "" {
		os.Exit(Main(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// quorate runs a command and gives what it wrote and its exit code.
func quorate(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	bin, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), bin, args...)
	cmd.Env = append(os.Environ(), asBinary+"=1")
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test -update writes it); got:\n%s", file, got)
	}
}

func TestCommands(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		args           []string
		stdout, stderr string // parts of them
		code           int
	}{
		"no command":         {nil, "cluster", "", 0},
		"help":               {[]string{"help", "start"}, "--broker-name", "", 0},
		"version":            {[]string{"version"}, "quorate " + Version, "", 0},
		"--version":          {[]string{"--version"}, "quorate " + Version, "", 0},
		"unknown command":    {[]string{"strat"}, "", "start", 1},
		"unknown flag":       {[]string{"start", "--replica=3"}, "", "unknown flag: --replica; see quorate start --help", 1},
		"secrets have none":  {[]string{"start", "--security-token=x"}, "", "unknown flag", 1},
		"stray argument":     {[]string{"console", "activemq.xml"}, "", "xbean:file:PATH", 1},
		"two files":          {[]string{"console", "-c", "a", "xbean:file:b"}, "", "given already", 1},
		"bad definition":     {[]string{"console", "-Dx"}, "", "-Dname=value", 1},
		"no file":            {[]string{"start", "--config", "nowhere.xml"}, "", "nowhere.xml", 1},
		"bad value":          {[]string{"start", "--data", dir, "--replicas", "many"}, "", `refused: --replicas=many: "many" is not a whole number`, 1},
		"not running":        {[]string{"status", "--data", dir}, "not running", "", 1},
		"nothing to stop":    {[]string{"stop", "--data", dir}, "", "no node is running", 1},
		"nobody answers":     {[]string{"cluster", "status", "--data", dir}, "", "no node is running here", 1},
		"not a store":        {[]string{"store", "verify", dir}, "", "not the directory of a store", 1},
		"bad base port":      {[]string{"demo", "--base-port", "99999"}, "", "--base-port 99999", 1},
		"bad URL":            {[]string{"producer", "--broker-url", "http://h"}, "", "stomp://host:61613", 1},
		"durable of nobody":  {[]string{"consumer", "--durable", "d"}, "", "--client-id", 1},
		"bad header":         {[]string{"producer", "--header", "x"}, "", "name:value", 1},
		"explain what":       {[]string{"explain", "queue"}, "", "accepts 1 arg", 1},
		"a bad selector":     {[]string{"config", "check", "../node/testdata/selector.xml"}, `selector.xml:8: refused: <filteredDestination queue="b">`, "", 1},
		"… keeps from start": {[]string{"console", "--data", dir, "-c", "../node/testdata/selector.xml"}, "", "selector.xml:8: refused", 1},
		"refused, and where": {[]string{"start", "xbean:file:../config/testdata/refused.xml"}, "", "refused.xml:20: refused: <myPlugin>", 1},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code := quorate(t, c.args...)
			if code != c.code || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) {
				t.Errorf("exit code %d, want %d\nstdout: %s\nstderr: %s", code, c.code, stdout, stderr)
			}
		})
	}
}

func TestConfigCheck(t *testing.T) {
	for file, code := range map[string]int{
		"../config/testdata/article.xml": 0,
		"../config/testdata/refused.xml": 1,
		"../conf/activemq.xml":           0,
		"../conf/peers.xml":              0,
		"../conf/messaging.xml":          0,
	} {
		stdout, stderr, got := quorate(t, "config", "check", "-q", file)
		if got != code || stderr != "" {
			t.Errorf("%s: exit code %d, want %d; %s", file, got, code, stderr)
		}
		golden(t, filepath.Join("testdata", "check-"+filepath.Base(file)+".golden"), stdout)
	}
}

func TestExplain(t *testing.T) {
	for name, args := range map[string][]string{
		"queue":   {"queue", "orders.eu"},
		"topic":   {"topic", "events.created", "--temp-usage", "1gb"},
		"all":     {"tempQueue", "reply", "--all"},
		"json":    {"queue", "in", "--json"},
		"default": {"queue", "Consumer.A.VirtualTopic.T"},
	} {
		args = append([]string{"explain"}, args...)
		if name != "default" {
			args = append(args, "-c", "../node/testdata/messaging.xml")
		}
		stdout, stderr, code := quorate(t, args...)
		if code != 0 || stderr != "" {
			t.Errorf("%s: exit code %d: %s", name, code, stderr)
		}
		golden(t, filepath.Join("testdata", "explain-"+name+".golden"), stdout)
	}
}

func TestReference(t *testing.T) {
	stdout, _, code := quorate(t, "config", "reference")
	page, err := os.ReadFile("../docs/configuration.md")
	if err != nil || code != 0 {
		t.Fatal(code, err)
	}
	if stdout != string(page) {
		t.Error("docs/configuration.md is not what config reference prints")
	}
}

// TestEveryCommandIsExplained: a sentence in the list, and no flag without one.
func TestEveryCommandIsExplained(t *testing.T) {
	for _, c := range New().Commands() {
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: its line in the list is %q", c.Name(), c.Short)
		}
	}
}
