package stomp

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/quorate/quorate/broker"
)

// TestScenarios plays the conversations of testdata/scenarios against a broker. The
// commands are
//
//	say CLIENT            bytes of the client; connects it first if need be
//	read CLIENT [n=1] [sorted]   frames that it gets
//	closed CLIENT         the connection is closed by the broker
//	hang-up CLIENT        the client closes it
//	log hold|go|lose      what becomes of proposals from here on
//	login USER=PASSCODE   from here on that is asked for
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata/scenarios", func(t *testing.T, path string) {
		users := map[string]string{}
		h := newHouse(t, broker.Limits{}, func(o *Options) {
			o.Login = func(login, passcode, _ string) (string, error) {
				if len(users) > 0 && users[login] != passcode {
					return "", errors.New("wrong passcode")
				}
				return login, nil
			}
		})
		clients := map[string]*peer{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			name := d.CmdArgs[0].Key
			if d.Cmd == "log" {
				h.log.set(name == "hold", name == "lose")
				return ""
			}
			if d.Cmd == "login" {
				users[name] = d.CmdArgs[0].Vals[0]
				return ""
			}
			c := clients[name]
			if c == nil {
				c = h.dial()
				clients[name] = c
			}
			c.t = t
			return play(c, d)
		})
	})
}

func play(c *peer, d *datadriven.TestData) string {
	switch d.Cmd {
	case "say":
		c.say(d.Input)
	case "read":
		n := 1
		d.MaybeScanArgs(c.t, "n", &n)
		var lines []string
		for range n {
			f, err := c.read()
			if err != nil {
				lines = append(lines, "error: "+err.Error())
				break
			}
			lines = append(lines, print(f))
		}
		if d.HasArg("sorted") {
			slices.Sort(lines)
		}
		return strings.Join(lines, "\n") + "\n"
	case "closed":
		c.SetReadDeadline(time.Now().Add(20 * time.Second))
		if f, err := c.r.Read(); err == nil {
			return print(f)
		} else if err != io.EOF && !strings.Contains(err.Error(), "reset") {
			return err.Error()
		}
	case "hang-up":
		c.Close()
	default:
		c.t.Fatalf("unknown command %s", d.Cmd)
	}
	return ""
}
