package peers

import (
	"errors"

	"github.com/dgraph-io/badger/v4"
)

// lsm is a badger directory. Badger does the encryption.
type lsm struct{ db *badger.DB }

// Badger is github.com/dgraph-io/badger with its own encryption (AES-256-CTR, which does not
// authenticate) and SyncWrites.
func Badger() Engine {
	return Engine{
		Name:    "badger, encrypted",
		Missing: "no policy or trail; one version; changes made to its files are not detected; one process at a time",
		Fill:    fillBadger,
		Open:    func(dir string, _ int) (Peer, error) { return openBadger(dir) },
	}
}

func openBadger(dir string) (lsm, error) {
	db, err := badger.Open(badger.DefaultOptions(dir).
		WithEncryptionKey(testKey()).
		WithIndexCacheSize(100 << 20). // recommended by its documentation for encrypted stores
		WithSyncWrites(true).
		WithLogger(nil))
	return lsm{db}, err
}

func fillBadger(dir string, all []Secret) error {
	b, err := openBadger(dir)
	if err != nil {
		return err
	}
	batch := b.db.NewWriteBatch()
	defer batch.Cancel()
	for _, s := range all {
		if err := batch.Set(s.Raw, s.Value(0)); err != nil {
			return errors.Join(err, b.Close())
		}
	}
	return errors.Join(batch.Flush(), b.Close())
}

func (b lsm) Get(s Secret) (value []byte, err error) {
	err = b.db.View(func(tx *badger.Txn) error {
		item, err := tx.Get(s.Raw)
		if err == nil {
			value, err = item.ValueCopy(nil)
		}
		return err
	})
	return value, err
}

func (b lsm) Put(s Secret, value []byte) error {
	return b.db.Update(func(tx *badger.Txn) error { return tx.Set(s.Raw, value) })
}

func (b lsm) Page(s Secret) (int, error) {
	names := make([]string, 0, PageSize)
	err := b.db.View(func(tx *badger.Txn) error {
		options := badger.DefaultIteratorOptions
		options.PrefetchValues = false
		options.Prefix = []byte(s.Project())
		walk := tx.NewIterator(options)
		defer walk.Close()
		for walk.Rewind(); walk.Valid() && len(names) < PageSize; walk.Next() {
			names = append(names, string(walk.Item().Key()))
		}
		return nil
	})
	return len(names), err
}

func (b lsm) Close() error { return b.db.Close() }
