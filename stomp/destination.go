package stomp

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/quorate/quorate/message"
)

// The prefixes of destinations. Temporary ones are named by the client and are
// its own; as others see them they are remote.
const (
	queuePrefix           = "/queue/"
	topicPrefix           = "/topic/"
	tempQueuePrefix       = "/temp-queue/"
	tempTopicPrefix       = "/temp-topic/"
	remoteTempQueuePrefix = "/remote-temp-queue/"
	remoteTempTopicPrefix = "/remote-temp-topic/"
)

// destination reads the name of a destination, or of several with commas
// between ("/queue/A,/topic/B"). A temporary one is created on first use; a name
// without a prefix is a queue, or of the first one's kind. Options after "?" are
// cut off and returned.
func (s *session) destination(name string) (message.Destination, url.Values, error) {
	base, query, some := strings.Cut(name, "?")
	var options url.Values
	if some {
		var err error
		if options, err = url.ParseQuery(query); err != nil {
			return message.Destination{}, nil, wrong(badHeader, "The options of destination %.200q cannot be read: they are like ?consumer.prefetchSize=10.", name)
		}
	}
	if !strings.Contains(base, ",") {
		d, err := s.plainDestination(base, message.Queue)
		return d, options, err
	}
	var all []message.Destination
	kind := message.Queue
	for part := range strings.SplitSeq(base, ",") {
		d, err := s.plainDestination(strings.TrimSpace(part), kind)
		if err != nil {
			return message.Destination{}, nil, err
		}
		all = append(all, d)
		kind = all[0].Kind
	}
	return message.Join(all), options, nil
}

// prefixes are those that a client may write.
var prefixes = []struct {
	text string
	kind message.Kind
}{
	{queuePrefix, message.Queue}, {topicPrefix, message.Topic},
	{remoteTempQueuePrefix, message.TempQueue}, {remoteTempTopicPrefix, message.TempTopic},
	{tempQueuePrefix, message.TempQueue}, {tempTopicPrefix, message.TempTopic},
}

// plainDestination reads the name of one destination; kind is that of a name
// without a prefix.
func (s *session) plainDestination(name string, kind message.Kind) (message.Destination, error) {
	for _, p := range prefixes {
		rest, ok := strings.CutPrefix(name, p.text)
		if !ok {
			continue
		}
		if rest == "" {
			return message.Destination{}, wrong(badHeader, "The destination %.200q has no name.", name)
		}
		if p.text == tempQueuePrefix || p.text == tempTopicPrefix {
			return s.temporary(p.kind, name)
		}
		return message.Destination{Kind: p.kind, Name: rest}, nil
	}
	if name == "" {
		return message.Destination{}, wrong(missingHeader, "The destination is empty.")
	}
	return message.Destination{Kind: kind, Name: name}, nil
}

// temporary gives the destination that the client calls by this name.
func (s *session) temporary(kind message.Kind, name string) (message.Destination, error) {
	if d, ok := s.temps[name]; ok {
		return d, nil
	}
	// Others may have chosen the same name for theirs.
	d, err := s.bc.TempDestination(kind, s.id+":"+strconv.Itoa(len(s.temps)+1))
	if err != nil {
		return message.Destination{}, err
	}
	if s.temps == nil {
		s.temps = make(map[string]message.Destination)
	}
	s.temps[name] = d
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.tempNames == nil {
		s.mu.tempNames = make(map[message.Destination]string)
	}
	s.mu.tempNames[d] = name
	return d, nil
}

// appendDestination appends a header with a destination as this client names it.
func (s *session) appendDestination(b []byte, header string, d message.Destination) []byte {
	b = append(append(b, header...), ':')
	if !d.Composite() {
		return append(s.appendName(b, d), '\n')
	}
	all, err := d.Split()
	if err != nil {
		all = []message.Destination{d}
	}
	for i, one := range all {
		if i > 0 {
			b = append(b, ',')
		}
		b = s.appendName(b, one)
	}
	return append(b, '\n')
}

// appendName appends the name of one destination.
func (s *session) appendName(b []byte, d message.Destination) []byte {
	prefix := queuePrefix
	switch d.Kind {
	case message.Topic:
		prefix = topicPrefix
	case message.TempQueue, message.TempTopic:
		s.mu.Lock()
		own, ok := s.mu.tempNames[d]
		s.mu.Unlock()
		if ok {
			return s.version.AppendValue(b, own)
		}
		if prefix = remoteTempQueuePrefix; d.Kind == message.TempTopic {
			prefix = remoteTempTopicPrefix
		}
	}
	return s.version.AppendValue(append(b, prefix...), d.Name)
}
