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
	"strings"
	"sync"
)

// profiles is the directory for CPU profiles, "" for none.
var profiles string

// profile takes CPU profiles of Quorate's nodes from now on, if they are asked
// for: master-WORK.pprof and slave-WORK.pprof. They take as long as a workload
// sends; end waits for them.
func profile(s system, work string, l load) (end func()) {
	q, ok := s.(*quorate)
	if !ok || profiles == "" {
		return func() {}
	}
	var wg sync.WaitGroup
	for i := range q.stomp {
		wg.Go(func() {
			if err := q.profile(i, work, l); err != nil {
				log.Printf("profile of node %d: %v", i, err)
			}
		})
	}
	return wg.Wait
}

func (q *quorate) profile(i int, work string, l load) error {
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
	r, err := client.Get(fmt.Sprintf("http://node/debug/pprof/profile?seconds=%d", max(1, int(l.time.Seconds()))))
	if err != nil {
		return err
	}
	defer r.Body.Close()
	word, _, _ := strings.Cut(work, " consumer")
	f, err := os.Create(filepath.Join(profiles, role+"-"+strings.ReplaceAll(word, ", ", "")+".pprof"))
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(f, r.Body)
	return err
}
