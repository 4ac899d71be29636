package seat

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// After a power cut in the middle of Save, whichever operation was the last, the
// file is the old one or the new one; after Save has returned it is the new one.
func TestIdentityOutlivesPowerCuts(t *testing.T) {
	old := Identity{Cluster: [16]byte{1}, ID: 7, Seat: "h1:1", Incarnation: 4}
	raised := old
	raised.Incarnation++
	saved := false
	for n := int32(0); !saved; n++ {
		mem := vfs.NewCrashableMem()
		if err := errors.Join(mem.MkdirAll("d", 0o755), old.Save(mem, "d")); err != nil {
			t.Fatal(err)
		}
		root, err := mem.OpenDir("")
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(root.Sync(), root.Close()); err != nil {
			t.Fatal(err)
		}
		err = raised.Save(errorfs.Wrap(mem, errorfs.ErrInjected.If(errorfs.OnIndex(n))), "d")
		saved = err == nil
		got, err := LoadIdentity(mem.CrashClone(vfs.CrashCloneCfg{}), "d")
		if err != nil || got != raised && (saved || got != old) {
			t.Fatalf("operation %d, saved %v: %+v, %v", n, saved, got, err)
		}
		if n > 100 {
			t.Fatal("Save never succeeds")
		}
	}
}

// A damaged file is no missing file: nobody may be tempted to make a new one.
func TestDamagedIdentity(t *testing.T) {
	good := Identity{Cluster: [16]byte{1}, ID: 7, Seat: "h1:1", Incarnation: 4}.encode()
	for i := range len(good) + 1 {
		bad := append([]byte(nil), good[:i]...)
		if i == len(good) {
			bad[9] ^= 1
		}
		mem := vfs.NewMem()
		f, err := mem.Create(identityFile, "test")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(bad); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadIdentity(mem, ""); !errors.Is(err, ErrIdentity) || errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("%d bytes of %d: %v", i, len(good), err)
		}
	}
}

func TestCheck(t *testing.T) {
	for what, damage := range map[string]func(*Table){
		"no cluster":       func(t *Table) { t.Cluster = [16]byte{} },
		"seat missing":     func(t *Table) { t.Seats = t.Seats[:2] },
		"no identity":      func(t *Table) { t.Seats[0].ID = 0 },
		"identity twice":   func(t *Table) { t.Seats[0].ID = 2 },
		"no name":          func(t *Table) { t.Seats[0].Name = "" },
		"name twice":       func(t *Table) { t.Seats[0].Name = "h2:1" },
		"learner is voter": func(t *Table) { t.Seats[0].Learner = 2 },
		"learner twice":    func(t *Table) { t.Seats[0].Learner, t.Seats[1].Learner = 9, 9 },
	} {
		tb := table(3)
		damage(tb)
		if _, err := Decode(tb.Append(nil)); !errors.Is(err, ErrTable) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
