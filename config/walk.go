package config

import (
	"fmt"
	"path/filepath"
	"strings"
)

// beans goes through the Spring wrapper: property files first, since they may
// stand behind the broker that uses them.
func (l *loader) beans(root *element) {
	for _, e := range root.children {
		if e.name == "bean" && strings.Contains(e.attr("class"), "PropertyPlaceholderConfigurer") ||
			e.name == "bean" && strings.Contains(e.attr("class"), "PropertySourcesPlaceholderConfigurer") {
			l.propertyFiles(e)
		} else if e.name == "property-placeholder" {
			l.finding(e, Mapped, "property files are read")
			l.propertyFile(e, e.attr("location"))
		}
	}
	for _, e := range root.children {
		switch e.name {
		case "broker":
			if l.brokers++; l.brokers > 1 {
				l.finding(e, Refused, "a second broker: a process runs one")
				continue
			}
			l.known(e, pathBroker)
		case "import":
			l.finding(e, Ignored, "imported files are not read; the web console is not served by this version")
		case "bean":
			if !strings.Contains(e.attr("class"), "PlaceholderConfigurer") {
				l.finding(e, Ignored, "Java beans cannot be loaded")
			}
		case "property-placeholder":
		case "description", "alias":
			l.finding(e, Ignored, "has no effect on a broker")
		default:
			l.unknownElement(e, "beans", []string{"broker", "bean", "import"})
		}
	}
}

// propertyFiles reads the files that Spring's configurer bean names, and the
// properties inside it.
func (l *loader) propertyFiles(bean *element) {
	l.finding(bean, Mapped, "property files are read; the environment and -D count as well")
	var visit func(e *element)
	visit = func(e *element) {
		switch {
		case e.name == "property" && e.attr("value") != "" && strings.HasPrefix(e.attr("name"), "location"):
			for _, f := range parseList(e.attr("value")) {
				l.propertyFile(e, f)
			}
		case e.name == "value" && len(e.children) == 0:
			if text := strings.TrimSpace(string(e.text)); strings.Contains(text, "=") {
				parseProperties(text, l.props.files)
			} else {
				l.propertyFile(e, text)
			}
		case e.name == "prop":
			l.props.files[e.attr("key")] = strings.TrimSpace(string(e.text))
		}
		for _, c := range e.children {
			visit(c)
		}
	}
	visit(bean)
}

// propertyFile reads one of them.
func (l *loader) propertyFile(e *element, location string) {
	f := Finding{Line: e.line, What: fmt.Sprintf("property file %q", clip(location))}
	path, err := l.props.expand(location)
	if err == nil {
		if rest, ok := strings.CutPrefix(path, "classpath:"); ok {
			path = filepath.Join(l.props.builtin["activemq.conf"], strings.TrimPrefix(rest, "/"))
		}
		if l.src.document != nil { // of a test, which names no files
			return
		}
		err = readProperties(filePath(path), l.props.files)
	}
	if err != nil {
		f.Verdict, f.Reason = Ignored, "not read: "+err.Error()
	}
	l.report.add(f)
}

// known takes up an element whose path is in the table of elements.
func (l *loader) known(e *element, path string) {
	r := elements[path]
	if byXML[path] != nil { // an element that is a value
		l.value(&Finding{Line: e.line, What: "<" + e.name + ">"}, path, e.name, func() {})
	} else if !r.silent {
		l.finding(e, r.verdict, r.reason)
	}
	if !r.leaf && r.enter != nil {
		r.enter(l, e, path)
	}
}

// attributesAndChildren judges both, each by its own.
func (l *loader) attributesAndChildren(e *element, path string) {
	for _, a := range e.attrs {
		l.attribute(e, a, path)
	}
	l.childrenOf(e, path)
}

func (l *loader) childrenOf(e *element, path string) {
	for _, c := range e.children {
		p := path + "/" + c.name
		entry, isDefault := defaultEntries[p]
		if isDefault {
			p = entry
		}
		if _, ok := elements[p]; ok {
			l.isDefault = isDefault
			l.known(c, p)
			continue
		}
		l.unknownElement(c, path, knownUnder(path, "/"))
	}
}

// attribute sets the key of an attribute, or says why not.
func (l *loader) attribute(e *element, a attribute, path string) {
	if a.name == "id" {
		return // a name for other Spring beans
	}
	f := Finding{Line: a.line, What: fmt.Sprintf("%s %s=%q", e.name, a.name, clip(a.value))}
	l.value(&f, path+"@"+a.name, a.value, func() {
		known := knownUnder(path, "@")
		if n := nearest(a.name, known); n != "" && path == pathReplicated {
			// A slip here may found another cluster than the one meant.
			f.Verdict, f.Reason = Refused, fmt.Sprintf("unknown attribute; did you mean %s?", n)
			l.report.add(f)
			return
		}
		l.unknown(&f, "attribute", a.name, known)
	})
}

// value judges one value that has a path in the tables. unknown is called if
// it has none.
func (l *loader) value(f *Finding, path, value string, unknown func()) {
	if k := byXML[path]; k != nil {
		f.key = k.Name
		if k.Secret {
			f.What = f.What[:strings.Index(f.What, "=")+1] + `"…"`
		}
		l.target.line, l.target.kind = f.Line, kindAt(path)
		expanded, err := l.props.expand(value)
		note := ""
		if err == nil {
			note, err = k.set(&l.target, expanded)
		}
		if err == nil {
			l.target.say(k)
		}
		l.judge(f, note, err)
		return
	}
	if r, ok := attributeRule(path); ok {
		f.Verdict, f.Reason = r.verdict, r.reason
		l.report.add(*f)
		return
	}
	unknown()
}

// attributeRule finds the rule of an attribute. The index settings of
// replicatedLevelDB hold for levelDB as well.
func attributeRule(path string) (rule, bool) {
	if r, ok := attributes[path]; ok {
		return r, true
	}
	if name, ok := strings.CutPrefix(path, pathLevelDB+"@"); ok {
		r, ok := attributes[pathReplicated+"@"+name]
		return r, ok
	}
	element, _, _ := strings.Cut(path, "@")
	r, ok := attributes[element+"@*"]
	return r, ok
}

func (l *loader) unknown(f *Finding, kind, name string, known []string) {
	f.Verdict, f.Reason = Ignored, "unknown "+kind
	if n := nearest(name, known); n != "" {
		f.Reason += fmt.Sprintf("; did you mean %s?", n)
	}
	l.report.add(*f)
}

func (l *loader) unknownElement(e *element, parent string, known []string) {
	f := Finding{Line: e.line, What: "<" + clip(e.name) + ">"}
	within := parent[strings.LastIndexByte(parent, '/')+1:]
	if n := nearest(e.name, known); parent == pathBroker && (n == "persistenceAdapter" || n == "plugins") {
		f.Verdict, f.Reason = Refused, "unknown element; did you mean "+n+"?"
		l.report.add(f)
		return
	}
	switch parent {
	case pathAdapters:
		f.Verdict, f.Reason = Refused, "unknown persistence adapter: want replicatedLevelDB, levelDB or kahaDB"
		l.report.add(f)
	case "broker/plugins":
		f.Verdict, f.Reason = Refused, "unknown plugin; it may be what guards the broker"
		l.report.add(f)
	default:
		l.unknown(&f, "element in <"+within+">", e.name, known)
	}
}

func (l *loader) finding(e *element, v Verdict, reason string) {
	what := "<" + clip(e.name) + ">"
	for _, name := range []string{"class", "resource", "queue", "topic"} {
		if a := e.attr(name); a != "" {
			what = fmt.Sprintf("<%s %s=%q>", clip(e.name), name, clip(a))
			break
		}
	}
	l.report.add(Finding{Line: e.line, What: what, Verdict: v, Reason: reason})
}

// clip shortens what a report repeats of a file.
func clip(s string) string {
	const most = 120
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && s[cut]&0xc0 == 0x80 { // not within a character
		cut--
	}
	return s[:cut] + "…"
}
