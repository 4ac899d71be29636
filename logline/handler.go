// Package logline prints the log as ActiveMQ's users know it, and holds the
// table of the lines that their monitoring looks for.
//
// A line is
//
//	2018-05-16 17:40:30,047 | INFO  | Master started: tcp://… | component | thread
//
// Component and thread come from the attributes of these names. Other
// attributes follow the message as key=value, but only in lines of our own: a
// line that stands in the table is printed as ActiveMQ prints it, and nothing
// is added to it.
package logline

import (
	"context"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"unicode"
)

// The attributes with a column of their own.
const (
	ComponentKey = "component"
	ThreadKey    = "thread"
)

// timeFormat is log4j's default: a comma before the milliseconds.
const timeFormat = "2006-01-02 15:04:05,000"

// Handler prints ActiveMQ's pattern. It may be used by several goroutines.
type Handler struct {
	out   *output
	level slog.Leveler

	component string
	thread    string
	attrs     string // " key=value" of those set by With
	group     string // prefix of keys, with its dot
}

type output struct {
	mu sync.Mutex
	w  io.Writer
}

// New gives a handler that writes whole lines to w, one Write each. format is
// "text" or "json".
func New(w io.Writer, format string, level slog.Leveler) slog.Handler {
	if format == "json" {
		return slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})
	}
	return &Handler{out: &output{w: w}, level: level}
}

// Open gives a logger as configured: format text or json, level by name, file
// to append to or empty for standard output. The second result closes it.
func Open(format, level, file string) (*slog.Logger, func() error, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, nil, err
	}
	if file == "" {
		return slog.New(New(os.Stdout, format, l)), func() error { return nil }, nil
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, nil, err
	}
	return slog.New(New(f, format, l)), f.Close, nil
}

// Enabled implements slog.Handler.
func (h *Handler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level.Level() }

// Handle implements slog.Handler.
func (h *Handler) Handle(_ context.Context, r slog.Record) error {
	component, thread := h.component, h.thread
	var extra strings.Builder
	extra.WriteString(h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case ComponentKey:
			component = a.Value.String()
		case ThreadKey:
			thread = a.Value.String()
		default:
			appendAttr(&extra, h.group, a)
		}
		return true
	})
	var b strings.Builder
	b.WriteString(r.Time.Format(timeFormat))
	b.WriteString(" | ")
	b.WriteString(levelName(r.Level))
	b.WriteString(" | ")
	b.WriteString(oneLine(r.Message))
	if !strings.HasPrefix(component, activemq) {
		b.WriteString(extra.String())
	}
	b.WriteString(" | ")
	b.WriteString(orDefault(component, "quorate"))
	b.WriteString(" | ")
	b.WriteString(orDefault(thread, "main"))
	b.WriteByte('\n')
	h.out.mu.Lock()
	defer h.out.mu.Unlock()
	_, err := io.WriteString(h.out.w, b.String())
	return err
}

// WithAttrs implements slog.Handler.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	next := *h
	var extra strings.Builder
	extra.WriteString(h.attrs)
	for _, a := range attrs {
		switch a.Key {
		case ComponentKey:
			next.component = a.Value.String()
		case ThreadKey:
			next.thread = a.Value.String()
		default:
			appendAttr(&extra, h.group, a)
		}
	}
	next.attrs = extra.String()
	return &next
}

// WithGroup implements slog.Handler.
func (h *Handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	next := *h
	next.group += name + "."
	return &next
}

// levelName is padded to five characters, as log4j's %-5p is.
func levelName(l slog.Level) string {
	switch {
	case l < slog.LevelInfo:
		return "DEBUG"
	case l < slog.LevelWarn:
		return "INFO "
	case l < slog.LevelError:
		return "WARN "
	}
	return "ERROR"
}

func appendAttr(b *strings.Builder, group string, a slog.Attr) {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		if a.Key != "" {
			group += a.Key + "."
		}
		for _, m := range v.Group() {
			appendAttr(b, group, m)
		}
		return
	}
	if a.Key == "" {
		return
	}
	text := v.String()
	if text == "" || strings.ContainsFunc(text, func(r rune) bool {
		return r == '"' || r == '=' || r == '|' || unicode.IsSpace(r) || !unicode.IsPrint(r)
	}) {
		text = strconv.Quote(text)
	}
	b.WriteByte(' ')
	b.WriteString(group + a.Key)
	b.WriteByte('=')
	b.WriteString(text)
}

// oneLine keeps what a client or a peer sent from looking like lines of ours.
func oneLine(s string) string {
	if !strings.ContainsFunc(s, unicode.IsControl) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}

func orDefault(s, def string) string {
	if s == "" {
		return def
	}
	return oneLine(s)
}
