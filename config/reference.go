package config

import (
	"fmt"
	"slices"
	"strings"
)

// Reference gives the reference page, in Markdown, made from the table.
func Reference() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	for rest := keys; len(rest) > 0; {
		section, _, _ := strings.Cut(rest[0].Name, ".")
		n := 1
		for n < len(rest) && strings.HasPrefix(rest[n].Name, section+".") {
			n++
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", sectionTitles[section][0], sectionTitles[section][1])
		writeSection(&b, rest[:n])
		rest = rest[n:]
	}
	b.WriteString(referenceTail)
	return b.String()
}

// writeSection gives a key a chapter, or keys that stand in the file only a line
// each.
func writeSection(b *strings.Builder, keys []Key) {
	if slices.ContainsFunc(keys, func(k Key) bool { return k.Flag != "" || k.Env != "" }) {
		for _, k := range keys {
			writeKey(b, k)
		}
		return
	}
	b.WriteString("\n| key | in the file | type | default | |\n| --- | --- | --- | --- | --- |\n")
	for _, k := range keys {
		def := k.Without
		if k.Default != "" {
			def = "`" + k.Default + "`"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s |\n", k.Name, inFile(k), k.Type, def, k.Doc)
	}
}

// inFile gives what stands in the file for a key, without what is around it.
func inFile(k Key) string {
	var out []string
	for _, path := range k.XML {
		text, _, _ := strings.Cut(xmlExample(path), " in ")
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return strings.Join(out, ", ")
}

func writeKey(b *strings.Builder, k Key) {
	fmt.Fprintf(b, "\n### `%s`\n\n%s\n\n", k.Name, k.Doc)
	fmt.Fprintf(b, "| | |\n| --- | --- |\n| type | %s |\n", k.Type)
	switch {
	case k.Default != "":
		fmt.Fprintf(b, "| default | `%s` |\n", k.Default)
	case k.Without != "":
		fmt.Fprintf(b, "| default | %s |\n", k.Without)
	}
	if k.Flag != "" {
		fmt.Fprintf(b, "| flag | `--%s` |\n", k.Flag)
	}
	if k.Env != "" {
		fmt.Fprintf(b, "| variable | `%s` |\n", k.Env)
	}
	for _, path := range k.XML {
		fmt.Fprintf(b, "| file | %s |\n", xmlExample(path))
	}
	fmt.Fprintf(b, "| since | %s |\n", k.Since)
}

// xmlExample turns a path of the table into what stands in the file.
func xmlExample(path string) string {
	element, attr, isAttribute := strings.Cut(path, "@")
	within := ""
	if i := strings.LastIndexByte(element, '/'); i >= 0 {
		within, element = element[:i], element[i+1:]
		within = " in `" + within + "`"
	}
	if _, option, ok := strings.Cut(attr, "?"); ok {
		return fmt.Sprintf("`<%s uri=\"…?%s=…\">`%s", element, option, within)
	}
	if !isAttribute {
		return fmt.Sprintf("`<%s>`%s", element, within)
	}
	return fmt.Sprintf("`<%s %s=\"…\">`%s", element, attr, within)
}

const referenceHead = `# Configuration

<!-- Made by "quorate config reference" from the table in config/keys.go. Change the table, not this page. -->

A node is configured by ActiveMQ's ` + "`activemq.xml`" + `, by variables of the environment, and by flags; the later win over
the earlier. Without any of them it is a node alone that only its own machine can reach.

	quorate start --config conf/activemq.xml --data /var/lib/quorate
	quorate config check conf/activemq.xml

` + "`quorate config check`" + ` tells for each element and attribute of a file whether it is

* **honoured**: it means what it means in ActiveMQ;
* **mapped**: it means something close, or stronger, and the reason says what;
* **ignored**: it has no effect, and the reason says why; a name that nobody knows gets the nearest one that is known;
* **refused**: taking it up or leaving it out would break a promise. A node does not start with such a line.

## Types

| type | as it is written |
| --- | --- |
| size | a number of bytes, or with ` + "`kb`, `mb`, `gb`, `tb`" + ` of 1024: ` + "`64 mb`, `1gb`" + ` |
| duration | ` + "`500 ms`, `2s`, `1m30s`, `1h`" + `, or a number of milliseconds |
| address | ` + "`host:port` or `tcp://host:port`" + `; port 0 takes a free one |
| list | separated by commas |
| true or false | as it says |
| path | relative ones to the working directory |
| pattern | the name of a destination, in which ` + "`*` is one element and `>` the rest" + ` |
| element | one of the elements that the table names |

` + "`${name}` and `${name:default}`" + ` in the file are replaced: by ` + "`-Dname=value`" + ` of the command line, else by the property files
that the Spring configurer names, else by the environment, else by what ActiveMQ's start script defines
(` + "`activemq.data`, `activemq.conf`, `activemq.base`, `activemq.home`" + `).
`

const referenceTail = `
## What else a file may contain

Other elements and attributes of ActiveMQ are known and reported, each with its reason. Authentication and authorization
plugins, TLS connectors and stores in a database are refused for now: leaving them out would open what was meant to be
closed, or lose what was meant to be kept.
`

var sectionTitles = map[string][2]string{
	"broker":        {"The node", "Where a node lives and what it may take."},
	"store":         {"The store and the cluster", "`<replicatedLevelDB>` makes a node one of a cluster; `<kahaDB>` and `<levelDB>` make it one alone, with the same store."},
	"stomp":         {"STOMP", "A connector outside the file."},
	"connector":     {"Connectors of the file", "Options in the URI of a `<transportConnector>`, each its own."},
	"usage":         {"Limits of the broker", "`<systemUsage>`."},
	"messaging":     {"Messages", "Attributes of `<broker>` and of plugins that concern messages."},
	"policy":        {"Policies of destinations", "Attributes of a `<policyEntry>` and of the elements in it. It holds for the destinations that its pattern matches: `.` separates, `*` is one element, `>` the rest; `tempQueue=\"true\"` and `tempTopic=\"true\"` are for temporary ones. The most specific entry holds, alone: what it does not say is not taken from another one. `<defaultEntry>` is for what no entry matches. `quorate explain queue NAME` tells what holds for a destination, and where each value comes from."},
	"redelivery":    {"Redelivery", "Attributes of a `<redeliveryPolicy>` of the `redeliveryPlugin`. Its entries are chosen like those of policies, and replace what the policy says of redeliveries."},
	"virtualTopic":  {"Virtual topics", "A `<virtualTopic>`. As in ActiveMQ, `<destinationInterceptors>` replaces the default, which makes `VirtualTopic.>` virtual."},
	"composite":     {"Composite destinations", "A `<compositeQueue>` or `<compositeTopic>`."},
	"forward":       {"Where they forward to", "An element in `<forwardTo>`."},
	"mirroredQueue": {"Mirrored queues", "`<mirroredQueue>` copies every message of every queue to a topic."},
	"log":           {"The log", "Lines in ActiveMQ's pattern, or JSON."},
}
