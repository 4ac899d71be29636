package config

import (
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	seen := map[string]string{}
	once := func(kind, name, key string) {
		if name == "" {
			return
		}
		if other, ok := seen[kind+name]; ok {
			t.Errorf("%s %s belongs to %s and %s", kind, name, other, key)
		}
		seen[kind+name] = key
	}
	for _, k := range Keys() {
		once("key", k.Name, k.Name)
		once("flag", k.Flag, k.Name)
		once("variable", k.Env, k.Name)
		if k.Doc == "" || k.Type == "" || k.Since == "" || k.set == nil || !strings.HasSuffix(k.Doc, ".") {
			t.Errorf("%s lacks its documentation, type, version or setter", k.Name)
		}
		if (k.Default == "") == (k.Without == "") {
			t.Errorf("%s: want either a default or what its lack means", k.Name)
		}
		if k.Secret && k.Flag != "" {
			t.Errorf("%s is a secret with a flag, which other users of the machine can read", k.Name)
		}
		if k.Flag == "" && k.Env == "" && len(k.XML) == 0 {
			t.Errorf("%s cannot be set", k.Name)
		}
		for _, path := range k.XML {
			if _, known := attributes[path]; known {
				t.Errorf("%s is a key and in the table of what is not", path)
			}
			element, _, _ := strings.Cut(path, "@")
			if r, ok := elements[element]; !ok && !strings.HasSuffix(path, "Usage@limit") || r.leaf {
				t.Errorf("%s: its element is not taken up", path)
			}
		}
	}
}

// TestReplicatedAttributes: each attribute that ActiveMQ 5.16 has for the
// replicated store is known.
func TestReplicatedAttributes(t *testing.T) {
	for name := range strings.FieldsSeq(`directory replicas securityToken zkAddress zkPassword zkPath zkSessionTimeout
		zkSessionTmeout sync bind hostname connectUrl weight container brokerName failoverProducersAuditDepth
		maxFailoverProducersToTrack logSize indexFactory verifyChecksums paranoidChecks indexMaxOpenFiles
		indexBlockRestartInterval indexWriteBufferSize indexBlockSize indexCacheSize indexCompression logCompression
		flushDelay asyncBufferSize monitorStats locker useLock lockKeepAlivePeriod stopOnError
		scheduledThreadPoolExecutor usageManager brokerService`) {
		path := pathReplicated + "@" + name
		if _, rule := attributes[path]; byXML[path] == nil && !rule {
			t.Errorf("%s is not known", name)
		}
	}
}

func TestReferenceIsUpToDate(t *testing.T) { golden(t, "../docs/configuration.md", Reference()) }

func TestValues(t *testing.T) {
	for text, want := range map[string]int64{"64 mb": 64 << 20, "1GB": 1 << 30, "7": 7, "2k": 2048, " 3 tb ": 3 << 40, "5b": 5} {
		if got, err := parseBytes(text); err != nil || got != want {
			t.Errorf("parseBytes(%q) = %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "mb", "-1", "1 xb", "1.5 gb", "9999999999 tb"} {
		if got, err := parseBytes(text); err == nil {
			t.Errorf("parseBytes(%q) = %d", text, got)
		}
	}
	for text, want := range map[string]string{"2s": "2s", "500": "500ms", "1 h": "1h0m0s", "1m30s": "1m30s", "250MS": "250ms"} {
		if got, err := parseDuration(text); err != nil || got.String() != want {
			t.Errorf("parseDuration(%q) = %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "soon", "-1", "-2s", "99999999999999999999"} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("parseDuration(%q) = %v", text, got)
		}
	}
	for text, want := range map[string]string{"h:1": "h:1", "tcp://h:1": "h:1", "[::1]:2": "[::1]:2", "h": "h:9", "tcp://0.0.0.0": "0.0.0.0:9", "stomp://h:3?a=b": "h:3"} {
		if got, err := hostPort(text, "9"); err != nil || got != want {
			t.Errorf("hostPort(%q) = %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"h:99999", "h:x", "a b:1", "tcp://h:1:2"} {
		if got, err := hostPort(text, "9"); err == nil {
			t.Errorf("hostPort(%q) = %q", text, got)
		}
	}
}

func TestPlaceholders(t *testing.T) {
	p := &placeholders{
		define:  map[string]string{"a": "defined", "bomb": "${b1}${b1}"},
		files:   map[string]string{"a": "file", "b": "${a}!", "b1": strings.Repeat("x", maxExpanded)},
		environ: func(name string) (string, bool) { return "env", name == "c" },
		builtin: map[string]string{"c": "builtin", "d": "builtin"},
	}
	for text, want := range map[string]string{
		"${a}": "defined", "${b}": "defined!", "${c}/${d}": "env/builtin", "${e:x:y}": "x:y", "${e:${a}}": "defined",
		"plain $ { }": "plain $ { }", "${e:}": "",
	} {
		if got, err := p.expand(text); err != nil || got != want {
			t.Errorf("%s = %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"${e}", "${", "${bomb}"} {
		if got, err := p.expand(text); err == nil {
			t.Errorf("%s = %d bytes", text, len(got))
		}
	}
	props := map[string]string{}
	parseProperties("# c\n! c\na=1\nb : two words\nc three\nlong=x\\\ny\nempty=\r\n", props)
	if got := len(props); got != 5 || props["a"] != "1" || props["b"] != "two words" || props["c"] != "three" || props["long"] != "xy" {
		t.Errorf("got %q", props)
	}
}

// TestMessagingAttributes: each attribute that ActiveMQ has for a broker, a
// policy and what else concerns messages is known.
func TestMessagingAttributes(t *testing.T) {
	for path, names := range map[string]string{
		pathBroker: `adjustUsageLimits advisorySupport allowTempAutoCreationOnSend anonymousProducerAdvisorySupport brokerName
			cacheTempDestinations consumerSystemUsagePortion dataDirectory dedicatedTaskRunner deleteAllMessagesOnStartup
			diskUsageCheckRegrowThreshold enableMessageExpirationOnActiveDurableSubs enableStatistics keepDurableSubsActive
			maxInflatedDataSize maxPurgedDestinationsPerSweep maxSchedulerRepeatAllowed maxUncommittedCount mbeanInvocationTimeout
			monitorConnectionSplits networkConnectorStartAsync offlineDurableSubscriberTaskSchedule offlineDurableSubscriberTimeout
			passiveSlave persistenceThreadPriority persistent populateJMSXUserID populateUserNameInMBeans producerSystemUsagePortion
			rejectDurableConsumers restartAllowed rollbackOnlyOnAsyncException schedulePeriodForDestinationPurge
			schedulePeriodForDiskUsageCheck schedulerDirectory schedulerSupport shutdownOnMasterFailure shutdownOnSlaveFailure
			splitSystemUsageForProducersConsumers start startAsync storeOpenWireVersion supportFailOver systemExitOnShutdown
			systemExitOnShutdownExitCode taskRunnerPriority timeBeforePurgeTempDestinations tmpDataDirectory
			useAuthenticatedPrincipalForJMSXUserID useJmx useLocalHostBrokerName useLoggingForShutdownErrors useMirroredQueues
			useShutdownHook useTempMirroredQueues useVirtualDestSubs useVirtualDestSubsOnCreation useVirtualTopics
			waitForSlave waitForSlaveTimeout`,
		pathPolicy: `advancedMessageStatisticsEnabled advancedNetworkStatisticsEnabled advisoryForConsumed advisoryForDelivery
			advisoryForDiscardingMessages advisoryForDispatched advisoryForFastProducers advisoryForSlowConsumers advisoryWhenFull
			allConsumersExclusiveByDefault alwaysRetroactive blockedProducerWarningInterval consumersBeforeDispatchStarts
			cursorMemoryHighWaterMark doOptimzeMessageStorage durableTopicPrefetch enableAudit expireMessagesPeriod
			gcInactiveDestinations gcWithNetworkConsumers inactiveTimeoutBeforeGC inactiveTimoutBeforeGC includeBodyForAdvisory
			lazyDispatch maxAuditDepth maxBrowsePageSize maxDestinations maxExpirePageSize maxPageSize maxProducersToAudit
			maxQueueAuditDepth memoryLimit messageGroupMapFactoryType minimumMessageSize optimizeMessageStoreInFlightLimit
			optimizedDispatch persistJMSRedelivered prioritizedMessages producerFlowControl queue queueBrowserPrefetch queuePrefetch
			reduceMemoryFootprint sendAdvisoryIfNoConsumers sendDuplicateFromStoreToDLQ sendFailIfNoSpace
			sendFailIfNoSpaceAfterTimeout storeUsageHighWaterMark strictOrderDispatch tempQueue tempTopic timeBeforeDispatchStarts
			topic topicPrefetch useCache useConsumerPriority usePrefetchExtension useTopicSubscriptionInflightStats`,
		pathShared:         `deadLetterQueue enableAudit expiration maxAuditDepth maxProducersToAudit processExpired processNonPersistent`,
		pathIndividual:     `destinationPerDurableSubscriber enableAudit expiration maxAuditDepth maxProducersToAudit processExpired processNonPersistent queuePrefix queueSuffix topicPrefix topicSuffix useQueueForQueueMessages useQueueForTopicMessages`,
		pathSlowDispatch:   `abortConnection checkPeriod ignoreNetworkConsumers maxSlowCount maxSlowDuration name`,
		pathSlowAck:        `abortConnection checkPeriod ignoreIdleConsumers ignoreNetworkConsumers maxSlowCount maxSlowDuration maxTimeSinceLastAck name`,
		pathRedelivery:     `backOffMultiplier collisionAvoidancePercent initialRedeliveryDelay maximumRedeliveries maximumRedeliveryDelay preDispatchCheck queue redeliveryDelay tempQueue tempTopic topic useCollisionAvoidance useExponentialBackOff`,
		pathVirtualTopic:   `concurrentSend dropOnResourceLimit local name postfix prefix selectorAware setOriginalDestination transactedSend`,
		pathCompositeQueue: `concurrentSend copyMessage forwardOnly name sendWhenNotMatched`,
		pathCompositeTopic: `concurrentSend copyMessage forwardOnly name sendWhenNotMatched`,
		pathMirror:         `copyMessage postfix prefix`,
		pathStamp:          `futureOnly processNetworkMessages ttlCeiling zeroExpirationOverride`,
		pathDrop:           `dropAll dropOnly dropTemporaryQueues dropTemporaryTopics reportInterval`,
		pathForce:          `persistenceFlag`,
		pathUsage:          `checkLimitsLogLevel sendFailIfNoSpace sendFailIfNoSpaceAfterTimeout`,
	} {
		for name := range strings.FieldsSeq(names) {
			if _, rule := attributes[path+"@"+name]; byXML[path+"@"+name] == nil && !rule {
				t.Errorf("%s of %s is not known", name, path)
			}
		}
	}
	for name := range strings.FieldsSeq(`deadLetterStrategy destination dispatchPolicy messageEvictionStrategy messageGroupMapFactory
		messageInterceptorStrategy networkBridgeFilterFactory pendingDurableSubscriberPolicy pendingMessageLimitStrategy
		pendingQueuePolicy pendingSubscriberPolicy slowConsumerStrategy subscriptionRecoveryPolicy`) {
		if _, ok := elements[pathPolicy+"/"+name]; !ok {
			t.Errorf("<%s> of a policy is not known", name)
		}
	}
}
