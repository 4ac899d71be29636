package schedule

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/cockroachdb/datadriven"
)

// TestPlans runs the scenarios. Times are seconds since a Monday's midnight, in
// UTC, as HH:MM:SS with days before; "step at=" looks at a later time than due.
func TestPlans(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		var p *Plan
		var due int64
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "cron":
				return crons(t, d)
			case "plan":
				var now, delay, period, repeat string
				d.MaybeScanArgs(t, "now", &now)
				d.MaybeScanArgs(t, "delay", &delay)
				d.MaybeScanArgs(t, "period", &period)
				d.MaybeScanArgs(t, "repeat", &repeat)
				r := Request{Delay: millis(delay), Period: millis(period), Cron: strings.TrimSpace(d.Input)}
				r.Repeat, _ = strconv.Atoi(repeat)
				var err error
				if p, err = New(r); err != nil {
					return err.Error() + "\n"
				}
				due = p.First(monday+millis(now), time.UTC)
				return "due " + clock(due) + "\n"
			case "move":
				var to string
				d.ScanArgs(t, "to", &to)
				due = monday + millis(to)
				p.Move(due)
				return ""
			case "steps":
				return steps(t, d, &p, &due)
			}
			t.Fatalf("%s: no command %s", d.Pos, d.Cmd)
			return ""
		})
	})
}

const monday = 1_000_080_000_000 // Mon Sep 10 2001, 00:00 UTC

func millis(s string) int64 {
	if s == "" {
		return 0
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return -7
	}
	return d.Milliseconds()
}

func clock(at int64) string { return time.UnixMilli(at).UTC().Format("Mon 02 Jan 15:04:05.000") }

func crons(t *testing.T, d *datadriven.TestData) string {
	zone, from := "UTC", "2001-09-10 00:00"
	d.MaybeScanArgs(t, "zone", &zone)
	for _, a := range d.CmdArgs {
		if a.Key == "from" {
			from = strings.Join(a.Vals, " ")
		}
	}
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.ParseInLocation("2006-01-02 15:04", from, loc)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for entry := range strings.SplitSeq(d.Input, "\n") {
		c, err := ParseCron(entry)
		if err != nil {
			fmt.Fprintln(&out, err)
			continue
		}
		fmt.Fprintf(&out, "%s:", entry)
		for next, n := at, 0; n < 4; n++ {
			next, _ = c.Next(next)
			fmt.Fprintf(&out, " | %s", next.Format("Mon 2006-01-02 15:04 -0700"))
		}
		fmt.Fprintln(&out)
	}
	return out.String()
}

// steps goes through n moments, each late by so much, the plan encoded and
// decoded between them.
func steps(t *testing.T, d *datadriven.TestData, p **Plan, due *int64) string {
	n, late := 1, ""
	d.MaybeScanArgs(t, "n", &n)
	d.MaybeScanArgs(t, "late", &late)
	var out strings.Builder
	for ; n > 0 && *due > 0; n-- {
		again, err := Decode((*p).Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		*p = again
		deliver, next := again.Step(*due, *due+millis(late), time.UTC)
		fmt.Fprintf(&out, "%s deliver=%t left=%d", clock(*due), deliver, again.Left())
		if *due = next; next == 0 {
			fmt.Fprint(&out, " end")
		}
		fmt.Fprintln(&out)
	}
	return out.String()
}

func FuzzCron(f *testing.F) {
	for _, s := range []string{"* * * * *", "*/15 0 1,15 * 1-5", "0 0 29 2 *", "0 0 31 2 *", "1-5/2 7 * * 7"} {
		f.Add(s, int64(monday))
	}
	f.Fuzz(func(t *testing.T, entry string, now int64) {
		c, err := ParseCron(entry)
		if err != nil || now < 0 || now > maxSpan {
			return
		}
		at := time.UnixMilli(now).UTC()
		next, ok := c.Next(at)
		if !ok || !next.After(at) || next.Second() != 0 {
			t.Fatalf("%q behind %s: %s, %v", entry, at, next, ok)
		}
	})
}

func FuzzSpec(f *testing.F) {
	for _, r := range []Request{{Delay: 5}, {Period: 3, Repeat: -1}, {Cron: "* * * * *", Delay: 1, Period: 2, Repeat: 3}} {
		p, err := New(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(p.Append(nil))
		if due := p.First(monday, time.UTC); due > 0 {
			p.Step(due, due, time.UTC)
		}
		f.Add(p.Append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Decode(b)
		if err != nil {
			return
		}
		if enc := p.Append(nil); len(enc) > 2048 {
			t.Fatalf("a plan of %d bytes", len(enc))
		}
		if _, next := p.Step(monday, monday+5, time.UTC); next != 0 && next <= monday {
			t.Fatalf("goes on at %d", next)
		}
		if _, err := Decode(p.Append(nil)); err != nil {
			t.Fatal(err)
		}
	})
}
