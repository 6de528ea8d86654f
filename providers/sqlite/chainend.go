package sqlite

import (
	"bytes"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
)

// begin reads the end of the log again if another process may have written, and starts an
// epoch if the current one is used up.
func (s *Store) begin(c *db.Conn, anew bool) (err error) {
	if anew {
		clear(s.registered)
		s.known.clear()
		if err := s.end.Read(c); err != nil {
			return err
		}
		if err := s.checkLog(c); err != nil {
			return err
		}
	}
	if s.end.Seq+1-s.end.First < s.epochLimit {
		s.end.Sealer, err = s.file.Keys.Sealer(c, s.end.Epoch)
		return err
	}
	return s.startEpoch(c)
}

// checkLog checks that the log still has the last row that this process knows to be
// committed. Other processes only append, so a missing row means that the file was replaced
// by an older one.
func (s *Store) checkLog(c *db.Conn) error {
	if s.committed.Seq > 0 {
		mac, err := c.Blob(`SELECT mac FROM log WHERE seq = ?1`, s.committed.Seq)
		if err != nil {
			return err
		}
		if !bytes.Equal(mac, s.committed.MAC) {
			return s.file.RolledBack(s.committed.Seq)
		}
	}
	s.committed = ledger.Link{Seq: s.end.Seq, MAC: s.end.MAC}
	return nil
}

// save keeps the end of the log for a request that may fail.
func (s *Store) save() {
	s.savedEnd = s.end
	s.known.save()
}

// restore returns to the state of save.
func (s *Store) restore() {
	s.end = s.savedEnd
	clear(s.registered) // the request may have registered some
	s.known.restore()
}

// commit is called once the rows up to the end are committed.
func (s *Store) commit() {
	s.committed = ledger.Link{Seq: s.end.Seq, MAC: s.end.MAC}
	s.file.Keys.CacheSealer(s.end.Sealer)
	s.observe(s.end.Seq)
	s.watchers.nudge()
}

// append links a row to the log and writes it.
func (s *Store) append(c *db.Conn, r *ledger.LogRow) error {
	r.Entry.Seq = s.end.Seq + 1
	r.Entry.Prev = s.end.MAC
	r.Entry.MAC = s.file.Keys.Chain.Link(s.end.MAC, r.Canonical(s.file.Keys.Vault))
	if err := r.Insert(c); err != nil {
		return err
	}
	s.end.Seq, s.end.MAC, s.end.Seen = r.Entry.Seq, r.Entry.MAC, r.Entry.Seen
	return nil
}
