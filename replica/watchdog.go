package replica

import (
	"context"
	"fmt"
	"time"

	"github.com/quorate/quorate/replica/link"
)

// watch is the goroutine that looks at how long the writer has been at it. It
// takes no lock that is held over a disk operation: heartbeats do not wait for
// the disk either, so without it a leader whose disk hangs would stay in office
// and confirm nothing [M13].
func (n *Node) watch(ctx context.Context) {
	lim := n.cfg.Limits
	tick := time.NewTicker(max(lim.AppendSlow/8, time.Millisecond))
	defer tick.Stop()
	var warned int64
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		since := n.writer.since.Load()
		if since == 0 {
			continue
		}
		switch age := link.Now() - time.Duration(since); {
		case age >= lim.AppendDead:
			n.fail(fmt.Errorf("disk: an append to the log is not durable after %v", age.Round(beat)))
			return
		case age >= lim.AppendSlow && warned != since:
			warned = since
			reason := fmt.Sprintf("disk: an append to the log is not durable after %v", age.Round(beat))
			n.log.Warn("Disk is slow", "reason", reason)
			n.SetUnfit(reason, lim.Unfit)
			n.inbox.call(func(l *loop) { l.abdicate() })
		}
	}
}
