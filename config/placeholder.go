package config

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// What expanding ${…} may cost at most.
const (
	maxExpansionDepth = 16
	maxExpanded       = 64 << 10
	maxPropertyFile   = 1 << 20
)

// placeholders resolves ${name} and ${name:default} as Spring's configurer
// does. A definition on the command line (-Dname=value) wins over the property
// files, those over the environment, and the environment over what a start
// script of ActiveMQ would define: activemq.data and its like.
type placeholders struct {
	define  map[string]string
	files   map[string]string
	environ func(string) (string, bool)
	builtin map[string]string
}

func (p *placeholders) lookup(name string) (string, bool) {
	if v, ok := p.define[name]; ok {
		return v, true
	}
	if v, ok := p.files[name]; ok {
		return v, true
	}
	if v, ok := p.environ(name); ok {
		return v, true
	}
	v, ok := p.builtin[name]
	return v, ok
}

// expand gives the text with every placeholder replaced.
func (p *placeholders) expand(text string) (string, error) { return p.expandAt(text, 0) }

func (p *placeholders) expandAt(text string, depth int) (string, error) {
	if depth > maxExpansionDepth {
		return "", fmt.Errorf("placeholders refer to each other more than %d deep", maxExpansionDepth)
	}
	var out strings.Builder
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			out.WriteString(text)
			break
		}
		out.WriteString(text[:i])
		length := closing(text[i+2:])
		if length < 0 {
			return "", fmt.Errorf("%q has no closing brace", text[i:])
		}
		value, err := p.one(text[i+2:i+2+length], depth)
		if err != nil {
			return "", err
		}
		out.WriteString(value)
		text = text[i+2+length+1:]
		if out.Len() > maxExpanded {
			break
		}
	}
	if out.Len() > maxExpanded {
		return "", fmt.Errorf("placeholders expand to more than %d bytes", maxExpanded)
	}
	return out.String(), nil
}

// one resolves what stands between the braces.
func (p *placeholders) one(body string, depth int) (string, error) {
	name, def, hasDefault := strings.Cut(body, ":")
	if strings.Contains(name, "${") { // the name itself is composed
		whole, err := p.expandAt(body, depth+1)
		if err != nil {
			return "", err
		}
		name, def, hasDefault = strings.Cut(whole, ":")
	}
	if v, ok := p.lookup(strings.TrimSpace(name)); ok {
		return p.expandAt(v, depth+1)
	}
	if hasDefault {
		return p.expandAt(def, depth+1)
	}
	return "", fmt.Errorf("${%s} is not defined: give -D%s=…, an environment variable, a property file, or ${%s:default}", name, name, name)
}

// closing gives the length of the text up to the brace that closes it, or -1.
func closing(text string) int {
	open := 1
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '}':
			if open--; open == 0 {
				return i
			}
		case strings.HasPrefix(text[i:], "${"):
			open++
		}
	}
	return -1
}

// readProperties reads a Java property file: name=value or name: value, # and !
// start comments, a backslash at the end joins lines.
func readProperties(path string, into map[string]string) error {
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxPropertyFile+1))
	if err != nil {
		return err
	}
	if len(data) > maxPropertyFile {
		return fmt.Errorf("%s is larger than %d bytes", path, maxPropertyFile)
	}
	parseProperties(string(data), into)
	return nil
}

func parseProperties(text string, into map[string]string) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.ReplaceAll(text, "\\\n", "")
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		end := strings.IndexAny(line, "=: \t")
		if end < 0 {
			into[line] = ""
			continue
		}
		value := strings.TrimLeft(line[end:], " \t")
		value = strings.TrimLeft(strings.TrimPrefix(strings.TrimPrefix(value, "="), ":"), " \t")
		into[line[:end]] = value
	}
}
