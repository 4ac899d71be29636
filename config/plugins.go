package config

// stamp takes up the timeStampingBrokerPlugin.
func (l *loader) stamp(e *element, path string) {
	l.target.cfg.Messaging.Stamp.On = true
	l.attributesAndChildren(e, path)
}

// drop takes up the discardingDLQBrokerPlugin, which drops everything unless it
// is told otherwise.
func (l *loader) drop(e *element, path string) {
	l.target.cfg.Messaging.Drop = Drop{All: true, TempQueues: true, TempTopics: true, Line: e.line}
	l.attributesAndChildren(e, path)
	if d := l.target.cfg.Messaging.Drop; d.All {
		l.report.add(Finding{Line: e.line, What: "discardingDLQBrokerPlugin dropAll", Warning: true,
			Reason: "no message that cannot be delivered is kept, on any destination, whatever the other attributes say"})
	}
}

// startup takes up a queue or topic of <destinations>.
func (l *loader) startup(e *element, path string) {
	if e.attr("physicalName") == "" {
		l.finding(e, Refused, "it has no physicalName")
	}
	l.attributesAndChildren(e, path)
}
