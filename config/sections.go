package config

// persistence takes up what is inside <persistenceAdapter>.
func (l *loader) persistence(e *element, path string) {
	for i, c := range e.children {
		if i > 0 {
			l.finding(c, Refused, "a second persistence adapter: a broker has one")
			continue
		}
		l.childrenOf(&element{name: e.name, line: e.line, children: e.children[:1]}, path)
	}
}

// adapter takes up one of the persistence adapters that are understood.
func (l *loader) adapter(e *element, path string) {
	l.target.cfg.Store.Adapter = e.name
	l.attributesAndChildren(e, path)
}
