// Package test runs whole clusters of the real binary, with a real ZooKeeper
// and with clients that this project did not write.
package test

import (
	"context"
	"os/exec"

	"github.com/quorate/quorate/internal/testkit/proc"
)

// quorate runs a command of the binary and gives what it printed.
func quorate(ctx context.Context, args ...string) (string, error) {
	bin, err := proc.Binary()
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, bin, args...).CombinedOutput()
	return string(out), err
}
