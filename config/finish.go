package config

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// finish fills in what depends on several keys, and judges them together.
func (l *loader) finish() error {
	cfg := l.target.cfg
	if cfg.DataDir == "" {
		cfg.DataDir = l.dataDirectory()
	}
	if cfg.Store.Dir == "" {
		cfg.Store.Dir = filepath.Join(cfg.DataDir, "store")
	}
	if cfg.AdminSocket == "" {
		cfg.AdminSocket = filepath.Join(cfg.DataDir, "quorate.sock")
	}
	if cfg.PIDFile == "" {
		cfg.PIDFile = filepath.Join(cfg.DataDir, "quorate.pid")
	}
	for _, path := range []*string{&cfg.DataDir, &cfg.Store.Dir, &cfg.AdminSocket, &cfg.PIDFile, &cfg.Log.File} {
		if *path == "" {
			continue
		}
		abs, err := filepath.Abs(*path)
		if err != nil {
			return fmt.Errorf("configuration: %w", err)
		}
		*path = abs
	}
	l.election()
	l.address()
	l.connectors()
	l.limits()
	l.policies()
	l.routing()
	return nil
}

// election settles how many nodes there are and how they meet.
func (l *loader) election() {
	s := &l.target.cfg.Store
	zk, peers := l.strength("store.zkAddress"), l.strength("store.peers")
	switch {
	case zk > 0 && zk == peers:
		l.amend("store.peers", Refused, "zkAddress is given as well: a cluster meets at ZooKeeper or by a list, not both")
		return
	case peers > zk:
		s.Election, s.ZK.Addresses = Peers, nil
	case zk > 0:
		s.Election, s.Peers = ZooKeeper, nil
	case s.Adapter == "replicatedLevelDB":
		s.Election, s.ZK.Addresses = ZooKeeper, []string{"127.0.0.1:2181"}
	default:
		s.Election = Alone
	}
	l.replicas(s)
	if s.Replicas == 1 && s.Election != Alone {
		l.amend("store.replicas", Mapped, "a node alone elects itself: nobody else is asked")
		s.Election, s.Peers, s.ZK.Addresses = Alone, nil, nil
	}
}

func (l *loader) replicas(s *Store) {
	given := s.Replicas != 0
	switch {
	case s.Election == Peers && given && s.Replicas != len(s.Peers):
		l.amend("store.replicas", Refused, fmt.Sprintf("peers names %d nodes: both must say the same", len(s.Peers)))
	case s.Election == Peers:
		s.Replicas = len(s.Peers)
	case s.Election == ZooKeeper && !given:
		s.Replicas = 3
	case s.Election == Alone && s.Replicas > 1:
		l.amend("store.replicas", Refused, "the nodes need a way to meet: give zkAddress (--zk) or peers (--peers)")
	case !given:
		s.Replicas = 1
	}
	if s.Replicas > 15 {
		l.amend("store.peers", Refused, fmt.Sprintf("%d nodes: at most 15 are supported", s.Replicas))
	}
	if s.Replicas%2 == 0 && s.Replicas > 0 {
		l.warn("store.replicas", fmt.Sprintf("%d nodes survive the loss of %d, no more than %d would; take an odd number",
			s.Replicas, s.Replicas-s.Quorum(), s.Replicas-1))
	}
}

// address settles where this node's links are accepted and under which name.
func (l *loader) address() {
	s := &l.target.cfg.Store
	if s.Election == Peers {
		l.self(s)
	} else {
		s.Self = ""
	}
	if s.Bind == "" {
		switch s.Election {
		case Peers:
			s.Bind = s.Self
		case ZooKeeper:
			s.Bind = "0.0.0.0:61619"
		}
	}
	if s.Hostname == "" {
		s.Hostname = l.hostname(s)
	}
	if s.Election != Alone && s.SecurityToken == "" && !isLoopback(s.Bind) {
		l.report.add(Finding{What: "no securityToken", Warning: true,
			Reason: fmt.Sprintf("whoever reaches %s can take part in the cluster; give all nodes the same one", s.Bind)})
	}
}

func (l *loader) hostname(s *Store) string {
	for _, a := range []string{s.ConnectURL, s.Self, s.Bind} {
		host, _, err := net.SplitHostPort(a)
		if err != nil || host == "" {
			continue
		}
		if ip := net.ParseIP(host); ip == nil || !ip.IsUnspecified() {
			return host
		}
	}
	if name, err := os.Hostname(); err == nil && name != "" {
		return name
	}
	return "localhost"
}

// self finds this node's entry in the list of peers.
func (l *loader) self(s *Store) {
	if s.Self != "" {
		for _, p := range s.Peers {
			if p == s.Self {
				return
			}
		}
		l.amend("store.self", Refused, "not one of the peers "+strings.Join(s.Peers, ", "))
		return
	}
	var matching []string
	local := localHosts(s.Hostname)
	_, bindPort, _ := net.SplitHostPort(s.Bind)
	for _, p := range s.Peers {
		host, port, _ := net.SplitHostPort(p)
		switch {
		case p == s.Bind:
			s.Self = p
			return
		case local[strings.ToLower(host)] && (bindPort == "" || port == bindPort):
			matching = append(matching, p)
		}
	}
	if len(matching) != 1 {
		l.amend("store.peers", Refused, "it is not clear which of them this node is: give self (--self)")
		return
	}
	s.Self = matching[0]
}

// localHosts are the names and addresses that mean this machine.
func localHosts(hostname string) map[string]bool {
	hosts := map[string]bool{"localhost": true}
	if hostname != "" {
		hosts[strings.ToLower(hostname)] = true
		return hosts
	}
	if name, err := os.Hostname(); err == nil {
		hosts[strings.ToLower(name)] = true
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return hosts
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok {
			hosts[n.IP.String()] = true
		}
	}
	return hosts
}

func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// connectors settles where clients are accepted.
func (l *loader) connectors() {
	cfg := l.target.cfg
	switch stomp := l.target.stomp; {
	case stomp == "off":
		cfg.Transports = nil
	case stomp != "":
		if len(cfg.Transports) == 0 {
			cfg.Transports = []Connector{newConnector("stomp", "stomp")}
		}
		cfg.Transports[0].Bind, cfg.Transports[0].URI = stomp, "stomp://"+stomp
	case l.props == nil: // no file
		c := newConnector("stomp", "stomp")
		c.Bind, c.URI = "127.0.0.1:61613", "stomp://127.0.0.1:61613"
		cfg.Transports = []Connector{c}
	case len(cfg.Transports) == 0:
		l.report.add(Finding{What: "no connector", Warning: true,
			Reason: "the file has no transportConnector of a protocol that is served: no client can connect; add stomp://, or give --stomp"})
	}
	taken := map[string]string{}
	if s := cfg.Store; s.Bind != "" && s.Election != Alone {
		taken[s.Bind] = "the replication links"
	}
	for _, c := range cfg.Transports {
		if by, ok := taken[c.Bind]; ok && !strings.HasSuffix(c.Bind, ":0") {
			l.report.add(Finding{What: fmt.Sprintf("transportConnector uri=%q", clip(c.URI)), Verdict: Refused,
				Reason: fmt.Sprintf("%s is taken by %s", c.Bind, by)})
		}
		taken[c.Bind] = "connector " + c.Name
	}
}

// limits turns percentages into bytes.
func (l *loader) limits() {
	cfg, p := l.target.cfg, l.target.percents
	if cfg.MemoryLimit == 0 {
		cfg.MemoryLimit = memoryLimit()
	}
	if p.memory > 0 {
		cfg.Usage.Memory = min(cfg.MemoryLimit/100*int64(p.memory), cfg.MemoryLimit/4)
	}
	if p.store == 0 && p.temp == 0 {
		return
	}
	disk := diskSize(cfg.Store.Dir)
	if disk == 0 {
		return // not known: the limits as bytes hold
	}
	if p.store > 0 {
		cfg.Usage.Store = disk / 100 * int64(p.store)
	}
	if p.temp > 0 {
		cfg.Usage.Temp = disk / 100 * int64(p.temp)
	}
}

// strength says where a key comes from: 0 nowhere, then file, environment,
// flag.
func (l *loader) strength(key string) int {
	f := l.last(key)
	switch {
	case f == nil:
		return 0
	case f.Line > 0:
		return 1
	case strings.HasPrefix(f.What, "--"):
		return 3
	}
	return 2
}

// amend changes what was found about a key, or adds a finding about its
// default.
func (l *loader) amend(key string, v Verdict, reason string) {
	f := l.last(key)
	if f == nil {
		l.report.add(Finding{What: key[strings.IndexByte(key, '.')+1:], Verdict: v, Reason: reason, key: key})
		return
	}
	if f.Verdict != Refused {
		f.Verdict, f.Reason = v, reason
	}
}

// warn keeps the verdict, and makes the finding one to look at.
func (l *loader) warn(key, reason string) {
	f := l.last(key)
	if f == nil {
		l.report.add(Finding{What: key[strings.IndexByte(key, '.')+1:], Warning: true, Reason: reason, key: key})
		return
	}
	if f.Verdict != Refused {
		f.Warning, f.Reason = true, reason
	}
}
