package config

import (
	"maps"
	"slices"
	"strings"
)

// A rule says what becomes of an element that is known. enter, if there is one,
// takes it up; without one its attributes and children are judged each by their
// own.
type rule struct {
	verdict Verdict
	reason  string
	leaf    bool // its attributes and children are not looked at
	silent  bool // enter reports on the element itself
	enter   func(l *loader, e *element, path string)
}

func honoured(enter func(l *loader, e *element, path string)) rule {
	return rule{verdict: Honoured, enter: enter}
}
func ignored(reason string) rule { return rule{verdict: Ignored, reason: reason, leaf: true} }
func refused(reason string) rule { return rule{verdict: Refused, reason: reason, leaf: true} }

const (
	notYet      = "not supported by this version"
	noJMX       = "there is no JMX; see quorate status"
	openDoor    = "users and rights are not supported yet; without them the broker would be open to everybody"
	indexTuning = "tunes the index of LevelDB or KahaDB; this store has another one"
)

// elements are the elements that are known.
var elements map[string]rule

func init() { // the entering functions lead back to this table
	elements = map[string]rule{
		pathBroker: honoured((*loader).attributesAndChildren),

		pathAdapters:   honoured((*loader).persistence),
		pathReplicated: honoured((*loader).adapter),
		pathLevelDB:    {verdict: Mapped, reason: "one node with this store; files of LevelDB are not read", enter: (*loader).adapter},
		pathKahaDB:     {verdict: Mapped, reason: "one node with this store; files of KahaDB are not read", enter: (*loader).adapter},
		pathAdapters + "/memoryPersistenceAdapter": {verdict: Mapped, leaf: true, reason: "one node with this store; messages survive a restart"},
		pathAdapters + "/mKahaDB":                  refused("several stores in one broker are not supported; use kahaDB or replicatedLevelDB"),
		pathAdapters + "/jdbcPersistenceAdapter":   refused("a database is not supported as store; use replicatedLevelDB for several nodes, kahaDB for one"),
		pathAdapters + "/journaledJDBC":            refused("a database is not supported as store; use replicatedLevelDB for several nodes, kahaDB for one"),
		pathAdapters + "/jdbc":                     refused("a database is not supported as store; use replicatedLevelDB for several nodes, kahaDB for one"),
		pathReplicated + "/locker":                 ignored("the replicated log elects the master; there is no lock"),
		pathLevelDB + "/locker":                    ignored("the store's directory is locked by the process that uses it"),
		pathKahaDB + "/locker":                     ignored("the store's directory is locked by the process that uses it"),

		pathConnectors: honoured((*loader).attributesAndChildren),
		pathConnector:  {silent: true, enter: (*loader).connector},

		"broker/systemUsage":                   honoured((*loader).attributesAndChildren),
		pathUsage:                              honoured((*loader).attributesAndChildren),
		pathUsage + "/memoryUsage":             honoured((*loader).attributesAndChildren),
		pathUsage + "/memoryUsage/memoryUsage": honoured((*loader).attributesAndChildren),
		pathUsage + "/storeUsage":              honoured((*loader).attributesAndChildren),
		pathUsage + "/storeUsage/storeUsage":   honoured((*loader).attributesAndChildren),
		pathUsage + "/tempUsage":               honoured((*loader).attributesAndChildren),
		pathUsage + "/tempUsage/tempUsage":     honoured((*loader).attributesAndChildren),
		pathUsage + "/jobSchedulerUsage":       ignored("scheduled messages are kept in the store and count as storeUsage"),

		"broker/managementContext":          ignored(noJMX),
		"broker/shutdownHooks":              ignored("Java beans cannot be loaded; a stop is graceful without them"),
		"broker/sslContext":                 ignored("TLS is not supported yet"),
		"broker/networkConnectors":          ignored("networks of brokers are not supported yet: nothing is forwarded"),
		"broker/proxyConnectors":            ignored(notYet),
		"broker/jmsBridgeConnectors":        ignored(notYet),
		"broker/services":                   ignored("Java beans cannot be loaded"),
		"broker/ioExceptionHandler":         ignored("a node with a failed disk leaves the cluster by itself"),
		"broker/plugins":                    honoured((*loader).attributesAndChildren),
		"broker/persistenceFactory":         refused("unknown stores cannot be loaded; use a persistenceAdapter"),
		"broker/persistenceFactories":       refused("unknown stores cannot be loaded; use a persistenceAdapter"),
		"broker/messageAuthorizationPolicy": refused(openDoor),
		"broker/tempDataStore":              ignored("non-persistent messages spill into the store's directory"),
		"broker/jobSchedulerStore":          ignored("scheduled messages are kept in the replicated store"),
		"broker/transportConnectorURIs":     ignored("use transportConnectors"),
		"broker/dataDirectoryFile":          ignored("use the attribute dataDirectory"),

		"broker/plugins/simpleAuthenticationPlugin":          refused(openDoor),
		"broker/plugins/jaasAuthenticationPlugin":            refused(openDoor),
		"broker/plugins/jaasCertificateAuthenticationPlugin": refused(openDoor),
		"broker/plugins/jaasDualAuthenticationPlugin":        refused(openDoor),
		"broker/plugins/authorizationPlugin":                 refused(openDoor),
		"broker/plugins/statisticsBrokerPlugin":              ignored(notYet),
		"broker/plugins/destinationPathSeparatorPlugin":      ignored("elements of names are separated by dots; a name with other separators is one element"),
		"broker/plugins/traceBrokerPathPlugin":               ignored(notYet),
		"broker/plugins/loggingBrokerPlugin":                 ignored(notYet),
		"broker/plugins/runtimeConfigurationPlugin":          ignored(notYet + ": a change of the file takes a restart"),
		"broker/plugins/virtualSelectorCacheBrokerPlugin":    ignored(notYet),
		"broker/plugins/connectionDotFilePlugin":             ignored(notYet),
		"broker/plugins/destinationDotFilePlugin":            ignored(notYet),
		"broker/plugins/camelRoutesBrokerPlugin":             ignored("Java routes cannot be loaded"),
		"broker/plugins/bean":                                ignored("Java plugins cannot be loaded"),
		"broker/plugins/ref":                                 ignored("Java plugins cannot be loaded"),
	}
	maps.Copy(elements, messagingElements())
	maps.Copy(attributes, messagingAttributes)
}

// attributes are the attributes and connector options that are known and not
// keys.
var attributes = map[string]rule{
	pathBroker + "@persistent":                             ignored("messages that clients send as persistent are stored, whatever this says"),
	pathBroker + "@deleteAllMessagesOnStartup":             ignored("no message is deleted by a restart; stop the node and remove its store to begin anew"),
	pathBroker + "@useJmx":                                 ignored(noJMX),
	pathBroker + "@schedulerDirectory":                     ignored("scheduled messages are kept in the replicated store"),
	pathBroker + "@useShutdownHook":                        ignored("a signal always stops the node gracefully"),
	pathBroker + "@start":                                  ignored("the node starts"),
	pathBroker + "@startAsync":                             ignored("the node starts"),
	pathBroker + "@restartAllowed":                         ignored("becoming a slave takes no restart"),
	pathBroker + "@populateJMSXUserID":                     ignored(notYet),
	pathBroker + "@keepDurableSubsActive":                  ignored("durable subscriptions are always kept"),
	pathBroker + "@dedicatedTaskRunner":                    ignored("there are no threads to dedicate"),
	pathBroker + "@monitorConnectionSplits":                ignored("networks of brokers are not supported yet"),
	pathBroker + "@networkConnectorStartAsync":             ignored("networks of brokers are not supported yet"),
	pathBroker + "@waitForSlave":                           ignored("a master always waits for a quorum"),
	pathBroker + "@shutdownOnSlaveFailure":                 ignored("a master serves as long as there is a quorum"),
	pathBroker + "@shutdownOnMasterFailure":                ignored("a slave takes over"),
	pathBroker + "@passiveSlave":                           ignored("a slave takes over"),
	pathBroker + "@splitSystemUsageForProducersConsumers":  ignored("producers and consumers share the limits"),
	pathBroker + "@allowTempAutoCreationOnSend":            ignored(notYet),
	pathBroker + "@useTempMirroredQueues":                  ignored(notYet),
	pathBroker + "@systemExitOnShutdown":                   ignored("a stopped node ends its process"),
	pathBroker + "@tmpDataDirectory":                       ignored("non-persistent messages spill into the store's directory"),
	pathBroker + "@rejectDurableConsumers":                 ignored(notYet),
	pathBroker + "@cacheTempDestinations":                  ignored("temporary destinations are memory of the master"),
	pathBroker + "@enableStatistics":                       ignored("statistics are always kept"),
	pathBroker + "@maxUncommittedCount":                    ignored(notYet),
	pathBroker + "@adjustUsageLimits":                      ignored("the limits hold as they are written"),
	pathBroker + "@diskUsageCheckRegrowThreshold":          ignored("the limits hold as they are written"),
	pathBroker + "@schedulePeriodForDiskUsageCheck":        ignored("the limits hold as they are written"),
	pathBroker + "@maxInflatedDataSize":                    ignored("bodies are not inflated"),
	pathBroker + "@mbeanInvocationTimeout":                 ignored(noJMX),
	pathBroker + "@populateUserNameInMBeans":               ignored(noJMX),
	pathBroker + "@persistenceThreadPriority":              ignored("there are no threads to set priorities of"),
	pathBroker + "@taskRunnerPriority":                     ignored("there are no threads to set priorities of"),
	pathBroker + "@rollbackOnlyOnAsyncException":           ignored("an error ends the STOMP connection, and its transactions with it"),
	pathBroker + "@storeOpenWireVersion":                   ignored("the store has a format of its own"),
	pathBroker + "@supportFailOver":                        ignored("a slave takes over"),
	pathBroker + "@waitForSlaveTimeout":                    ignored("a master always waits for a quorum"),
	pathBroker + "@systemExitOnShutdownExitCode":           ignored("the exit code is 0 after a graceful stop"),
	pathBroker + "@useAuthenticatedPrincipalForJMSXUserID": ignored(notYet),
	pathBroker + "@useLocalHostBrokerName":                 ignored("brokerName is the same on all nodes"),
	pathBroker + "@useLoggingForShutdownErrors":            ignored("errors are always logged"),

	pathReplicated + "@failoverProducersAuditDepth": ignored("2048 messages a producer are remembered, on every node alike"),
	pathReplicated + "@maxFailoverProducersToTrack": ignored("as many producers are remembered as the store's own limit says, on every node alike"),
	pathReplicated + "@verifyChecksums":             ignored("checksums are always verified"),
	pathReplicated + "@paranoidChecks":              ignored("checksums are always verified"),
	pathReplicated + "@logCompression":              ignored("the log is not compressed"),
	pathReplicated + "@flushDelay":                  ignored("nothing waits for a timer; what arrives during a flush goes with the next one"),
	pathReplicated + "@asyncBufferSize":             ignored("nothing is reported complete before it is flushed"),
	pathReplicated + "@monitorStats":                ignored("see quorate status"),
	pathReplicated + "@brokerName":                  ignored("the broker's attribute holds"),
	pathReplicated + "@locker":                      ignored("the replicated log elects the master; there is no lock"),
	pathReplicated + "@useLock":                     ignored("the replicated log elects the master; there is no lock"),
	pathReplicated + "@lockKeepAlivePeriod":         ignored("the replicated log elects the master; there is no lock"),
	pathReplicated + "@stopOnError":                 ignored("a node with a failed disk leaves the cluster by itself"),
	pathReplicated + "@scheduledThreadPoolExecutor": ignored("Java beans cannot be loaded"),
	pathReplicated + "@usageManager":                ignored("set by ActiveMQ itself, not in files"),
	pathReplicated + "@brokerService":               ignored("set by ActiveMQ itself, not in files"),
	pathReplicated + "@readThreads":                 ignored("never had an effect, in ActiveMQ neither"),
	pathReplicated + "@indexFactory":                ignored(indexTuning),
	pathReplicated + "@indexMaxOpenFiles":           ignored(indexTuning),
	pathReplicated + "@indexBlockRestartInterval":   ignored(indexTuning),
	pathReplicated + "@indexWriteBufferSize":        ignored(indexTuning),
	pathReplicated + "@indexBlockSize":              ignored(indexTuning),
	pathReplicated + "@indexCacheSize":              ignored(indexTuning + "; cacheSize is its cache"),
	pathReplicated + "@indexCompression":            ignored(indexTuning),

	pathLevelDB + "@sync":                     ignored("a persistent message is always flushed before it is confirmed"),
	pathLevelDB + "@logDirectory":             ignored("the log is in the store's directory"),
	pathLevelDB + "@autoCompactionRatio":      ignored(indexTuning),
	pathLevelDB + "@transactionIdTransformer": ignored("Java beans cannot be loaded"),

	pathKahaDB + "@enableJournalDiskSyncs":           ignored("a persistent message is always flushed before it is confirmed"),
	pathKahaDB + "@journalDiskSyncStrategy":          ignored("a persistent message is always flushed before it is confirmed"),
	pathKahaDB + "@journalDiskSyncInterval":          ignored("a persistent message is always flushed before it is confirmed"),
	pathKahaDB + "@concurrentStoreAndDispatchQueues": ignored("a message is dispatched when it is durable"),
	pathKahaDB + "@concurrentStoreAndDispatchTopics": ignored("a message is dispatched when it is durable"),
	pathKahaDB + "@ignoreMissingJournalfiles":        ignored("corruption is reported, never skipped"),
	pathKahaDB + "@checkForCorruptJournalFiles":      ignored("checksums are always verified"),
	pathKahaDB + "@checksumJournalFiles":             ignored("checksums are always verified"),
	pathKahaDB + "@indexDirectory":                   ignored("the index is in the store's directory"),
	pathKahaDB + "@archiveDataLogs":                  ignored(notYet),
	pathKahaDB + "@directoryArchive":                 ignored(notYet),
	pathKahaDB + "@*":                                ignored("tunes KahaDB; this store has no such setting"),

	pathConnector + "@name":                                 {verdict: Honoured},
	pathConnector + "@uri":                                  {verdict: Honoured},
	pathConnector + "@updateClusterClients":                 ignored(notYet + ": clients take the nodes from their failover URL"),
	pathConnector + "@rebalanceClusterClients":              ignored("clients are served by the master alone"),
	pathConnector + "@updateClusterClientsOnRemove":         ignored(notYet),
	pathConnector + "@updateClusterFilter":                  ignored(notYet),
	pathConnector + "@discoveryUri":                         ignored(notYet + ": the port is not announced"),
	pathConnector + "@enableStatusMonitor":                  ignored(notYet),
	pathConnector + "@allowLinkStealing":                    ignored(notYet),
	pathConnector + "@maximumConsumersAllowedPerConnection": ignored(notYet),
	pathConnector + "@maximumProducersAllowedPerConnection": ignored(notYet),
	pathConnector + "@auditNetworkProducers":                ignored("networks of brokers are not supported yet"),
	pathConnector + "@publishedAddressPolicy":               ignored(notYet),
	pathConnector + "@disableAsyncDispatch":                 ignored("a slow consumer never holds up others"),
	pathConnector + "@autoStart":                            ignored("the connector starts with the master"),
	pathConnector + "@displayStackTrace":                    ignored("errors have no stack traces"),
	pathConnector + "@warnOnRemoteClose":                    ignored(notYet),
	pathConnector + "@uri?transport.soTimeout":              ignored("heart-beats find dead connections"),
	pathConnector + "@uri?transport.soWriteTimeout":         ignored("heart-beats find dead connections"),
	pathConnector + "@uri?transport.closeAsync":             ignored("connections are always closed in the background"),
	pathConnector + "@uri?transport.trace":                  ignored(notYet + ": see --log-level=debug"),
	pathConnector + "@uri?transport.useKeepAlive":           ignored("connections are always kept alive"),
	pathConnector + "@uri?keepAlive":                        ignored("connections are always kept alive"),
	pathConnector + "@uri?transport.threadName":             ignored("there are no threads to name"),
	pathConnector + "@uri?transport.useInactivityMonitor":   ignored("heart-beats find dead connections"),
	pathConnector + "@uri?transport.transformer":            ignored(notYet),
	pathConnector + "@uri?wireFormat.maxInactivityDuration": ignored("for OpenWire; STOMP has heart-beats"),
	pathConnector + "@uri?soLinger":                         ignored("the system's default holds"),
	pathConnector + "@uri?backlog":                          ignored("the system's default holds"),
	pathConnector + "@uri?socketBufferSize":                 ignored("the system's default holds"),
	pathConnector + "@uri?ioBufferSize":                     ignored("buffers are taken when they are used"),

	pathUsage + "/storeUsage/storeUsage@total": ignored("the disk's size is asked of the system"),
	pathUsage + "/tempUsage/tempUsage@total":   ignored("the disk's size is asked of the system"),
	pathUsage + "@checkLimitsLogLevel":         ignored(notYet),
}

// knownUnder gives the names that may stand under a path: its attributes with
// the separator "@", its children with "/", a connector's options with "?".
func knownUnder(path, separator string) []string {
	var names []string
	add := func(p string) {
		rest, ok := strings.CutPrefix(p, path+separator)
		if ok && rest != "" && !strings.ContainsAny(rest, "/@?*") {
			names = append(names, rest)
		}
	}
	for p := range elements {
		add(p)
	}
	for p := range byXML {
		add(p)
	}
	for p := range attributes {
		add(p)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
