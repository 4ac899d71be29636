package config

import (
	"regexp"
	"time"
)

// Messaging is what a broker does with messages, beside its limits.
type Messaging struct {
	Policies      []Policy // in the order of the file; the most specific pattern holds, alone
	DefaultPolicy *Policy  // where none matches; nil: the defaults

	Redeliveries      []Redelivery // of the redeliveryPlugin, chosen like the policies
	DefaultRedelivery *Redelivery
	DropExceeded      int // line that says that what failed too often is dropped, where a Redelivery holds; 0: none
	DropUnmatched     int // … where none does
	Drop              Drop

	Destinations []Destination // that are there from the start
	Virtual      Virtual

	Scheduler  bool
	MaxRepeat  int // 0: no bound
	Advisories bool

	PurgePeriod  time.Duration // between two looks for inactive destinations; 0: none
	PurgeSweep   int           // destinations that one look deletes; 0: no bound
	IdleDurables time.Duration // until a durable subscription without a consumer is deleted; 0: never

	Stamp Stamp
	Force string // persistent, nonPersistent, or empty: as clients say

	useVirtualTopics, useMirroredQueues bool
}

// Drop is the discardingDLQBrokerPlugin: whose dead letters are thrown away.
type Drop struct {
	All        bool
	TempQueues bool
	TempTopics bool
	Only       []*regexp.Regexp // of whole names
	Line       int              // 0: there is no such plugin
}

// Stamp is the timeStampingBrokerPlugin.
type Stamp struct {
	On         bool
	FutureOnly bool
	ZeroTTL    time.Duration // of messages without a time to live; 0: none
	MaxTTL     time.Duration // 0: no bound
}
