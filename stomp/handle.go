package stomp

import "github.com/quorate/quorate/stomp/frame"

// handle does what a frame says. f is not used after a call that may block,
// because somebody else may be reading the next frame into it by then.
func (s *session) handle(f *frame.Frame, expedited bool) {
	s.mu.Lock()
	ending := s.mu.ending
	s.mu.Unlock()
	if ending {
		return
	}
	receipt := f.Value("receipt")
	if err := s.dispatch(f, expedited); err != nil {
		s.refuse(receipt, err)
	}
}

func (s *session) dispatch(f *frame.Frame, expedited bool) error {
	switch f.Command {
	case frame.Connect, frame.Stomp:
		return s.connect(f)
	}
	if !s.connected {
		return wrong(notConnected, "The first frame must be CONNECT or STOMP, it was %.20q.", f.Command)
	}
	switch f.Command {
	case frame.Send:
		return s.send(f)
	case frame.Subscribe:
		return s.subscribe(f)
	case frame.Unsubscribe:
		return s.unsubscribe(f)
	case frame.Ack, frame.Nack:
		return s.acknowledge(f, expedited)
	case frame.Begin:
		return s.begin(f)
	case frame.Commit:
		return s.commit(f)
	case frame.Abort:
		return s.abort(f)
	case frame.Disconnect:
		return s.disconnect(f)
	}
	return wrong(badCommand, "Unknown STOMP action: %.40s", f.Command)
}

// disconnect ends the subscriptions, so that nobody is served any more who has
// said goodbye, and owes the last receipt. It follows everything before: a
// rollback of nothing completes in the order of the connection's requests.
func (s *session) disconnect(f *frame.Frame) error {
	for _, sub := range s.subscriptions() {
		s.forget(sub, nil)
	}
	tx, err := s.bc.Begin()
	if err != nil {
		return err
	}
	r := &reply{receipt: f.Value("receipt"), last: true}
	s.owe(r)
	tx.Rollback(s.settle(r))
	return nil
}

// need returns a header that must be there.
func need(f *frame.Frame, name string) (string, error) {
	v, ok := f.Get(name)
	if !ok || v == "" {
		return "", wrong(missingHeader, "A %s frame needs the header %q.", f.Command, name)
	}
	return v, nil
}
