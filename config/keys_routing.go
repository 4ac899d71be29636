package config

import (
	"fmt"
	"strings"
)

// forwards are the elements that a composite forwards to, below forwardTo.
var forwardParents = []string{pathCompositeQueue + "/forwardTo", pathCompositeTopic + "/forwardTo"}

// under gives a path below each of the parents.
func under(parents []string, path string) []string {
	var out []string
	for _, p := range parents {
		out = append(out, p+path)
	}
	return out
}

// routingKeys are the attributes inside <destinationInterceptors>.
var routingKeys = []Key{
	{Name: "virtualTopic.name", XML: []string{pathVirtualTopic + "@name"}, Type: "pattern", Default: ">", Since: first,
		set: pattern(func(t *target) *string { return &t.topic.Name }),
		Doc: "The topics that are virtual."},
	{Name: "virtualTopic.prefix", XML: []string{pathVirtualTopic + "@prefix"}, Type: "text", Default: "Consumer.*.", Since: first,
		set: affix(func(t *target) *string { return &t.topic.Prefix }),
		Doc: "What stands before the topic's name in those of the queues that get copies; `*` is the consumer's name."},
	{Name: "virtualTopic.postfix", XML: []string{pathVirtualTopic + "@postfix"}, Type: "text", Without: "nothing", Since: first,
		set: affix(func(t *target) *string { return &t.topic.Postfix }),
		Doc: "What stands behind it."},
	{Name: "virtualTopic.selectorAware", XML: []string{pathVirtualTopic + "@selectorAware"}, Type: "true or false", Default: "false", Since: first,
		set: boolean(func(t *target) *bool { return &t.topic.SelectorAware }),
		Doc: "Whether a queue only gets what one of its consumers selects."},
	{Name: "virtualTopic.setOriginalDestination", XML: []string{pathVirtualTopic + "@setOriginalDestination"}, Type: "true or false", Default: "true", Since: first,
		set: boolean(func(t *target) *bool { return &t.topic.Original }),
		Doc: "Whether copies name the topic as their original destination."},

	{Name: "composite.name", XML: []string{pathCompositeQueue + "@name", pathCompositeTopic + "@name"}, Type: "pattern", Without: "it has to be given", Since: first,
		set: pattern(func(t *target) *string { return &t.composite.Name }),
		Doc: "The queue or topic whose messages are forwarded."},
	{Name: "composite.forwardOnly", XML: []string{pathCompositeQueue + "@forwardOnly", pathCompositeTopic + "@forwardOnly"}, Type: "true or false", Default: "true", Since: first,
		set: boolean(func(t *target) *bool { return &t.composite.ForwardOnly }),
		Doc: "Whether messages are only forwarded, and not kept in it as well."},
	{Name: "composite.sendWhenNotMatched", XML: []string{pathCompositeQueue + "@sendWhenNotMatched", pathCompositeTopic + "@sendWhenNotMatched"}, Type: "true or false", Default: "false", Since: first,
		set: boolean(func(t *target) *bool { return &t.composite.Unmatched }),
		Doc: "Whether it keeps those that no filter takes."},
	{Name: "forward.physicalName", XML: append(under(forwardParents, "/queue@physicalName"), under(forwardParents, "/topic@physicalName")...),
		Type: "text", Without: "it has to be given", Since: first, set: setForward,
		Doc: "A queue or topic that messages are forwarded to."},
	{Name: "forward.filtered", XML: append(under(forwardParents, "/filteredDestination@queue"), under(forwardParents, "/filteredDestination@topic")...),
		Type: "text", Without: "it has to be given", Since: first, set: setForward,
		Doc: "One that gets only those that `selector` selects."},
	{Name: "forward.selector", XML: under(forwardParents, "/filteredDestination@selector"), Type: "text", Without: "everything", Since: first,
		set: text(func(t *target) *string { return &t.forward.Selector }),
		Doc: "Which of them, in SQL-92. Its syntax is checked when the node starts."},

	{Name: "mirroredQueue.prefix", XML: []string{pathMirror + "@prefix"}, Type: "text", Default: "VirtualTopic.Mirror.", Since: first,
		set: affix(func(t *target) *string { return &t.mirror.Prefix }),
		Doc: "What stands before a queue's name in that of the topic which gets a copy of every message."},
	{Name: "mirroredQueue.postfix", XML: []string{pathMirror + "@postfix"}, Type: "text", Without: "nothing", Since: first,
		set: affix(func(t *target) *string { return &t.mirror.Postfix }),
		Doc: "What stands behind it."},
}

// pattern takes a name with wildcards.
func pattern(field func(*target) *string) setter {
	return func(t *target, s string) (string, error) {
		s = strings.TrimSpace(s)
		if err := checkPattern(s); err != nil {
			return "", err
		}
		*field(t) = s
		return "", nil
	}
}

// affix takes a part of a name, as it stands.
func affix(field func(*target) *string) setter {
	return func(t *target, s string) (string, error) {
		if len(s) > maxName || strings.ContainsAny(s, "\r\n\x00,") {
			return "", fmt.Errorf("%q is not part of a destination's name: want up to %d characters on one line, without commas", clip(s), maxName)
		}
		*field(t) = s
		return "", nil
	}
}

// setForward takes the destination of a forward; the attribute or element tells
// its kind.
func setForward(t *target, s string) (string, error) {
	name, err := destinationName(s)
	if err != nil {
		return "", err
	}
	t.forward.Destination = Destination{Kind: t.kind, Name: name, Line: t.line}
	return "", nil
}
