package sqlite

import (
	"bytes"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
)

// begin reads the tip anew where somebody else may have written, and starts an epoch where
// the present one is used up.
func (s *Store) begin(c *db.Conn, anew bool) (err error) {
	if anew {
		clear(s.enrolled)
		s.known.clear()
		if err := s.tip.read(c); err != nil {
			return err
		}
		if err := s.goesOn(c); err != nil {
			return err
		}
	}
	if s.tip.seq+1-s.tip.first < s.epochLimit {
		s.tip.sealer, err = s.file.Keys.Sealer(c, s.tip.epoch)
		return err
	}
	return s.startEpoch(c)
}

// goesOn proves that the log still has the last row that this process knows to be committed: what
// others have written is behind it, unless the file was replaced by an older one.
func (s *Store) goesOn(c *db.Conn) error {
	if s.committed.seq > 0 {
		mac, err := c.Blob(`SELECT mac FROM log WHERE seq = ?1`, s.committed.seq)
		if err != nil {
			return err
		}
		if !bytes.Equal(mac, s.committed.mac) {
			return s.file.RolledBack(s.committed.seq)
		}
	}
	s.committed = link{s.tip.seq, s.tip.mac}
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
	s.committed = link{s.tip.seq, s.tip.mac}
	s.file.Keys.Remember(s.tip.sealer)
	s.saw(s.tip.seq)
}

// append links a row to the log and writes it.
func (s *Store) append(c *db.Conn, r *logRow) error {
	r.entry.Seq = s.tip.seq + 1
	r.entry.Prev = s.tip.mac
	r.entry.MAC = s.file.Keys.Chain.Link(s.tip.mac, r.canonical(s.file.Keys.Vault))
	if err := r.insert(c); err != nil {
		return err
	}
	s.tip.seq, s.tip.mac, s.tip.seen = r.entry.Seq, r.entry.MAC, r.entry.Seen
	return nil
}
