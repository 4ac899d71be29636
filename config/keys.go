package config

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Element paths that several keys share.
const (
	pathBroker     = "broker"
	pathAdapters   = "broker/persistenceAdapter"
	pathReplicated = pathAdapters + "/replicatedLevelDB"
	pathLevelDB    = pathAdapters + "/levelDB"
	pathKahaDB     = pathAdapters + "/kahaDB"
	pathConnectors = "broker/transportConnectors"
	pathConnector  = pathConnectors + "/transportConnector"
	pathUsage      = "broker/systemUsage/systemUsage"
)

// first is the version that all keys so far came with.
const first = "0.1"

const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30
	tib = 1 << 40
)

// keys is the one table. A key that names no flag and no variable stands in the
// file only; those of scoped exist once for each connector, policy and so on.
var keys = slices.Concat(nodeKeys, messagingKeys, policyKeys, redeliveryKeys, routingKeys, logKeys)

var nodeKeys = []Key{
	{Name: "broker.name", Flag: "broker-name", Env: "QUORATE_BROKER_NAME", XML: []string{pathBroker + "@brokerName"},
		Type: "text", Default: "localhost", Since: first, set: setBrokerName,
		Doc: "Name of the broker, the same on every node of a cluster: nodes of different names that share a `zkPath` are different clusters."},
	{Name: "broker.data", Flag: "data", Env: "QUORATE_DATA", XML: []string{pathBroker + "@dataDirectory"},
		Type: "path", Without: "`ACTIVEMQ_DATA`, else `data`", Since: first, set: text(func(t *target) *string { return &t.cfg.DataDir }),
		Doc: "Directory of everything that a node keeps: store, process id, management socket, log of a daemon. It is `${activemq.data}` in the file. Two nodes must not share one."},
	{Name: "broker.memory", Flag: "memory", Env: "QUORATE_MEMORY",
		Type: "size", Without: "`GOMEMLIMIT`, else the container's limit, else 320 mb", Since: first,
		set: size(func(t *target) *int64 { return &t.cfg.MemoryLimit }, 64*mib, tib),
		Doc: "Memory that the process should keep below, and what `percentOfJvmHeap` is a percentage of. It is a soft limit, handed to the Go runtime."},
	{Name: "broker.socket", Flag: "socket", Env: "QUORATE_SOCKET",
		Type: "path", Without: "`quorate.sock` in the data directory", Since: first, set: text(func(t *target) *string { return &t.cfg.AdminSocket }),
		Doc: "Unix socket that `quorate status`, `stop` and `cluster` talk to. Only the user that runs the node can open it."},
	{Name: "broker.pidfile", Flag: "pid-file", Env: "QUORATE_PIDFILE",
		Type: "path", Without: "`quorate.pid` in the data directory", Since: first, set: text(func(t *target) *string { return &t.cfg.PIDFile }),
		Doc: "File that holds the process id while a node runs."},
	{Name: "broker.stopTimeout", Flag: "stop-timeout", Env: "QUORATE_STOP_TIMEOUT",
		Type: "duration", Default: "30s", Since: first, set: duration(func(t *target) *time.Duration { return &t.cfg.StopTimeout }, 0, time.Hour),
		Doc: "How long a graceful stop (hand-over to a slave, clients let go) may take before the process ends all the same."},

	{Name: "store.directory", Flag: "store", Env: "QUORATE_STORE",
		XML:  []string{pathReplicated + "@directory", pathLevelDB + "@directory", pathKahaDB + "@directory"},
		Type: "path", Without: "`store` in the data directory", Since: first, set: text(func(t *target) *string { return &t.cfg.Store.Dir }),
		Doc: "Directory of the durable store. Files of LevelDB or KahaDB in it are left alone; they are not read."},
	{Name: "store.replicas", Flag: "replicas", Env: "QUORATE_REPLICAS", XML: []string{pathReplicated + "@replicas"},
		Type: "number", Without: "the length of `peers`; 3 with ZooKeeper; 1 otherwise", Since: first,
		set: integer(func(t *target) *int { return &t.cfg.Store.Replicas }, 1, 15),
		Doc: "Number of nodes in the cluster, the same on every node. `replicas/2+1` of them have to be there. An odd number: a fourth node does not survive more failures than three do."},
	{Name: "store.zkAddress", Flag: "zk", Env: "QUORATE_ZK", XML: []string{pathReplicated + "@zkAddress"},
		Type: "list of addresses", Without: "`127.0.0.1:2181` in a `replicatedLevelDB` without `peers`", Since: first,
		set: addresses(func(t *target) *[]string { return &t.cfg.Store.ZK.Addresses }, "2181"),
		Doc: "The ZooKeeper ensemble that the nodes meet at: `host:port`, separated by commas."},
	{Name: "store.zkPath", Flag: "zk-path", Env: "QUORATE_ZK_PATH", XML: []string{pathReplicated + "@zkPath"},
		Type: "text", Default: "/default", Since: first, set: setZKPath,
		Doc: "Node of ZooKeeper's tree under which the cluster meets, the same on every node. ActiveMQ brokers and ours must not share one."},
	{Name: "store.zkPassword", Env: "QUORATE_ZK_PASSWORD", XML: []string{pathReplicated + "@zkPassword"}, Secret: true,
		Type: "text", Without: "none: everybody who reaches ZooKeeper can write", Since: first, set: text(func(t *target) *string { return &t.cfg.Store.ZK.Password }),
		Doc: "Password of the ZooKeeper user `fabric`. With one, only its holder can write under `zkPath`."},
	{Name: "store.zkSessionTimeout", Flag: "zk-session-timeout", Env: "QUORATE_ZK_SESSION_TIMEOUT",
		XML:  []string{pathReplicated + "@zkSessionTimeout", pathReplicated + "@zkSessionTmeout"},
		Type: "duration", Default: "2s", Since: first, set: duration(func(t *target) *time.Duration { return &t.cfg.Store.ZK.SessionTimeout }, 100*time.Millisecond, 10*time.Minute),
		Doc: "Session timeout asked of ZooKeeper, which raises it to twice its `tickTime`. A failover does not wait for it. `zkSessionTmeout`, as it was spelt up to ActiveMQ 5.10, is the same."},
	{Name: "store.peers", Flag: "peers", Env: "QUORATE_PEERS", XML: []string{pathReplicated + "@peers"},
		Type: "list of addresses", Without: "a cluster meets at ZooKeeper", Since: first,
		set: addresses(func(t *target) *[]string { return &t.cfg.Store.Peers }, "61619"),
		Doc: "The replication address of every node, this one included, the same list on every node; instead of `zkAddress`. Ours, not ActiveMQ's."},
	{Name: "store.self", Flag: "self", Env: "QUORATE_SELF", XML: []string{pathReplicated + "@self"},
		Type: "address", Without: "the entry of `peers` that matches `bind`, `hostname` or an address of this machine", Since: first,
		set: address(func(t *target) *string { return &t.cfg.Store.Self }, "61619"),
		Doc: "Which entry of `peers` this node is."},
	{Name: "store.bind", Flag: "bind", Env: "QUORATE_BIND", XML: []string{pathReplicated + "@bind"},
		Type: "address", Without: "this node's entry of `peers`; else `tcp://0.0.0.0:61619`", Since: first,
		set: address(func(t *target) *string { return &t.cfg.Store.Bind }, "61619"),
		Doc: "Where replication links are accepted. Port 0 takes a free one and publishes it in ZooKeeper. All nodes have it open at all times, not only the master."},
	{Name: "store.hostname", Flag: "hostname", Env: "QUORATE_HOSTNAME", XML: []string{pathReplicated + "@hostname"},
		Type: "text", Without: "the host in `bind` if it is one, else the machine's name", Since: first, set: setHostname,
		Doc: "Host name or address under which the other nodes reach this one."},
	{Name: "store.connectUrl", Flag: "connect-url", Env: "QUORATE_CONNECT_URL", XML: []string{pathReplicated + "@connectUrl"},
		Type: "address", Without: "`hostname` and the port of `bind`", Since: first,
		set: address(func(t *target) *string { return &t.cfg.Store.ConnectURL }, "61619"),
		Doc: "The whole address under which the other nodes reach this one, where address translation stands between them."},
	{Name: "store.weight", Flag: "weight", Env: "QUORATE_WEIGHT", XML: []string{pathReplicated + "@weight"},
		Type: "number", Default: "1", Since: first, set: integer(func(t *target) *int { return &t.cfg.Store.Weight }, 0, math.MaxInt32),
		Doc: "Preference among nodes that are equally recent: the higher one becomes master."},
	{Name: "store.securityToken", Env: "QUORATE_SECURITY_TOKEN", XML: []string{pathReplicated + "@securityToken"}, Secret: true,
		Type: "text", Without: "none: whoever reaches `bind` can take part", Since: first, set: text(func(t *target) *string { return &t.cfg.Store.SecurityToken }),
		Doc: "Secret that both ends of a replication link prove to know, the same on every node. It is never sent."},
	{Name: "store.container", Flag: "container", Env: "QUORATE_CONTAINER", XML: []string{pathReplicated + "@container"},
		Type: "text", Without: "none", Since: first, set: text(func(t *target) *string { return &t.cfg.Store.Container }),
		Doc: "Free text that is published in ZooKeeper with the node."},
	{Name: "store.sync", Flag: "sync", Env: "QUORATE_SYNC", XML: []string{pathReplicated + "@sync"},
		Type: "list of words", Default: guaranteed, Since: first, set: setSync,
		Doc: "When a message is confirmed. Whatever is written, `quorum_disk` is given: more than half of the nodes, the master among them, have flushed it to disk. " +
			"`local_mem`, `local_disk`, `remote_mem`, `remote_disk` and `quorum_mem` are accepted, mapped up to it, and the log says so at start."},
	{Name: "store.replaceAfter", Flag: "replace-after", Env: "QUORATE_REPLACE_AFTER", XML: []string{pathReplicated + "@replaceAfter"},
		Type: "duration", Default: "0s", Since: first, set: duration(func(t *target) *time.Duration { return &t.cfg.Store.ReplaceAfter }, 0, 10000*time.Hour),
		Doc: "How long a node must have been gone before a surplus one takes its seat by itself. 0: never, only by command. Ours, not ActiveMQ's."},
	{Name: "store.segmentSize", Flag: "segment-size", Env: "QUORATE_SEGMENT_SIZE",
		XML:  []string{pathReplicated + "@logSize", pathLevelDB + "@logSize", pathKahaDB + "@journalMaxFileLength"},
		Type: "size", Default: "64 mb", Since: first, set: size(func(t *target) *int64 { return &t.cfg.Store.SegmentSize }, mib, gib),
		Doc: "Size at which a file of the log is closed and the next one begun."},
	{Name: "store.logLimit", Flag: "log-limit", Env: "QUORATE_LOG_LIMIT", XML: []string{pathReplicated + "@logLimit"},
		Type: "size", Default: "256 mb", Since: first, set: size(func(t *target) *int64 { return &t.cfg.Store.LogLimit }, 16*mib, tib),
		Doc: "How much log is kept for slaves that were away; one that missed more gets a snapshot. Ours, not ActiveMQ's."},
	{Name: "store.cacheSize", Flag: "cache-size", Env: "QUORATE_CACHE_SIZE", XML: []string{pathReplicated + "@cacheSize"},
		Type: "size", Default: "16 mb", Since: first, set: size(func(t *target) *int64 { return &t.cfg.Store.CacheSize }, mib, tib),
		Doc: "Memory for blocks of the index. Ours, not ActiveMQ's."},
	{Name: "store.generationSize", Flag: "generation-size", Env: "QUORATE_GENERATION_SIZE", XML: []string{pathReplicated + "@generationSize"},
		Type: "size", Default: "48 mb", Since: first, set: size(func(t *target) *int64 { return &t.cfg.Store.GenerationSize }, mib, tib),
		Doc: "Memory for recent operations before they are written to the index. A message consumed within it never touches the index. Ours, not ActiveMQ's."},

	{Name: "stomp.bind", Flag: "stomp", Env: "QUORATE_STOMP",
		Type: "address", Without: "the connectors of the file; `127.0.0.1:61613` without a file", Since: first, set: setStomp,
		Doc: "Where STOMP clients are accepted, on the master. `off` closes it. It changes the first STOMP connector of the file, or adds one."},
	{Name: "connector.maximumConnections", XML: []string{pathConnector + "@uri?maximumConnections"},
		Type: "number", Default: "0", Since: first, set: integer(func(t *target) *int { return &t.conn.MaxConnections }, 0, math.MaxInt32),
		Doc: "Connections at a time; further ones are closed at once. 0: no limit."},
	{Name: "connector.maxFrameSize", XML: []string{pathConnector + "@uri?wireFormat.maxFrameSize", pathConnector + "@uri?wireFormat.maxDataLength"},
		Type: "size", Default: "100 mb", Since: first, set: size(func(t *target) *int64 { return &t.conn.MaxFrameSize }, kib, 2*gib),
		Doc: "Largest frame that a client may send."},
	{Name: "connector.connectAttemptTimeout", XML: []string{pathConnector + "@uri?transport.connectAttemptTimeout"},
		Type: "duration", Default: "30s", Since: first, set: duration(func(t *target) *time.Duration { return &t.conn.ConnectTimeout }, 0, time.Hour),
		Doc: "How long a client may take until its first frame is complete."},
	{Name: "connector.defaultHeartBeat", XML: []string{pathConnector + "@uri?transport.defaultHeartBeat"},
		Type: "two numbers", Default: "0,0", Since: first, set: setHeartBeat,
		Doc: "Heart-beat for STOMP 1.0 clients, which cannot negotiate one: milliseconds that we expect, milliseconds that we send."},
	{Name: "connector.hbGracePeriodMultiplier", XML: []string{pathConnector + "@uri?transport.hbGracePeriodMultiplier"},
		Type: "factor", Default: "1.5", Since: first, set: factor(func(t *target) *float64 { return &t.conn.HeartBeatGrace }, 1, 100),
		Doc: "A client is given up after its heart-beat interval times this."},

	{Name: "usage.memory", Flag: "memory-usage", Env: "QUORATE_MEMORY_USAGE", XML: []string{pathUsage + "/memoryUsage/memoryUsage@limit", pathUsage + "/memoryUsage@limit"},
		Type: "size", Default: "64 mb", Since: first, set: size(func(t *target) *int64 { return &t.cfg.Usage.Memory }, mib, tib),
		Doc: "Memory for messages that wait for dispatch. Beyond it they wait on disk; persistent sends are not held up by it."},
	{Name: "usage.memoryPercent", XML: []string{pathUsage + "/memoryUsage/memoryUsage@percentOfJvmHeap", pathUsage + "/memoryUsage@percentOfJvmHeap"},
		Type: "percent", Since: first, Without: "`limit` holds", set: setMemoryPercent,
		Doc: "The same as a percentage of `broker.memory`. At most a quarter of that is taken: the rest is for the store and the connections."},
	{Name: "usage.store", Flag: "store-usage", Env: "QUORATE_STORE_USAGE", XML: []string{pathUsage + "/storeUsage/storeUsage@limit", pathUsage + "/storeUsage@limit"},
		Type: "size", Default: "100 gb", Since: first, set: size(func(t *target) *int64 { return &t.cfg.Usage.Store }, mib, math.MaxInt64),
		Doc: "Disk for pending persistent messages. A full store holds up senders, and refuses them as `sendFailIfNoSpace` says."},
	{Name: "usage.storePercent", XML: []string{pathUsage + "/storeUsage/storeUsage@percentLimit", pathUsage + "/storeUsage@percentLimit"},
		Type: "percent", Since: first, Without: "`limit` holds", set: setStorePercent,
		Doc: "The same as a percentage of the disk that the store is on."},
	{Name: "usage.temp", Flag: "temp-usage", Env: "QUORATE_TEMP_USAGE", XML: []string{pathUsage + "/tempUsage/tempUsage@limit", pathUsage + "/tempUsage@limit"},
		Type: "size", Default: "50 gb", Since: first, set: size(func(t *target) *int64 { return &t.cfg.Usage.Temp }, mib, math.MaxInt64),
		Doc: "Disk for non-persistent messages that did not fit into memory."},
	{Name: "usage.tempPercent", XML: []string{pathUsage + "/tempUsage/tempUsage@percentLimit", pathUsage + "/tempUsage@percentLimit"},
		Type: "percent", Since: first, Without: "`limit` holds", set: setTempPercent,
		Doc: "The same as a percentage of the disk that the store is on."},
	{Name: "usage.sendFailIfNoSpace", XML: []string{pathUsage + "@sendFailIfNoSpace"},
		Type: "true or false", Default: "false", Since: first, set: boolean(func(t *target) *bool { return &t.cfg.Usage.FailIfNoSpace }),
		Doc: "Refuse a send at once when there is no space, instead of holding up the sender."},
	{Name: "usage.sendFailIfNoSpaceAfterTimeout", XML: []string{pathUsage + "@sendFailIfNoSpaceAfterTimeout"},
		Type: "duration", Default: "10s", Since: first, set: setNoSpaceWait,
		Doc: "Refuse a send that has been held up for this long. Nobody is held up for ever: 0, which means that in ActiveMQ, is the default."},
}

var logKeys = []Key{
	{Name: "log.format", Flag: "log-format", Env: "QUORATE_LOG_FORMAT",
		Type: "text or json", Default: "text", Since: first, set: words(func(t *target) *string { return &t.cfg.Log.Format }, "text", "json"),
		Doc: "`text` is ActiveMQ's pattern, `date | LEVEL | message | component | thread`; `json` is an object a line."},
	{Name: "log.level", Flag: "log-level", Env: "QUORATE_LOG_LEVEL",
		Type: "debug, info, warn or error", Default: "info", Since: first, set: words(func(t *target) *string { return &t.cfg.Log.Level }, "debug", "info", "warn", "error"),
		Doc: "Least level that is logged."},
	{Name: "log.file", Flag: "log-file", Env: "QUORATE_LOG_FILE",
		Type: "path", Without: "standard output; `quorate.log` in the data directory for a daemon", Since: first, set: text(func(t *target) *string { return &t.cfg.Log.File }),
		Doc: "File that the log is appended to."},
}

func setBrokerName(t *target, s string) (string, error) {
	s = strings.TrimSpace(s)
	if s == "" || len(s) > 255 || strings.ContainsAny(s, "\r\n\x00/") {
		return "", fmt.Errorf("%q is not a broker name: want 1 to 255 characters without a slash or line break", s)
	}
	t.cfg.BrokerName = s
	return "", nil
}

func setZKPath(t *target, s string) (string, error) {
	s = strings.TrimSpace(s)
	if !strings.HasPrefix(s, "/") || len(s) > 1024 || strings.Contains(s, "//") || strings.ContainsAny(s, " \t\r\n\x00") || (len(s) > 1 && strings.HasSuffix(s, "/")) {
		return "", fmt.Errorf("%q is not a path of ZooKeeper: want /name or /name/name", s)
	}
	t.cfg.Store.ZK.Path = s
	return "", nil
}

func setHostname(t *target, s string) (string, error) {
	s = strings.TrimSpace(s)
	if s == "" || len(s) > 255 || strings.ContainsAny(s, " \t\r\n\x00/@,") {
		return "", fmt.Errorf("%q is not a host name or address", s)
	}
	t.cfg.Store.Hostname = strings.Trim(s, "[]")
	return "", nil
}

func setSync(t *target, s string) (string, error) {
	list, err := parseSync(s)
	if err != nil {
		return "", err
	}
	t.cfg.Store.Sync = list
	if strings.Join(list, ",") == guaranteed {
		return "", nil
	}
	return guaranteed + " is given: a message is confirmed when a majority has flushed it to disk, never earlier", nil
}

func setStomp(t *target, s string) (string, error) {
	if off := strings.ToLower(strings.TrimSpace(s)); off == "off" || off == "none" {
		t.stomp = "off"
		return "", nil
	}
	bind, err := hostPort(s, "61613")
	if err != nil {
		return "", err
	}
	t.stomp = bind
	return "", nil
}
