package broker

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/quorate/quorate/message"
	"github.com/quorate/quorate/store"
)

// TestSchedules runs the files of testdata/schedules, each from midnight on the
// first of January 2000, UTC, with a clock that only the lines move:
//
//	listen DESTINATION          deliveries are told from now on, and acknowledged
//	send DESTINATION BODY [NAME=VALUE …] [volatile] [ttl=SECONDS] [reply=DESTINATION] [tx]
//	commit                      of what was sent with tx
//	run SECONDS                 lets time pass
//	jobs   remove JOB   move JOB SECONDS-FROM-NOW
//	failover [SECONDS]          nobody reigns for so long
//
// Blanks in a value are written as "_".
func TestSchedules(t *testing.T) {
	datadriven.Walk(t, "testdata/schedules", func(t *testing.T, path string) {
		synctest.Test(t, func(t *testing.T) {
			x := &timetable{t: t}
			x.heard.init()
			x.r = newRig(t, func(c *Config) {
				c.Now = func() time.Time { return time.Now().UTC() }
				c.MaxRepeat = 100
			})
			x.sender = x.r.connect("")
			datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
				var out strings.Builder
				first := d.Cmd
				for _, a := range d.CmdArgs {
					first += " " + a.String()
				}
				for line := range strings.Lines(first + "\n" + d.Input) {
					if words := strings.Fields(line); len(words) > 0 {
						x.out = &out
						x.do(words)
						synctest.Wait()
						x.told()
					}
				}
				return out.String()
			})
		})
	})
}

type timetable struct {
	t         *testing.T
	r         *rig
	sender    *client
	tx        *Tx
	listening []message.Destination
	heard     inbox[heard]
	out       *strings.Builder
}

// heard is a delivery. Which of two destinations gets its message first is
// nobody's promise.
type heard struct {
	at   int64
	to   string
	line string
}

// Deliver acknowledges at once.
func (x *timetable) Deliver(d *Delivery) {
	m := d.Message
	line := fmt.Sprintf("%s %s %s %q", x.now(), m.Destination, m.ID, m.Body)
	if strings.HasPrefix(m.ID, "ID:b-") {
		line = strings.Replace(line, m.ID, "ID:new", 1)
	}
	if !m.Persistent {
		line += " volatile"
	}
	for _, p := range m.Properties {
		line += fmt.Sprintf(" %s=%v", p.Name, p.Value)
	}
	if m.Expiration != 0 {
		line += fmt.Sprintf(" sent=%s expires=%s", x.at(m.Timestamp), x.at(m.Expiration))
	}
	if !m.Original.IsZero() {
		line += " original=" + m.Original.String()
	}
	x.heard.post(heard{time.Now().UnixMilli(), m.Destination.String(), line})
	d.Sub.Ack(d, false, nil, nil)
}

func (x *timetable) Close(error) {}

func (x *timetable) now() string { return x.at(time.Now().UnixMilli()) }

func (x *timetable) at(ms int64) string {
	return strings.TrimPrefix(time.UnixMilli(ms).UTC().Format("02 15:04:05.000"), "01 ")
}

func (x *timetable) told() {
	all := x.heard.take(nil)
	slices.SortStableFunc(all, func(a, b heard) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.to, b.to)) })
	for _, h := range all {
		fmt.Fprintln(x.out, h.line)
	}
}

func (x *timetable) listen(d message.Destination) {
	c, err := x.r.b.Connect(ConnInfo{Protocol: "test", Remote: "r"}, x)
	if err != nil {
		x.t.Fatal(err)
	}
	if _, err := c.Subscribe(Spec{Destination: d}); err != nil {
		x.t.Fatal(err)
	}
}

func (x *timetable) do(words []string) {
	seconds := func(i int) time.Duration {
		d, err := time.ParseDuration(words[i] + "s")
		if err != nil {
			x.t.Fatal(err)
		}
		return d
	}
	switch words[0] {
	case "listen":
		d := x.dest(words[1])
		x.listening = append(x.listening, d)
		x.listen(d)
	case "send":
		x.send(words[1:])
	case "commit":
		x.say(wait(x.t, x.tx.Commit))
		x.tx = nil
	case "run":
		time.Sleep(seconds(1))
	case "jobs":
		x.jobs()
	case "remove":
		x.say(x.r.b.RemoveJob(context.Background(), words[1]))
	case "move":
		x.say(x.r.b.Reschedule(context.Background(), words[1], time.Now().Add(seconds(2))))
	case "failover":
		x.failover(words)
	default:
		x.t.Fatalf("no line %q", words)
	}
}

func (x *timetable) failover(words []string) {
	x.r.log.failWith(store.ErrUnknown)
	x.r.b.Stop(ErrUnknown)
	x.r.log.failWith(nil)
	if len(words) > 1 {
		d, err := time.ParseDuration(words[1] + "s")
		if err != nil {
			x.t.Fatal(err)
		}
		time.Sleep(d)
	}
	x.r.reign()
	x.sender = x.r.connect("")
	for _, d := range x.listening {
		x.listen(d)
	}
}

func (x *timetable) dest(s string) message.Destination {
	d, err := message.ParseDestination(s)
	if err != nil {
		x.t.Fatal(err)
	}
	return d
}

func (x *timetable) say(err error) {
	if err != nil {
		fmt.Fprintln(x.out, err)
	}
}

func (x *timetable) send(words []string) {
	m := persistent(x.dest(words[0]), words[1])
	m.Timestamp = time.Now().UnixMilli()
	var tx *Tx
	for _, w := range words[2:] {
		name, value, _ := strings.Cut(w, "=")
		value = strings.ReplaceAll(value, "_", " ")
		switch name {
		case "volatile":
			m.Persistent = false
		case "tx":
			if x.tx == nil {
				var err error
				if x.tx, err = x.sender.c.Begin(); err != nil {
					x.t.Fatal(err)
				}
			}
			tx = x.tx
		case "ttl":
			d, err := time.ParseDuration(value + "s")
			if err != nil {
				x.t.Fatal(err)
			}
			m.Expiration = m.Timestamp + d.Milliseconds()
		case "reply":
			m.ReplyTo = x.dest(value)
		case "DELAY", "PERIOD", "REPEAT", "CRON":
			m.Properties = append(m.Properties, message.Property{Name: propScheduled + name, Value: value})
		default:
			m.Properties = append(m.Properties, message.Property{Name: name, Value: value})
		}
	}
	x.say(x.sender.trySend(m, tx))
}

func (x *timetable) jobs() {
	var after store.JobPos
	for {
		page, err := x.r.b.Jobs(after, 2)
		if err != nil {
			x.t.Fatal(err)
		}
		if len(page) == 0 {
			if after.ID == 0 {
				fmt.Fprintln(x.out, "none")
			}
			return
		}
		for _, j := range page {
			fmt.Fprintf(x.out, "%s at %s to %s of %d bytes, left %d, asked %+v\n", j.ID, x.at(j.At.Due), j.Message.Destination, j.BodySize, j.Left, j.Asked)
		}
		after = page[len(page)-1].At
	}
}
