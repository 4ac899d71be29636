package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// parseBytes reads a size as ActiveMQ's files write it: "64 mb", "1gb",
// "104857600". Units are powers of 1024.
func parseBytes(text string) (int64, error) {
	number, unit := splitUnit(text)
	shift, ok := map[string]uint{
		"": 0, "b": 0, "k": 10, "kb": 10, "kib": 10, "m": 20, "mb": 20, "mib": 20,
		"g": 30, "gb": 30, "gib": 30, "t": 40, "tb": 40, "tib": 40,
	}[unit]
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || !ok || n < 0 {
		return 0, fmt.Errorf("%q is not a size: want a number and b, kb, mb, gb or tb, such as %q", text, "64 mb")
	}
	if n > math.MaxInt64>>shift {
		return 0, fmt.Errorf("%q is more than can be counted", text)
	}
	return n << shift, nil
}

// FormatBytes writes a size as a file may have it, in the largest whole unit:
// "64 mb".
func FormatBytes(n int64) string {
	for _, u := range []struct {
		name  string
		shift uint
	}{{"tb", 40}, {"gb", 30}, {"mb", 20}, {"kb", 10}} {
		if n >= 1<<u.shift && n&(1<<u.shift-1) == 0 {
			return fmt.Sprintf("%d %s", n>>u.shift, u.name)
		}
	}
	return strconv.FormatInt(n, 10)
}

// parseDuration reads "2s", "500 ms", "1h30m", or a number of milliseconds, as
// most of ActiveMQ's attributes are.
func parseDuration(text string) (time.Duration, error) {
	t := strings.Join(strings.Fields(strings.ToLower(text)), "")
	if n, err := strconv.ParseInt(t, 10, 64); err == nil {
		if n < 0 || n > int64(math.MaxInt64/time.Millisecond) {
			return 0, fmt.Errorf("%q milliseconds are out of range", text)
		}
		return time.Duration(n) * time.Millisecond, nil
	}
	d, err := time.ParseDuration(t)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is not a duration: want a number and ms, s, m or h, such as %q, or milliseconds", text, "2s")
	}
	return d, nil
}

// formatDuration leaves out what is zero at the end: 1h, not 1h0m0s.
func formatDuration(d time.Duration) string {
	if d == 0 {
		return "0"
	}
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

// parseBool reads true and false in any case, as Spring does.
func parseBool(text string) (bool, error) {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "true", "yes", "on", "1":
		return true, nil
	case "false", "no", "off", "0":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither true nor false", text)
}

// parseInt reads a whole number between lo and hi.
func parseInt(text string, lo, hi int) (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n < lo || n > hi {
		return 0, fmt.Errorf("%q is not a whole number from %d to %d", text, lo, hi)
	}
	return n, nil
}

// parseList splits at commas and drops blanks.
func parseList(text string) []string {
	var out []string
	for _, s := range strings.Split(text, ",") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// splitUnit cuts "64 mb" into "64" and "mb".
func splitUnit(text string) (number, unit string) {
	text = strings.ToLower(strings.TrimSpace(text))
	i := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsDigit(r) && r != '-' && r != '+' })
	if i < 0 {
		return text, ""
	}
	return strings.TrimSpace(text[:i]), strings.TrimSpace(text[i:])
}
