package logline

import (
	"context"
	"fmt"
	"log/slog"
)

// activemq begins the component of every line that ActiveMQ has.
const activemq = "org.apache.activemq."

// The components, as ActiveMQ's loggers are called.
const (
	BrokerService      = activemq + "broker.BrokerService"
	TransportConnector = activemq + "broker.TransportConnector"
	MasterElector      = activemq + "leveldb.replicated.MasterElector"
	MasterStore        = activemq + "leveldb.replicated.MasterLevelDBStore"
	SlaveStore         = activemq + "leveldb.replicated.SlaveLevelDBStore"
	ZKClient           = activemq + "leveldb.replicated.groups.ZKClient"
	LevelDBStore       = activemq + "leveldb.LevelDBStore"
)

// A Line is one that operators of ActiveMQ look for. Format is that of fmt,
// and exactly the text that ActiveMQ logs, slips of the pen included.
type Line struct {
	Level     slog.Level
	Component string
	Format    string
	When      string // the moment at which it is logged
}

// Log writes the line. args fill its format. The logger's own attributes are
// not printed with it, except for the thread.
func (l *Line) Log(log *slog.Logger, args ...any) {
	log.LogAttrs(context.Background(), l.Level, l.Text(args...), slog.String(ComponentKey, l.Component))
}

// Text is the message with its arguments.
func (l *Line) Text(args ...any) string {
	if len(args) == 0 {
		return l.Format
	}
	return fmt.Sprintf(l.Format, args...)
}

// The lines, in the order of a node's life.
var (
	UsingReplicated = line(slog.LevelInfo, BrokerService, "Using Persistence Adapter: Replicated LevelDB[%s, %s/%s]",
		"start of a node of a cluster; store directory, zkAddress, zkPath (which keeps its own slash)")
	UsingLocal = line(slog.LevelInfo, BrokerService, "Using Persistence Adapter: %s[%s]",
		"start of a node alone; adapter, store directory")
	Starting = line(slog.LevelInfo, BrokerService, "Apache ActiveMQ %s (%s, %s) is starting",
		"the master opens its ports; version, broker name, broker id")
	Started = line(slog.LevelInfo, BrokerService, "Apache ActiveMQ %s (%s, %s) started",
		"the ports are open: clients are accepted")
	ShuttingDown = line(slog.LevelInfo, BrokerService, "Apache ActiveMQ %s (%s, %s) is shutting down",
		"the ports are about to close, by a stop or a demotion")
	Uptime = line(slog.LevelInfo, BrokerService, "Apache ActiveMQ %s (%s, %s) uptime %s",
		"with the shutdown")
	Shutdown = line(slog.LevelInfo, BrokerService, "Apache ActiveMQ %s (%s, %s) is shutdown",
		"the ports are closed")

	ConnectorListening = line(slog.LevelInfo, activemq+"transport.TransportServerThreadSupport", "Listening for connections at: %s",
		"a port is open; its URI")
	ConnectorStarted = line(slog.LevelInfo, TransportConnector, "Connector %s started",
		"a connector accepts clients; its name")
	ConnectorStopped = line(slog.LevelInfo, TransportConnector, "Connector %s stopped",
		"a connector is closed; its name")

	SessionExpired = line(slog.LevelWarn, ZKClient, "Expiration detected: trying to restart...",
		"the ZooKeeper session has expired")
	RecoveryEnter = line(slog.LevelInfo, ZKClient, "Entering recovery mode",
		"ZooKeeper could not be reached after an expired session")
	RecoveryTry = line(slog.LevelWarn, ZKClient, "Recovery mode: trying to reconnect to zookeeper [%d]",
		"each attempt; its number")
	RecoveryExit = line(slog.LevelInfo, ZKClient, "Exiting recovery mode.",
		"ZooKeeper is there again")

	NotEnoughForNew = line(slog.LevelInfo, MasterElector, "Not enough cluster members connected to elect a new master.",
		"nobody of this cluster is there")
	TooMany = line(slog.LevelWarn, MasterElector, "Too many cluster members are connected.  Expected at most %d members but there are %d connected.",
		"more members than replicas; replicas, members")
	NotEnough = line(slog.LevelInfo, MasterElector, "Not enough cluster members connected to elect a master.",
		"fewer members than a quorum")
	NewElection = line(slog.LevelInfo, MasterElector, "Previously elected master is not online, staring new election",
		"the master is gone")
	NoPositions = line(slog.LevelInfo, MasterElector, "Not enough cluster members have reported their update positions yet.",
		"an election waits for members")
	Promoted = line(slog.LevelInfo, MasterElector, "Promoted to master",
		"this node has won the election")
	MasterStarted = line(slog.LevelInfo, MasterElector, "Master started: %s",
		"it leads the log, and slaves can attach; the address of its links")
	Demoted = line(slog.LevelInfo, MasterElector, "Demoted to slave",
		"this node has ceased to lead")
	MasterStopped = line(slog.LevelInfo, MasterElector, "Master stopped",
		"its services are down")
	SlaveStarted = line(slog.LevelInfo, MasterElector, "Slave started",
		"this node follows a master")
	SlaveStopped = line(slog.LevelInfo, MasterElector, "Slave stopped",
		"it follows it no more")

	SlaveConnected = line(slog.LevelInfo, MasterStore, "Slave has connected: %s",
		"a slave has begun to attach; its node id")
	SlaveCaughtUp = line(slog.LevelInfo, MasterStore, "Slave has now caught up: %s",
		"a slave holds all that the master held when it connected; its node id")
	SlaveDisconnected = line(slog.LevelInfo, MasterStore, "Slave has disconnected: %s",
		"its links broke; its node id")
	StoreWaiting = line(slog.LevelWarn, MasterStore, "Store update waiting on %d replica(s) to catch up to log position %d. %s",
		"each second while nothing can be confirmed; missing replicas, position, how many slaves attach and are attached")
	SessionError = line(slog.LevelWarn, MasterStore, "Unexpected session error: %s",
		"a link of a slave broke with an error")

	Attaching = line(slog.LevelInfo, SlaveStore, "Attaching to master: %s",
		"a slave has found its master; the address of its links")
	SkippingDownload = line(slog.LevelInfo, SlaveStore, "Slave skipping download of: log/%016x.log",
		"a log file that the slave already holds; its first position")
	Requested = line(slog.LevelInfo, SlaveStore, "Slave requested: %s",
		"what it lacks: a file of a snapshot or a range of the log")
	Downloaded = line(slog.LevelInfo, SlaveStore, "Attaching... Downloaded %.2f/%.2f kb and %d/%d files",
		"after each of these; kilobytes of 1024, files")
	Attached = line(slog.LevelInfo, SlaveStore, "Attached",
		"the slave holds all that the master held when it connected, and follows live")
	SlaveSessionError = line(slog.LevelWarn, SlaveStore, "Unexpected session error: %s",
		"the link to the master broke with an error")
	Purged = line(slog.LevelInfo, SlaveStore, "Purged: LevelDB[%s]",
		"the store was replaced by a snapshot; its directory")

	DeleteAllRefused = line(slog.LevelInfo, activemq+"leveldb.replicated.ElectingLevelDBStore",
		"You instructed the broker to delete all messages (on startup?). Cannot delete all messages from an ElectingLevelDBStore because we need to decide who the master is first",
		"the file says deleteAllMessagesOnStartup")
	StoreStopped = line(slog.LevelInfo, LevelDBStore, "Stopped LevelDB[%s]",
		"the store is closed, or its services are; its directory")
)

var table []*Line

func line(level slog.Level, component, format, when string) *Line {
	l := &Line{Level: level, Component: component, Format: format, When: when}
	table = append(table, l)
	return l
}

// Lines gives the table, for the operator's manual.
func Lines() []*Line { return append([]*Line(nil), table...) }
