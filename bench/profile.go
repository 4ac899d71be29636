package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// profile takes CPU profiles of Quorate's nodes while a workload runs, if they
// are asked for: master-WORK.pprof and slave-WORK.pprof. The workload's end ends
// the wait for them, not the profiles, which take as long as a workload sends.
func profile(s system, work string, o options) (end func()) {
	q, ok := s.(*quorate)
	if !ok || o.profiles == "" {
		return func() {}
	}
	var wg sync.WaitGroup
	for i := range q.stomp {
		wg.Go(func() {
			<-time.After(time.Second) // queues are made first
			if err := q.profile(i, work, o); err != nil {
				log.Printf("profile of node %d: %v", i, err)
			}
		})
	}
	return wg.Wait
}

func (q *quorate) profile(i int, work string, o options) error {
	role := "slave"
	if c, err := dialStomp(q.stomp[i], ""); err == nil {
		c.Close()
		role = "master"
	}
	socket := filepath.Join(q.dir, fmt.Sprintf("n%d", i), "quorate.sock")
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	defer client.CloseIdleConnections()
	r, err := client.Get(fmt.Sprintf("http://node/debug/pprof/profile?seconds=%d", max(1, int(o.load.time.Seconds()))))
	if err != nil {
		return err
	}
	defer r.Body.Close()
	f, err := os.Create(filepath.Join(o.profiles, role+"-"+work+".pprof"))
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(f, r.Body)
	return err
}
