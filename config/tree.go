package config

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
)

// What a file may be at most. A real one has a few hundred elements.
const (
	maxFileSize = 4 << 20
	maxDepth    = 64
	maxElements = 50_000
)

// An element of the file. Names are without their name space.
type element struct {
	name     string
	line     int
	attrs    []attribute
	children []*element
	text     []byte // character data of the element itself
}

// An attribute knows its own line, since files write one on each.
type attribute struct {
	name, value string
	line        int
}

// attr gives the value of the attribute of that name, or "".
func (e *element) attr(name string) string {
	for _, a := range e.attrs {
		if a.name == name {
			return a.value
		}
	}
	return ""
}

// A treeReader builds the tree while the decoder goes through the file.
type treeReader struct {
	data     []byte
	newlines []int // offsets
	dec      *xml.Decoder
	root     *element
	open     []*element
	count    int
}

// parseTree reads one XML document.
func parseTree(data []byte) (*element, error) {
	if len(data) > maxFileSize {
		return nil, fmt.Errorf("the file has %d bytes: at most %d are read", len(data), maxFileSize)
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	r := &treeReader{data: data, dec: xml.NewDecoder(bytes.NewReader(data))}
	for i, b := range data {
		if b == '\n' {
			r.newlines = append(r.newlines, i)
		}
	}
	r.dec.CharsetReader = latin1
	for {
		start := int(r.dec.InputOffset())
		tok, err := r.dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			var syntax *xml.SyntaxError
			if errors.As(err, &syntax) {
				return nil, fmt.Errorf("line %d: %s", syntax.Line, syntax.Msg)
			}
			return nil, fmt.Errorf("line %d: %w", r.line(start), err)
		}
		if err := r.token(tok, start); err != nil {
			return nil, fmt.Errorf("line %d: %w", r.line(start), err)
		}
	}
	if r.root == nil {
		return nil, errors.New("the file holds no XML element")
	}
	return r.root, nil
}

func (r *treeReader) token(tok xml.Token, start int) error {
	switch t := tok.(type) {
	case xml.StartElement:
		return r.start(t, start)
	case xml.EndElement:
		r.open = r.open[:len(r.open)-1]
	case xml.CharData:
		if len(r.open) > 0 {
			top := r.open[len(r.open)-1]
			top.text = append(top.text, t...)
		}
	}
	return nil
}

func (r *treeReader) start(t xml.StartElement, offset int) error {
	if r.count++; r.count > maxElements {
		return fmt.Errorf("more than %d elements", maxElements)
	}
	if len(r.open) >= maxDepth {
		return fmt.Errorf("elements are nested more than %d deep", maxDepth)
	}
	e := &element{name: t.Name.Local, line: r.line(offset)}
	lines := r.attributeLines(offset, int(r.dec.InputOffset()))
	for _, a := range t.Attr {
		if a.Name.Space == "xmlns" || a.Name.Local == "xmlns" || strings.Contains(a.Name.Space, "XMLSchema-instance") {
			continue
		}
		line, ok := lines[a.Name.Local]
		if !ok {
			line = e.line
		}
		e.attrs = append(e.attrs, attribute{name: a.Name.Local, value: a.Value, line: line})
	}
	switch {
	case len(r.open) > 0:
		parent := r.open[len(r.open)-1]
		parent.children = append(parent.children, e)
	case r.root == nil:
		r.root = e
	default:
		return fmt.Errorf("a second root element <%s>", e.name)
	}
	r.open = append(r.open, e)
	return nil
}

// line of an offset, the first is 1.
func (r *treeReader) line(offset int) int { return sort.SearchInts(r.newlines, offset) + 1 }

// attributeLines finds on which line each attribute of the start tag between
// two offsets begins.
func (r *treeReader) attributeLines(from, to int) map[string]int {
	if from < 0 || to > len(r.data) || from >= to || r.data[from] != '<' {
		return nil // the file was converted from another character set
	}
	lines := map[string]int{}
	tag := r.data[from:to]
	for i := 0; i < len(tag); {
		eq := bytes.IndexByte(tag[i:], '=')
		if eq < 0 {
			break
		}
		eq += i
		name := bytes.TrimSpace(tag[i:eq])
		if cut := bytes.LastIndexAny(name, " \t\r\n:"); cut >= 0 {
			name = name[cut+1:]
		}
		quote := bytes.IndexAny(tag[eq:], `"'`)
		if quote < 0 {
			break
		}
		quote += eq
		end := bytes.IndexByte(tag[quote+1:], tag[quote])
		if end < 0 {
			break
		}
		if len(name) > 0 {
			lines[string(name)] = r.line(from + bytes.LastIndex(tag[:eq], name))
		}
		i = quote + end + 2
	}
	return lines
}

// latin1 lets files through that declare the character sets which old editors
// wrote.
func latin1(charset string, in io.Reader) (io.Reader, error) {
	switch strings.ToLower(charset) {
	case "us-ascii", "ascii", "utf8":
		return in, nil
	case "iso-8859-1", "latin1":
		raw, err := io.ReadAll(in)
		if err != nil {
			return nil, err
		}
		out := make([]rune, len(raw))
		for i, b := range raw {
			out[i] = rune(b)
		}
		return strings.NewReader(string(out)), nil
	}
	return nil, fmt.Errorf("character set %q: want UTF-8", charset)
}
