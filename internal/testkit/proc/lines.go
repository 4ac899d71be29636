package proc

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
)

// Lines is the output of a process, kept whole, that a test can wait on.
type Lines struct {
	mu      sync.Mutex
	lines   []string
	changed chan struct{}
}

func newLines() *Lines { return &Lines{changed: make(chan struct{})} }

func (l *Lines) read(r io.Reader, copyTo io.Writer) {
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		if copyTo != nil {
			fmt.Fprintln(copyTo, s.Text())
		}
		l.mu.Lock()
		l.lines = append(l.lines, s.Text())
		close(l.changed)
		l.changed = make(chan struct{})
		l.mu.Unlock()
	}
}

// Mark gives the number of lines so far, a point to search from.
func (l *Lines) Mark() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.lines)
}

// Since gives the lines after a mark.
func (l *Lines) Since(mark int) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.lines[min(mark, len(l.lines)):]...)
}

// Find gives the first line after a mark that contains the text, "" if none.
func (l *Lines) Find(mark int, text string) string {
	for _, line := range l.Since(mark) {
		if strings.Contains(line, text) {
			return line
		}
	}
	return ""
}

// Wait waits until a line after the mark contains the text.
func (l *Lines) Wait(ctx context.Context, mark int, text string) (string, error) {
	for {
		l.mu.Lock()
		changed := l.changed
		l.mu.Unlock()
		if line := l.Find(mark, text); line != "" {
			return line, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return "", fmt.Errorf("no line with %q: %w", text, ctx.Err())
		}
	}
}

// Tail gives the last n lines.
func (l *Lines) Tail(n int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines[max(0, len(l.lines)-n):], "\n")
}
