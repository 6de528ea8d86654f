package sqlite

import (
	"slices"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
)

// destroy removes the records of the versions named, or of all where none is. Its log row
// names them all, whether they were destroyed before or not.
func (tx *transaction) destroy(c myvault.Change, r *ledger.LogRow) (myvault.Info, error) {
	h, err := tx.head(c.Address)
	if err != nil {
		return myvault.Info{}, err
	}
	if r.Destroyed, err = spansOf(c, h.Version); err != nil {
		return myvault.Info{}, err
	}
	newest := r.Destroyed[len(r.Destroyed)-1].Last
	var info myvault.Info
	lowest := r.Destroyed[0].First
	for version, err := range tx.history(h.Seq) {
		if err != nil {
			return myvault.Info{}, err
		}
		if version.Version < lowest {
			break
		}
		if !r.Destroyed.Contains(version.Version) {
			continue
		}
		if err := tx.erase(version.Seq); err != nil {
			return myvault.Info{}, err
		}
		if version.Version == newest {
			info = version.Info
		}
	}
	if info.Version != newest {
		return myvault.Info{}, fault.Tampered("version %d is missing in the history that ends at log sequence %d", newest, h.Seq)
	}
	if newest == h.Version {
		h.State = myvault.Destroyed
	}
	info.State = myvault.Destroyed
	r.Entry.Version = newest
	return info, tx.write(r, h)
}

// erase removes the record of a log row, and what it was sealed anew as.
func (tx *transaction) erase(seq uint64) error {
	if err := tx.c.Run(`UPDATE log SET sealed = NULL WHERE seq = ?1`, seq); err != nil {
		return err
	}
	return tx.c.Run(`DELETE FROM reseal WHERE seq = ?1`, seq)
}

// spansOf gives the versions in rising order; all up to the current one for none.
func spansOf(c myvault.Change, current myvault.Version) (ledger.Ranges, error) {
	if current == 0 {
		return nil, myvault.ErrNotFound
	}
	if len(c.Versions) > 0 && (slices.Min(c.Versions) == 0 || slices.Max(c.Versions) > current) {
		return nil, myvault.ErrNotFound
	}
	return c.Destroys(current), nil
}
