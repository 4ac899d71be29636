package test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/quorate/quorate/internal/testkit/wire"
)

// send sends messages from..to of a queue, a window of them unconfirmed.
func send(addr, queue string, from, to, size int) error {
	c, err := wire.Dial(addr, 5*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	slots := make(chan struct{}, 500)
	done := make(chan error, 1)
	go func() {
		for n := from; n < to; n++ {
			f, err := c.Read()
			if err == nil && f.Command != "RECEIPT" {
				err = fmt.Errorf("%s %v", f.Command, f.Headers)
			}
			if err != nil {
				done <- fmt.Errorf("receipt %d of %s: %w", n, queue, err)
				return
			}
			<-slots
		}
		done <- nil
	}()
	noise := make([]byte, 1<<20) // nothing that a disk could compress
	rnd := rand.NewChaCha8([32]byte{})
	_, _ = rnd.Read(noise)
	for n := from; n < to; n++ {
		select {
		case slots <- struct{}{}:
		case err := <-done:
			return err
		}
		at := int(rnd.Uint64() % uint64(len(noise)-size))
		body := append([]byte(strconv.Itoa(n)+" "), noise[at:at+size]...)[:size]
		if err := c.Write("SEND", body, "destination", queue, "persistent", "true", "receipt", strconv.Itoa(n)); err != nil {
			return errors.Join(err, <-done)
		}
	}
	return <-done
}

// receive takes the messages from..to of a queue, which must come in order, and
// acknowledges each; the last acknowledgement is confirmed.
func receive(addr, queue string, from, to int) error {
	c, err := wire.Dial(addr, 5*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Write("SUBSCRIBE", nil, "id", "1", "destination", queue, "ack", "client-individual", "activemq.prefetchSize", "1000"); err != nil {
		return err
	}
	for n := from; n < to; n++ {
		f, err := c.Read()
		if err != nil {
			return fmt.Errorf("message %d of %s: %w", n, queue, err)
		}
		if f.Command != "MESSAGE" {
			return fmt.Errorf("message %d of %s: %s %v", n, queue, f.Command, f.Headers)
		}
		if word, _, _ := strings.Cut(string(f.Body), " "); word != strconv.Itoa(n) {
			return fmt.Errorf("message %d of %s: got %s", n, queue, word)
		}
		ack := []string{"id", f.Headers["ack"]}
		if n == to-1 {
			ack = append(ack, "receipt", "last")
		}
		if err := c.Write("ACK", nil, ack...); err != nil {
			return err
		}
	}
	if f, err := c.Read(); err != nil || f.Command != "RECEIPT" {
		return fmt.Errorf("the last acknowledgement of %s: %v, %w", queue, f, err)
	}
	return nil
}

// firstMessage gives the number of the first message of a queue, which stays there.
func firstMessage(addr, queue string) (string, error) {
	c, err := wire.Dial(addr, 5*time.Second)
	if err != nil {
		return "", err
	}
	defer c.Close()
	if err := c.Write("SUBSCRIBE", nil, "id", "1", "destination", queue, "ack", "client-individual", "activemq.prefetchSize", "1"); err != nil {
		return "", err
	}
	f, err := c.Read()
	if err != nil {
		return "", err
	}
	word, _, _ := strings.Cut(string(f.Body), " ")
	return word, nil
}
