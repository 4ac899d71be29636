// Package floors holds the order of the house: a package imports only from
// floors below its own, rooms on one floor do not import each other, and a
// foreign library has one door. ARCHITECTURE.md draws the floors.
package floors

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/quorate/quorate/"

// floor gives each room its floor. A package below a room (store/x) belongs to
// that room unless it is listed itself. Packages inside one room may import
// each other.
var floor = map[string]int{
	"wal": 0, "message": 0, "selector": 0, "config": 0, "auth": 0, "logline": 0,
	"stomp/frame": 0, "openwire/wire": 0, "amqp/wire": 0, "mqtt/wire": 0,
	"store": 1, "replica": 1, "client": 1,
	"broker": 2, "cluster": 2,
	"stomp": 3, "openwire": 3, "amqp": 3, "mqtt": 3, "transport": 3, "console": 3,
	"node": 4,
	"cli":  5,
	"cmd":  6,
}

// doors names the rooms that may import a foreign package. The file system
// seam of Pebble (vfs) has its own, wider door.
var doors = map[string][]string{
	"github.com/cockroachdb/pebble/v2":     {"store"},
	"github.com/cockroachdb/pebble/v2/vfs": {"store", "wal", "replica", "node", "cli"},
	"go.etcd.io/raft/v3":                   {"replica"},
	"github.com/go-zookeeper/zk":           {"cluster"},
	"github.com/spf13/cobra":               {"cli", "cmd"},
}

type pkg struct {
	ImportPath string
	Imports    []string
}

func TestFloors(t *testing.T) {
	for _, p := range list(t) {
		from, known := room(p.ImportPath)
		if !known {
			if from != "internal" && from != "test" && from != "bench" {
				t.Errorf("%s stands on no floor: give its room one in this test and in ARCHITECTURE.md", p.ImportPath)
			}
			continue
		}
		for _, imp := range p.Imports {
			check(t, from, p.ImportPath, imp)
		}
	}
}

func check(t *testing.T, from, path, imp string) {
	t.Helper()
	if strings.HasPrefix(imp, module) {
		to, known := room(imp)
		if !known {
			t.Errorf("%s imports %s, which stands on no floor", path, imp)
		} else if to != from && floor[to] >= floor[from] {
			t.Errorf("%s (floor %d) imports %s (floor %d)", path, floor[from], imp, floor[to])
		}
		return
	}
	longest := ""
	for prefix := range doors {
		if (imp == prefix || strings.HasPrefix(imp, prefix+"/")) && len(prefix) > len(longest) {
			longest = prefix
		}
	}
	if longest != "" && !slices.Contains(doors[longest], from) {
		t.Errorf("%s imports %s, whose door is %v", path, imp, doors[longest])
	}
}

// room names the room of an import path and reports whether it has a floor.
func room(path string) (string, bool) {
	rel := strings.TrimPrefix(path, module)
	for r := rel; r != ""; {
		if _, ok := floor[r]; ok {
			return r, true
		}
		i := strings.LastIndexByte(r, '/')
		if i < 0 {
			break
		}
		r = r[:i]
	}
	first, _, _ := strings.Cut(rel, "/")
	return first, false
}

func list(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}
