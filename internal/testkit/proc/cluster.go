package proc

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Setup says what cluster to make.
type Setup struct {
	Nodes    int
	Zk       string // ZooKeeper's connect string; empty: the nodes elect among themselves
	Replicas int    // defaults to Nodes
	Hosts    []Host // one a node; default: loopback
	Extra    string // further attributes of <replicatedLevelDB>
	Broker   string // further attributes of <broker>
	Elements string // further elements in <broker>
}

// A Host is where a node lives.
type Host struct {
	IP     string
	Prefix []string // how to run a command there
}

// A Cluster is a set of nodes that know of each other.
type Cluster struct {
	T     testing.TB
	Nodes []*Node
	Zk    string
}

// New writes the configuration of each node, as an operator would, and starts
// nothing.
func New(t testing.TB, s Setup) *Cluster {
	t.Helper()
	if s.Replicas == 0 {
		s.Replicas = s.Nodes
	}
	ports, err := Ports(2 * s.Nodes)
	if err != nil {
		t.Fatal(err)
	}
	c := &Cluster{T: t, Zk: s.Zk}
	root := t.TempDir()
	var peers []string
	for i := range s.Nodes {
		host := Host{IP: "127.0.0.1"}
		if s.Hosts != nil {
			host = s.Hosts[i]
		}
		n := &Node{
			Name:   fmt.Sprintf("n%d", i+1),
			Dir:    filepath.Join(root, fmt.Sprintf("n%d", i+1)),
			Stomp:  fmt.Sprintf("%s:%d", host.IP, ports[2*i]),
			Link:   fmt.Sprintf("%s:%d", host.IP, ports[2*i+1]),
			Prefix: host.Prefix,
		}
		c.Nodes = append(c.Nodes, n)
		peers = append(peers, n.Link)
	}
	for _, n := range c.Nodes {
		if err := n.configure(s, strings.Join(peers, ",")); err != nil {
			t.Fatal(err)
		}
	}
	Cleanup(t, c.Nodes)
	return c
}

// configure writes the node's activemq.xml as the reference article has it.
func (n *Node) configure(s Setup, peers string) error {
	election := fmt.Sprintf("peers=%q", peers)
	if s.Zk != "" {
		election = fmt.Sprintf("zkAddress=%q zkPath=\"/activemq/leveldb-stores\"", s.Zk)
	}
	xml := fmt.Sprintf(`<beans xmlns="http://www.springframework.org/schema/beans">
  <broker xmlns="http://activemq.apache.org/schema/core" brokerName="ganinfo_mq" dataDirectory="%s" %s>
    %s
    <persistenceAdapter>
      <replicatedLevelDB directory="%s/leveldb" replicas="%d" bind="tcp://%s" hostname="%s" %s %s/>
    </persistenceAdapter>
    <transportConnectors>
      <transportConnector name="stomp" uri="stomp://%s"/>
    </transportConnectors>
  </broker>
</beans>
`, n.Dir, s.Broker, s.Elements, n.Dir, s.Replicas, n.Link, strings.Split(n.Link, ":")[0], election, s.Extra, n.Stomp)
	file := n.Dir + ".xml"
	n.Args = []string{"console", "--config", file}
	if err := os.MkdirAll(n.Dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(xml), 0o644)
}

// Start starts the nodes, all when none is named.
func (c *Cluster) Start(nodes ...*Node) {
	c.T.Helper()
	if len(nodes) == 0 {
		nodes = c.Nodes
	}
	for _, n := range nodes {
		if err := n.Start(); err != nil {
			c.T.Fatal(err)
		}
	}
}

// Addrs gives the STOMP addresses of all nodes.
func (c *Cluster) Addrs() []string {
	var a []string
	for _, n := range c.Nodes {
		a = append(a, n.Stomp)
	}
	return a
}

// Master waits until one node accepts clients and gives it.
func (c *Cluster) Master(ctx context.Context) *Node {
	c.T.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		running := 0
		for _, n := range c.Nodes {
			if n.Running() {
				running++
				if n.Accepts() {
					return n
				}
			}
		}
		if running == 0 {
			c.T.Fatal("no node runs")
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			c.T.Fatalf("no node accepts clients: %v", ctx.Err())
			return nil
		}
	}
}

// Others gives all nodes but n.
func (c *Cluster) Others(n *Node) []*Node {
	var others []*Node
	for _, o := range c.Nodes {
		if o != n {
			others = append(others, o)
		}
	}
	return others
}

// Attached waits until every running node but the master has the whole log.
func (c *Cluster) Attached(ctx context.Context, n *Node, mark int) {
	c.T.Helper()
	if _, err := n.Log.Wait(ctx, mark, "| Attached |"); err != nil {
		c.T.Fatalf("%s: %v", n.Name, err)
	}
}
