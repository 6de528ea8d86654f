package peers

import (
	"bytes"
	"crypto/cipher"
	"errors"
	"fmt"
	"path/filepath"

	"go.etcd.io/bbolt"
)

// bolt is a bbolt file of sealed values.
type bolt struct {
	db      *bbolt.DB
	aead    cipher.AEAD
	callers int
}

var bucket = []byte("secrets")

// Bolt is go.etcd.io/bbolt with values sealed by AES-256-GCM. Several callers write through Batch,
// as its documentation recommends, with one batch for all of them.
func Bolt() Engine {
	return Engine{
		Name:    "bbolt + AES-GCM",
		Missing: "no policy, trail or versions; one process at a time",
		Fill:    fillBolt,
		Open:    func(dir string, callers int) (Peer, error) { return openBolt(dir, callers) },
	}
}

func openBolt(dir string, callers int) (*bolt, error) {
	aead, err := newAEAD()
	if err != nil {
		return nil, err
	}
	// etcd uses the map too. It is faster than the default in almost all cases.
	db, err := bbolt.Open(filepath.Join(dir, "bolt.db"), 0o600, &bbolt.Options{FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return nil, err
	}
	b := &bolt{db: db, aead: aead}
	b.Callers(callers)
	return b, nil
}

// Callers sets the number of concurrent writers. A batch would otherwise wait for more of them
// than exist.
func (b *bolt) Callers(n int) { b.callers, b.db.MaxBatchSize = n, n }

func fillBolt(dir string, all []Secret) error {
	b, err := openBolt(dir, 1)
	if err != nil {
		return err
	}
	err = b.db.Update(func(tx *bbolt.Tx) error {
		values, err := tx.CreateBucketIfNotExists(bucket)
		if err != nil {
			return err
		}
		for _, s := range all {
			if err := values.Put(s.Raw, b.aead.Seal(nil, nil, s.Value(0), s.Raw)); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(err, b.Close())
}

func (b *bolt) Get(s Secret) (value []byte, err error) {
	err = b.db.View(func(tx *bbolt.Tx) error {
		record := tx.Bucket(bucket).Get(s.Raw)
		if record == nil {
			return fmt.Errorf("peers: %s: not found", s.Key)
		}
		value, err = b.aead.Open(nil, nil, record, s.Raw)
		return err
	})
	return value, err
}

func (b *bolt) Put(s Secret, value []byte) error {
	record := b.aead.Seal(nil, nil, value, s.Raw)
	put := func(tx *bbolt.Tx) error { return tx.Bucket(bucket).Put(s.Raw, record) }
	if b.callers > 1 {
		return b.db.Batch(put)
	}
	return b.db.Update(put)
}

func (b *bolt) Page(s Secret) (n int, err error) {
	project := []byte(s.Project())
	names := make([]string, 0, PageSize)
	err = b.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket(bucket).Cursor()
		for key, _ := c.Seek(project); bytes.HasPrefix(key, project) && len(names) < PageSize; key, _ = c.Next() {
			names = append(names, string(key))
		}
		return nil
	})
	return len(names), err
}

func (b *bolt) Close() error { return b.db.Close() }
