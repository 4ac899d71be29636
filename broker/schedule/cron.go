package schedule

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// ErrCron is returned for a cron entry that cannot be read or never comes.
var ErrCron = errors.New("invalid cron entry")

// MaxCron is the longest cron entry in bytes.
const MaxCron = 256

// A Cron is an entry of five fields as ActiveMQ reads them: minute, hour, day of
// the month, month, day of the week (0 to 7, both are Sunday), with "*", numbers,
// ranges "1-5", lists "1,3" and steps. A step keeps the values that it divides:
// "*/15", and "5-30/10" is 10, 20 and 30. If both days are restricted, either
// must match.
type Cron struct {
	minute, hour, day, month, weekday uint64 // a bit for each value
	anyDay                            bool   // the day of the month or of the week is "*"
}

// fields are the bounds of the fields, in their order.
var fields = [...]struct {
	name   string
	lo, hi int
}{{"minute", 0, 59}, {"hour", 0, 23}, {"day of the month", 1, 31}, {"month", 1, 12}, {"day of the week", 0, 7}}

// ParseCron reads an entry.
func ParseCron(entry string) (*Cron, error) {
	if len(entry) > MaxCron {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrCron, len(entry), MaxCron)
	}
	f := strings.Fields(entry)
	if len(f) != len(fields) {
		return nil, fmt.Errorf("%w %q: %d fields, there must be five: minute, hour, day of the month, month, day of the week", ErrCron, entry, len(f))
	}
	var sets [len(fields)]uint64
	for i, text := range f {
		set, err := values(text, fields[i].lo, fields[i].hi)
		if err != nil {
			return nil, fmt.Errorf("%w %q: %s: %w", ErrCron, entry, fields[i].name, err)
		}
		sets[i] = set
	}
	c := &Cron{minute: sets[0], hour: sets[1], day: sets[2], month: sets[3], weekday: sets[4], anyDay: f[2] == "*" || f[4] == "*"}
	if c.weekday&(1<<7) != 0 {
		c.weekday |= 1
	}
	if _, ok := c.Next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)); !ok {
		return nil, fmt.Errorf("%w %q: that day never comes", ErrCron, entry)
	}
	return c, nil
}

// values reads one field.
func values(text string, lo, hi int) (set uint64, err error) {
	list, step, stepped := strings.Cut(text, "/")
	for part := range strings.SplitSeq(list, ",") {
		from, to := lo, hi
		if part != "*" {
			if from, to, err = span(part, lo, hi); err != nil {
				return 0, err
			}
		}
		for v := from; v <= to; v++ {
			set |= 1 << v
		}
	}
	if !stepped {
		return set, nil
	}
	n, err := number(step, 1, hi)
	if err != nil {
		return 0, err
	}
	for v := lo; v <= hi; v++ {
		if v%n != 0 {
			set &^= 1 << v
		}
	}
	if set == 0 {
		return 0, fmt.Errorf("no value of %q can be divided by %d", list, n)
	}
	return set, nil
}

// span reads a number or a range.
func span(text string, lo, hi int) (from, to int, err error) {
	first, last, isRange := strings.Cut(text, "-")
	if from, err = number(first, lo, hi); err != nil || !isRange {
		return from, from, err
	}
	if to, err = number(last, lo, hi); err == nil && to < from {
		err = fmt.Errorf("the range %q ends before it begins", text)
	}
	return from, to, err
}

func number(text string, lo, hi int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < lo || n > hi {
		return 0, fmt.Errorf("%q is not a number from %d to %d", text, lo, hi)
	}
	return n, nil
}

// horizon is how many years Next looks ahead: a 29th of February is at most
// eight years away.
const horizon = 9

// Next gives the first minute behind t that the entry names, in t's time zone.
// An hour that the zone skips is skipped, one that it has twice comes twice. It
// reports false if there is none.
func (c *Cron) Next(t time.Time) (time.Time, bool) {
	loc := t.Location()
	t = t.Add(time.Minute - time.Duration(t.Second())*time.Second - time.Duration(t.Nanosecond()))
	for end := t.Year() + horizon; t.Year() < end; {
		before := t
		switch {
		case !has(c.month, int(t.Month())):
			t = time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, loc)
		case !c.onDay(t):
			t = time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, loc)
		case !has(c.hour, t.Hour()):
			t = t.Add(time.Hour - time.Duration(t.Minute())*time.Minute)
		case !has(c.minute, t.Minute()):
			t = t.Add(time.Duration(c.toMinute(t.Minute())) * time.Minute)
		default:
			return t, true
		}
		if !t.After(before) { // midnight does not exist in this zone on that day
			t = before.Add(time.Hour)
		}
	}
	return time.Time{}, false
}

// toMinute gives how far the next minute is, at most to the end of the hour.
func (c *Cron) toMinute(m int) int {
	rest := c.minute >> (m + 1)
	if rest == 0 {
		return 60 - m
	}
	return 1 + bits.TrailingZeros64(rest)
}

func (c *Cron) onDay(t time.Time) bool {
	day, weekday := has(c.day, t.Day()), has(c.weekday, int(t.Weekday()))
	if c.anyDay {
		return day && weekday
	}
	return day || weekday
}

func has(set uint64, v int) bool { return set&(1<<v) != 0 }
