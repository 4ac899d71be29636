package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/quorate/quorate/internal/testkit/proc"
)

// TestDiskFull gives one node a disk that fills up, as a slave and as the
// master: the others go on with all that was confirmed, and the node comes back
// after space was made and it was restarted.
func TestDiskFull(t *testing.T) {
	for _, role := range []string{"slave", "master"} {
		t.Run(role, func(t *testing.T) {
			ctx := timeout(t, 2*time.Minute)
			c := proc.New(t, proc.Setup{Nodes: 3})
			small := c.Nodes[0]
			if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", small.Dir).CombinedOutput(); err != nil {
				t.Skipf("no small disk here: %v: %s", err, out)
			}
			t.Cleanup(func() {
				_ = small.Kill() // it may have ended
				if out, err := exec.Command("umount", small.Dir).CombinedOutput(); err != nil {
					t.Errorf("umount: %v: %s", err, out)
				}
			})
			ballast := filepath.Join(small.Dir, "ballast")
			c.Start()
			master := c.Master(ctx)
			for (master == small) != (role == "master") {
				mark := mark(c.Others(master))
				if out, err := quorate(ctx, "cluster", "transfer", "--data", master.Dir); err != nil {
					t.Fatalf("cluster transfer: %v\n%s", err, out)
				}
				master = promoted(ctx, t, mark)
			}
			if err := send(c.Master(ctx).Stomp, "/queue/a", 0, 2000, 1024); err != nil {
				t.Fatal(err)
			}
			_ = os.WriteFile(ballast, make([]byte, 96<<20), 0o644) // ends where the disk is full
			marks := mark(c.Others(small))
			err := send(c.Master(ctx).Stomp, "/queue/b", 0, 20_000, 1024)
			if role == "slave" && err != nil {
				t.Fatalf("the master stopped because a slave's disk is full: %v", err)
			}
			if role == "master" {
				t.Logf("the master's disk is full: %v", err)
				promoted(ctx, t, marks)
			}
			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
			if err := small.Kill(); err != nil {
				t.Fatal(err)
			}
			at := small.Log.Mark()
			c.Start(small)
			c.Attached(ctx, small, at)
			if err := receive(c.Master(ctx).Stomp, "/queue/a", 0, 2000); err != nil {
				t.Error(err)
			}
		})
	}
}
