package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"syscall"
)

// ErrNotRunning says that no node answers at a socket.
var ErrNotRunning = errors.New("no node is running here")

// Client talks to the node behind a management socket.
type Client struct {
	path string
	http *http.Client
}

// NewClient gives a client; nothing is connected before the first call.
func NewClient(path string) *Client {
	return &Client{path: path, http: &http.Client{Transport: &http.Transport{
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, path) },
		DisableKeepAlives: true,
	}}}
}

// Status asks for the node's status.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var st Status
	_, err := c.call(ctx, http.MethodGet, "/status", nil, &st)
	return st, err
}

// Health asks whether the node is ready; that it is not is no error.
func (c *Client) Health(ctx context.Context) (Health, error) {
	var h Health
	code, err := c.call(ctx, http.MethodGet, "/health", nil, &h)
	if code == http.StatusServiceUnavailable {
		err = nil
	}
	return h, err
}

// Transfer asks the master to hand over to a seat, or to the best slave when
// to is empty, and returns its status afterwards.
func (c *Client) Transfer(ctx context.Context, to string) (Status, error) {
	var st Status
	_, err := c.call(ctx, http.MethodPost, "/transfer", transferRequest{to}, &st)
	return st, err
}

// Stop asks the node to stop gracefully, and does not wait for it.
func (c *Client) Stop(ctx context.Context) error {
	_, err := c.call(ctx, http.MethodPost, "/stop", nil, nil)
	return err
}

func (c *Client) call(ctx context.Context, method, path string, in, out any) (int, error) {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return 0, err
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://node"+path, body)
	if err != nil {
		return 0, err
	}
	resp, err := c.http.Do(req)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return 0, fmt.Errorf("%s: %w", c.path, ErrNotRunning)
	}
	if err != nil {
		return 0, fmt.Errorf("%s: %w", c.path, err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return resp.StatusCode, fmt.Errorf("%s: %w", c.path, err)
	}
	if out != nil {
		if err := json.Unmarshal(raw, out); err != nil {
			return resp.StatusCode, fmt.Errorf("%s: answer to %s: %w", c.path, path, err)
		}
	}
	if resp.StatusCode/100 == 2 {
		return resp.StatusCode, nil
	}
	var p problem
	if json.Unmarshal(raw, &p) == nil && p.Error != "" {
		return resp.StatusCode, errors.New(p.Error)
	}
	return resp.StatusCode, fmt.Errorf("%s: %s: %s", c.path, path, resp.Status)
}
