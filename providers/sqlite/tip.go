package sqlite

import (
	"bytes"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
)

// begin reads the tip anew where somebody else may have written, and starts an epoch where
// the present one is used up.
func (s *Store) begin(c *db.Conn, anew bool) (err error) {
	if anew {
		clear(s.enrolled)
		s.known.clear()
		if err := s.tip.Read(c); err != nil {
			return err
		}
		if err := s.goesOn(c); err != nil {
			return err
		}
	}
	if s.tip.Seq+1-s.tip.First < s.epochLimit {
		s.tip.Sealer, err = s.file.Keys.Sealer(c, s.tip.Epoch)
		return err
	}
	return s.startEpoch(c)
}

// goesOn proves that the log still has the last row that this process knows to be committed: what
// others have written is behind it, unless the file was replaced by an older one.
func (s *Store) goesOn(c *db.Conn) error {
	if s.committed.Seq > 0 {
		mac, err := c.Blob(`SELECT mac FROM log WHERE seq = ?1`, s.committed.Seq)
		if err != nil {
			return err
		}
		if !bytes.Equal(mac, s.committed.MAC) {
			return s.file.RolledBack(s.committed.Seq)
		}
	}
	s.committed = ledger.Link{Seq: s.tip.Seq, MAC: s.tip.MAC}
	return nil
}

// save remembers the tip for a request that may fail.
func (s *Store) save() {
	s.saved = s.tip
	s.known.save()
}

// restore goes back to what save remembered.
func (s *Store) restore() {
	s.tip = s.saved
	clear(s.enrolled) // the request may have registered some
	s.known.restore()
}

// commit is told that the rows up to the tip hold.
func (s *Store) commit() {
	s.committed = ledger.Link{Seq: s.tip.Seq, MAC: s.tip.MAC}
	s.file.Keys.CacheSealer(s.tip.Sealer)
	s.saw(s.tip.Seq)
}

// append links a row to the log and writes it.
func (s *Store) append(c *db.Conn, r *ledger.LogRow) error {
	r.Entry.Seq = s.tip.Seq + 1
	r.Entry.Prev = s.tip.MAC
	r.Entry.MAC = s.file.Keys.Chain.Link(s.tip.MAC, r.Canonical(s.file.Keys.Vault))
	if err := r.Insert(c); err != nil {
		return err
	}
	s.tip.Seq, s.tip.MAC, s.tip.Seen = r.Entry.Seq, r.Entry.MAC, r.Entry.Seen
	return nil
}
