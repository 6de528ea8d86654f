package sqlite

import (
	"bytes"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
)

// begin reads the end of the log anew where somebody else may have written, and starts an epoch where
// the present one is used up.
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

// checkLog proves that the log still has the last row that this process knows to be committed: what
// others have written is behind it, unless the file was replaced by an older one.
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

// save remembers the end of the log for a request that may fail.
func (s *Store) save() {
	s.savedEnd = s.end
	s.known.save()
}

// restore goes back to what save remembered.
func (s *Store) restore() {
	s.end = s.savedEnd
	clear(s.registered) // the request may have registered some
	s.known.restore()
}

// commit is told that the rows up to the end hold.
func (s *Store) commit() {
	s.committed = ledger.Link{Seq: s.end.Seq, MAC: s.end.MAC}
	s.file.Keys.Remember(s.end.Sealer)
	s.observe(s.end.Seq)
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
