package stomp

import (
	"strconv"
	"strings"
	"time"

	"github.com/quorate/quorate/broker"
	"github.com/quorate/quorate/stomp/frame"
)

// minBeat is the shortest interval at which a client gets heart-beats.
const minBeat = 100 * time.Millisecond

// connect negotiates the version, lets the client in and answers CONNECTED.
func (s *session) connect(f *frame.Frame) error {
	if s.connected {
		return wrong(connectedTwice, "A connection logs in once; it did, as %q.", s.user)
	}
	version, err := negotiate(f)
	if err != nil {
		return err
	}
	theirs, err := s.heartBeats(f)
	if err != nil {
		return err
	}
	login := f.Value("login")
	if s.user, err = s.login(login, f.Value("passcode")); err != nil {
		s.opt.Logger.Warn("STOMP login refused", "remote", s.remote, "user", login, "error", err)
		return wrong(badLogin, "User name [%s] or password is invalid.", login)
	}
	// Without a client-id there can be no durable subscription, and the broker
	// is not told one.
	s.clientID = f.Value("client-id")
	info := broker.ConnInfo{ID: s.id, Protocol: "stomp+" + version.String(), ClientID: s.clientID, User: s.user, Remote: s.remote}
	if s.bc, err = s.broker.Connect(info, s); err != nil {
		return err
	}
	s.connected, s.version = true, version
	s.reader.SetVersion(version)
	limits := frame.Default()
	limits.Body = s.opt.MaxBody
	s.reader.SetLimits(limits)
	if e, ok := s.conn.(interface{ Established() }); ok {
		e.Established()
	}
	s.answer(f, theirs)
	return nil
}

func (s *session) login(login, passcode string) (user string, err error) {
	if s.opt.Login == nil {
		return login, nil
	}
	return s.opt.Login(login, passcode, s.remote)
}

// negotiate picks the highest version that both sides speak [STOMP 1.2
// Protocol Negotiation]. Who says nothing speaks 1.0.
func negotiate(f *frame.Frame) (frame.Version, error) {
	accept, ok := f.Get("accept-version")
	if !ok {
		return frame.V10, nil
	}
	best := frame.Unknown
	for v := range strings.SplitSeq(accept, ",") {
		for _, known := range []frame.Version{frame.V10, frame.V11, frame.V12} {
			if strings.TrimSpace(v) == known.String() {
				best = max(best, known)
			}
		}
	}
	if best == frame.Unknown {
		return best, wrong(badVersion, "Invalid Protocol version[%s], supported versions are: [1.2, 1.1, 1.0]", accept)
	}
	return best, nil
}

// beats are the two numbers of a heart-beat header: how often its sender can
// send, and wants to receive. Zero is never.
type beats struct{ send, receive time.Duration }

func (s *session) heartBeats(f *frame.Frame) (beats, error) {
	v, ok := f.Get("heart-beat")
	if !ok {
		return beats{s.opt.HeartBeat[0], s.opt.HeartBeat[1]}, nil
	}
	x, y, ok := strings.Cut(v, ",")
	send, err1 := strconv.ParseUint(strings.TrimSpace(x), 10, 31)
	receive, err2 := strconv.ParseUint(strings.TrimSpace(y), 10, 31)
	if !ok || err1 != nil || err2 != nil {
		return beats{}, wrong(badHeader, "The header heart-beat must be two numbers of milliseconds like \"5000,5000\", it was %.40q.", v)
	}
	return beats{time.Duration(send) * time.Millisecond, time.Duration(receive) * time.Millisecond}, nil
}

// answer writes CONNECTED and starts the heart-beats: we take what the client
// offers and give what it wants, but for absurdly short intervals
// [STOMP 1.2 Heart-beating].
func (s *session) answer(f *frame.Frame, theirs beats) {
	ours := beats{send: theirs.receive, receive: theirs.send}
	if ours.send > 0 {
		ours.send = max(ours.send, minBeat)
	}
	session := s.clientID
	if session == "" {
		session = s.id
	}
	b := frame.Open(nil, frame.Connected)
	for _, h := range []frame.Header{
		{Name: "server", Value: s.opt.Server},
		{Name: "heart-beat", Value: millis(ours.send) + "," + millis(ours.receive)},
		{Name: "session", Value: session},
		{Name: "version", Value: s.version.String()},
	} {
		b = frame.V10.AppendHeader(b, h.Name, h.Value)
	}
	id, ok := f.Get("request-id")
	if !ok {
		id, ok = f.Get("receipt")
	}
	if ok {
		b = frame.V10.AppendHeader(b, "response-id", id)
		b = frame.V10.AppendHeader(b, "receipt-id", id)
	}
	b = frame.Close(b, nil)
	s.mu.Lock()
	s.out.push(item{frame: b})
	s.mu.Unlock()
	if ours.receive > 0 {
		s.silence = time.Duration(float64(max(ours.receive, minBeat)) * s.opt.Grace)
	}
	if ours.send > 0 {
		s.out.startBeating(ours.send * 3 / 4) // on the wire in time
	}
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
