package config

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with a file, or writes it with -update.
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

// TestReports reads each file of testdata and compares what became of every
// line of it, and what came out.
func TestReports(t *testing.T) {
	files, err := filepath.Glob("testdata/*.xml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test data: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			_, report, err := Load(Sources{File: file, Flags: map[string]string{"memory": "400 mb"}})
			var b strings.Builder
			for _, f := range report.Findings {
				fmt.Fprintln(&b, report.Text(f))
			}
			var refused *RefusedError
			switch {
			case errors.As(err, &refused):
				for _, line := range strings.Split(refused.Error(), "\n") {
					if !strings.Contains(b.String(), line+"\n") {
						t.Errorf("the error has a line that the report lacks: %s", line)
					}
				}
			case err != nil:
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(file, ".xml")+".golden", b.String())
		})
	}
}

func TestArticle(t *testing.T) {
	cfg, _, err := Load(Sources{File: "xbean:file:testdata/article.xml", Define: map[string]string{"activemq.data": "/opt/activemq/data"}})
	if err != nil {
		t.Fatal(err)
	}
	want := Store{
		Adapter: "replicatedLevelDB", Dir: "/opt/activemq/data/leveldb", Replicas: 3, Election: ZooKeeper,
		Bind: "0.0.0.0:0", Hostname: "10.188.102.149", Weight: 1,
		ZK: ZK{Addresses: []string{"10.188.102.149:2181", "10.188.102.24:2181", "10.188.102.210:2181"},
			Path: "/default", SessionTimeout: 2 * time.Second},
		Sync: []string{"quorum_disk"}, SegmentSize: 64 * mib, LogLimit: 256 * mib, CacheSize: 16 * mib, GenerationSize: 48 * mib,
	}
	if !reflect.DeepEqual(cfg.Store, want) {
		t.Errorf("got  %+v\nwant %+v", cfg.Store, want)
	}
	if cfg.BrokerName != "ganinfo_mq" || cfg.DataDir != "/opt/activemq/data" {
		t.Errorf("broker %q, data %q", cfg.BrokerName, cfg.DataDir)
	}
	if seat := cfg.Store.Seat(); seat != "10.188.102.149:/opt/activemq/data/leveldb" {
		t.Errorf("with a dynamic port the seat is %q", seat)
	}
	if len(cfg.Transports) != 1 || cfg.Transports[0].Bind != "0.0.0.0:61613" || cfg.Transports[0].MaxConnections != 1000 {
		t.Errorf("connectors %+v", cfg.Transports)
	}
}

func TestWithoutFile(t *testing.T) {
	cfg, report, err := Load(Sources{})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Findings) > 0 {
		t.Errorf("the defaults are found fault with: %+v", report.Findings)
	}
	if cfg.BrokerName != "localhost" || cfg.Store.Replicas != 1 || cfg.Store.Election != Alone {
		t.Errorf("got %+v", cfg)
	}
	if cfg.Store.Bind != "" || len(cfg.Transports) != 1 || cfg.Transports[0].Bind != "127.0.0.1:61613" {
		t.Errorf("more than loopback is open: %q %+v", cfg.Store.Bind, cfg.Transports)
	}
	if wd, _ := os.Getwd(); cfg.Store.Dir != filepath.Join(wd, "data", "store") || cfg.AdminSocket != filepath.Join(wd, "data", "quorate.sock") {
		t.Errorf("store %q, socket %q", cfg.Store.Dir, cfg.AdminSocket)
	}
}

// TestOutside sets keys by flags and variables.
func TestOutside(t *testing.T) {
	for name, c := range map[string]struct {
		flags map[string]string
		env   map[string]string
		file  string
		check func(*Config) bool
		fails string // part of the error
	}{
		"peers, found by bind": {
			flags: map[string]string{"peers": "127.0.0.1:1,127.0.0.1:2,127.0.0.1:3", "bind": "127.0.0.1:2"},
			check: func(c *Config) bool {
				return c.Store.Election == Peers && c.Store.Replicas == 3 && c.Store.Self == "127.0.0.1:2" && c.Store.Seat() == "127.0.0.1:2"
			},
		},
		"peers, found by host name": {
			flags: map[string]string{"peers": "h1,h2,h3", "hostname": "H2"},
			check: func(c *Config) bool { return c.Store.Self == "h2:61619" && c.Store.Bind == "h2:61619" },
		},
		"peers, told": {
			flags: map[string]string{"peers": "h1,h2,h3", "self": "h3", "bind": "0.0.0.0"},
			check: func(c *Config) bool { return c.Store.Self == "h3:61619" && c.Store.Bind == "0.0.0.0:61619" },
		},
		"peers, unclear":       {flags: map[string]string{"peers": "h1,h2,h3"}, fails: "which of them"},
		"peers, not one":       {flags: map[string]string{"peers": "h1,h2,h3", "self": "h4"}, fails: "not one of the peers"},
		"peers, twice":         {flags: map[string]string{"peers": "h1,h1:61619,h3"}, fails: "twice"},
		"peers, other number":  {flags: map[string]string{"peers": "h1,h2,h3", "self": "h1", "replicas": "5"}, fails: "names 3 nodes"},
		"no way to meet":       {flags: map[string]string{"replicas": "3"}, fails: "need a way to meet"},
		"an unknown flag":      {flags: map[string]string{"nope": "3"}, fails: "no flag --nope"},
		"peers and ZooKeeper":  {flags: map[string]string{"peers": "h1,h2,h3", "zk": "h1"}, fails: "not both"},
		"flags beat variables": {flags: map[string]string{"broker-name": "f"}, env: map[string]string{"QUORATE_BROKER_NAME": "e"}, check: func(c *Config) bool { return c.BrokerName == "f" }},
		"variables beat the file": {
			file: "testdata/article.xml", env: map[string]string{"QUORATE_BROKER_NAME": "e", "QUORATE_SECURITY_TOKEN": "t"},
			check: func(c *Config) bool { return c.BrokerName == "e" && c.Store.SecurityToken == "t" },
		},
		"peers beat the file's ZooKeeper": {
			file: "testdata/article.xml", flags: map[string]string{"peers": "h1,h2,h3", "self": "h1"},
			check: func(c *Config) bool { return c.Store.Election == Peers && c.Store.ZK.Addresses == nil },
		},
		"the data directory moves what refers to it": {
			file: "testdata/article.xml", flags: map[string]string{"data": "/d"},
			check: func(c *Config) bool { return c.DataDir == "/d" && c.Store.Dir == "/d/leveldb" },
		},
		"ZooKeeper by a flag": {
			flags: map[string]string{"zk": "z1,z2,z3"},
			check: func(c *Config) bool {
				return c.Store.Election == ZooKeeper && c.Store.Replicas == 3 && c.Store.Bind == "0.0.0.0:61619" && c.Store.Hostname != ""
			},
		},
		"one replica needs nobody": {
			flags: map[string]string{"zk": "z1", "replicas": "1"},
			check: func(c *Config) bool { return c.Store.Election == Alone && c.Store.Quorum() == 1 },
		},
		"STOMP elsewhere": {
			file: "testdata/article.xml", flags: map[string]string{"stomp": "127.0.0.1:7"},
			check: func(c *Config) bool {
				return len(c.Transports) == 1 && c.Transports[0].Bind == "127.0.0.1:7" && c.Transports[0].MaxConnections == 1000
			},
		},
		"STOMP off":          {flags: map[string]string{"stomp": "off"}, check: func(c *Config) bool { return len(c.Transports) == 0 }},
		"the same port":      {flags: map[string]string{"zk": "z", "bind": "127.0.0.1:7", "stomp": "127.0.0.1:7"}, fails: "is taken by the replication links"},
		"a secret stays one": {env: map[string]string{"QUORATE_SECURITY_TOKEN": "geheim"}, check: func(c *Config) bool { return c.Store.SecurityToken == "geheim" }},
	} {
		t.Run(name, func(t *testing.T) {
			src := Sources{File: c.file, Flags: c.flags}
			for k, v := range c.env {
				src.Environ = append(src.Environ, k+"="+v)
			}
			cfg, report, err := Load(src)
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Fatalf("got %v, want an error with %q", err, c.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !c.check(cfg) {
				t.Errorf("got %+v", cfg)
			}
			for _, f := range report.Findings {
				if strings.Contains(report.Text(f), "geheim") {
					t.Errorf("a secret is printed: %s", report.Text(f))
				}
			}
		})
	}
}

func TestUnknownVariable(t *testing.T) {
	_, report, err := Load(Sources{Environ: []string{"QUORATE_REPLICA=3", "QUORATE_CONFIG=x", "PATH=y", "QUORATE_NAME="}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range report.Findings {
		got = append(got, report.Text(f))
	}
	want := []string{"ignored: QUORATE_NAME: unknown variable", "ignored: QUORATE_REPLICA: unknown variable; did you mean QUORATE_REPLICAS?"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestGuarantee(t *testing.T) {
	for _, c := range []struct {
		store Store
		want  string
	}{
		{Store{Replicas: 3, Sync: []string{"quorum_disk"}}, `sync="quorum_disk": a confirmed message is flushed to disk by 2 of 3 nodes`},
		{Store{Replicas: 3, Sync: []string{"local_disk"}}, `sync="local_disk" is written, quorum_disk is given: a confirmed message is flushed to disk by 2 of 3 nodes`},
		{Store{Replicas: 1, Sync: []string{"quorum_disk"}}, `sync="quorum_disk": a confirmed message is flushed to this node's disk`},
	} {
		if got := c.store.Guarantee(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestMalformed(t *testing.T) {
	deep := strings.Repeat("<a>", maxDepth+1)
	for name, c := range map[string]struct{ doc, fails string }{
		"empty":        {"", "no XML element"},
		"not closed":   {"<beans>\n<broker>", "line 2"},
		"other root":   {"<html/>", "want <beans> or <broker>"},
		"no broker":    {"<beans/>", "no <broker>"},
		"too deep":     {deep, "nested more than"},
		"second root":  {"<broker/><broker/>", "second root"},
		"too large":    {"<broker>" + strings.Repeat(" ", maxFileSize) + "</broker>", "at most"},
		"too many":     {"<broker>" + strings.Repeat("<a/>", maxElements) + "</broker>", "more than"},
		"charset":      {`<?xml version="1.0" encoding="EBCDIC"?><broker/>`, "EBCDIC"},
		"loop":         {`<broker brokerName="${a:${b}}"/>`, "refer to each other"},
		"unterminated": {`<broker brokerName="${a"/>`, "closing brace"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := Load(Sources{document: []byte(c.doc), Define: map[string]string{"b": "${b}"}})
			if err == nil || !strings.Contains(err.Error(), c.fails) {
				t.Errorf("got %v, want %q", err, c.fails)
			}
		})
	}
}

func FuzzLoad(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.xml")
	for _, file := range files {
		doc, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(doc)
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		cfg, report, err := Load(Sources{document: doc, Flags: map[string]string{"memory": "400 mb"}})
		if (cfg == nil) == (err == nil) {
			t.Fatalf("configuration %v with error %v", cfg, err)
		}
		if err == nil && len(report.Refused()) > 0 {
			t.Fatal("loaded with refused lines")
		}
		if cfg != nil && (cfg.Store.Replicas < 1 || cfg.Store.Dir == "" || cfg.Store.Hostname == "") {
			t.Fatalf("incomplete: %+v", cfg)
		}
	})
}
