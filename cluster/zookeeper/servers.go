package zookeeper

import "sync"

// inTurn hands the ensemble's addresses to the library one after another, as
// they were configured. The library's own provider looks all names up once, at
// the beginning, and fails when one of them is unknown: here a name is looked up
// each time it is dialled, and one that is gone costs only itself.
type inTurn struct {
	mu    sync.Mutex
	list  []string
	at    int
	round int // addresses given since the last that worked
}

// Init implements zk.HostProvider.
func (s *inTurn) Init(list []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list, s.at, s.round = list, 0, 0
	return nil
}

// Len implements zk.HostProvider.
func (s *inTurn) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.list)
}

// Next implements zk.HostProvider. again says that all have been tried in vain.
func (s *inTurn) Next() (server string, again bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	server, again = s.list[s.at%len(s.list)], s.round > 0 && s.round%len(s.list) == 0
	s.at++
	s.round++
	return server, again
}

// Connected implements zk.HostProvider: the present server works. When it is
// lost, the others come first.
func (s *inTurn) Connected() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.round = 0
}
