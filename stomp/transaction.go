package stomp

import (
	"github.com/quorate/quorate/broker"
	"github.com/quorate/quorate/stomp/frame"
)

// maxTransactions bounds what a connection may have open at the same time.
const maxTransactions = 1000

func (s *session) begin(f *frame.Frame) error {
	name, err := need(f, "transaction")
	if err != nil {
		return err
	}
	if s.txs[name] != nil {
		return wrong(duplicateTransaction, "The transaction %.100q was begun and has not ended.", name)
	}
	if len(s.txs) >= maxTransactions {
		return wrong(duplicateTransaction, "A connection may have %d transactions open.", maxTransactions)
	}
	tx, err := s.bc.Begin()
	if err != nil {
		return err
	}
	if s.txs == nil {
		s.txs = make(map[string]*broker.Tx)
	}
	s.txs[name] = tx
	s.ready(s.expect(f, false))
	return nil
}

// commit ends a transaction; its receipt says that the majority holds all of it.
func (s *session) commit(f *frame.Frame) error {
	tx, err := s.endTransaction(f)
	if err != nil {
		return err
	}
	done := s.settle(s.expect(f, false))
	s.startBlocking()
	tx.Commit(done)
	s.endBlocking()
	return nil
}

func (s *session) abort(f *frame.Frame) error {
	tx, err := s.endTransaction(f)
	if err != nil {
		return err
	}
	tx.Rollback(s.settle(s.expect(f, false)))
	return nil
}

func (s *session) endTransaction(f *frame.Frame) (*broker.Tx, error) {
	if _, err := need(f, "transaction"); err != nil {
		return nil, err
	}
	tx, err := s.transaction(f)
	delete(s.txs, f.Value("transaction"))
	return tx, err
}
