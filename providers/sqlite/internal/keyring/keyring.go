// Package keyring has the keys of a database file: the master key, and the trail key and data
// keys that are stored wrapped under it. It knows the tables meta and epoch, and the source of
// the master key. It knows nothing of log rows, heads or the trail's entries, which the keys
// protect.
package keyring

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/ncruces/go-sqlite3"
	"golang.org/x/crypto/cryptobyte"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/encode"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
)

// Source returns the master key, as the KeySource of package sqlite does.
type Source func(context.Context) (crypto.Key, error)

// Key calls the source. If the source is nil or returns a zero key, Key returns an error.
func (k Source) Key(ctx context.Context) (crypto.Key, error) {
	if k == nil {
		return crypto.Key{}, fmt.Errorf("%w: the key source is nil", myvault.ErrInvalid)
	}
	key, err := k(ctx)
	if err != nil {
		return crypto.Key{}, fmt.Errorf("master key: %w", err)
	}
	if key.IsZero() {
		return crypto.Key{}, fmt.Errorf("master key: %w: the key source returned a zero key", crypto.ErrKey)
	}
	return key, nil
}

// Ring has the keys of one file. It is safe for concurrent use.
type Ring struct {
	Vault   []byte // the vault id
	name    string // of the file
	records bool   // whether the file has records, and so data keys
	Source  Source
	Master  atomic.Pointer[crypto.Master]
	Chain   *crypto.Chain
	RowMAC  *crypto.RowMAC

	mu      sync.RWMutex
	sealers map[uint32]*crypto.Sealer
}

// Read reads the keys of an open file from one snapshot, because another process may be changing
// the master key. If key is not the master key of the file, it returns ErrWrongKey.
func Read(c *db.Conn, name string, records bool, key crypto.Key, source Source) (k *Ring, err error) {
	err = c.Snapshot(func() error {
		k, err = readRing(c, name, records, key, source)
		return err
	})
	return k, err
}

func readRing(c *db.Conn, name string, records bool, key crypto.Key, source Source) (*Ring, error) {
	vault, err := c.Meta(MetaVault)
	if err != nil {
		return nil, err
	}
	master, err := crypto.NewMaster(key, vault)
	if err != nil {
		return nil, err
	}
	slot, err := FindSlot(c, master)
	if err != nil {
		return nil, err
	}
	if slot == nil {
		return nil, myvault.ErrWrongKey
	}
	wrapped, err := c.Meta(slot.trail)
	if err != nil {
		return nil, err
	}
	k, err := unwrapRing(vault, master, wrapped)
	if err == nil {
		k.name, k.records, k.Source = name, records, source
	}
	return k, err
}

// unwrapRing unwraps the trail key, and returns a ring without data keys.
func unwrapRing(vault []byte, master *crypto.Master, wrapped []byte) (*Ring, error) {
	trail, err := master.Unwrap(wrapped, crypto.LabelTrail, 0)
	if err != nil {
		return nil, fault.Tampered("the trail key does not authenticate")
	}
	return newRing(vault, master, trail)
}

func newRing(vault []byte, master *crypto.Master, trail crypto.Key) (*Ring, error) {
	chain, err := crypto.NewChain(trail)
	if err != nil {
		return nil, err
	}
	rowMAC, err := crypto.NewRowMAC(trail, vault)
	if err != nil {
		return nil, err
	}
	k := &Ring{Vault: vault, Chain: chain, RowMAC: rowMAC, sealers: map[uint32]*crypto.Sealer{}}
	k.Master.Store(master)
	return k, nil
}

// Create generates the vault id and the trail key of a new file, and writes them in a transaction
// of c.
func Create(c *db.Conn, key crypto.Key) (*Ring, error) {
	vault := make([]byte, crypto.VaultIDSize)
	_, _ = rand.Read(vault)
	master, err := crypto.NewMaster(key, vault)
	if err != nil {
		return nil, err
	}
	trail := crypto.NewKey()
	wrapped, err := master.Wrap(trail, crypto.LabelTrail, 0)
	if err != nil {
		return nil, err
	}
	k, err := newRing(vault, master, trail)
	if err != nil {
		return nil, err
	}
	return k, errors.Join(
		c.SetMeta(MetaVault, vault),
		c.SetMeta(MetaCheck, master.CheckValue()),
		c.SetMeta(metaTrail, wrapped),
	)
}

// CreateIncarnation writes the random id of a new store, with its row MAC.
func (k *Ring) CreateIncarnation(c *db.Conn) error {
	id := make([]byte, 8)
	_, _ = rand.Read(id)
	return c.SetMeta(metaIncarnation, append(id, k.RowMAC.Sum(k.incarnationRow(id))...))
}

// Incarnation returns that id, in hexadecimal digits.
func (k *Ring) Incarnation(c *db.Conn) (string, error) {
	value, err := c.Meta(metaIncarnation)
	if err != nil {
		return "", err
	}
	if len(value) != 8+crypto.MACSize || !k.RowMAC.Verify(k.incarnationRow(value[:8]), value[8:]) {
		return "", fault.Tampered("the incarnation does not authenticate")
	}
	return hex.EncodeToString(value[:8]), nil
}

// CreateEpoch generates the data key of an epoch that starts at the log row first, and writes it
// in a transaction of c. It does not cache the sealer, because the transaction may be rolled
// back.
func (k *Ring) CreateEpoch(c *db.Conn, epoch uint32, first uint64, at int64) (*crypto.Sealer, error) {
	master, err := k.CurrentMaster(c)
	if err != nil {
		return nil, err
	}
	data := crypto.NewKey()
	wrapped, err := master.Wrap(data, crypto.LabelData, epoch)
	if err != nil {
		return nil, err
	}
	err = c.Run(`INSERT INTO epoch(epoch, wrapped, first, at) VALUES(?1, ?2, ?3, ?4)`, epoch, wrapped, first, at)
	if err != nil {
		return nil, err
	}
	return crypto.NewSealer(data, k.Vault, epoch)
}

// Sealer returns the sealer of an epoch. It reads the data key through c unless it is cached.
func (k *Ring) Sealer(c *db.Conn, epoch uint32) (*crypto.Sealer, error) {
	k.mu.RLock()
	s := k.sealers[epoch]
	k.mu.RUnlock()
	if s != nil {
		return s, nil
	}
	master, err := k.CurrentMaster(c)
	if err != nil {
		return nil, err
	}
	data, err := dataKey(c, master, epoch)
	if err != nil {
		return nil, err
	}
	if s, err = crypto.NewSealer(data, k.Vault, epoch); err != nil {
		return nil, err
	}
	k.CacheSealer(s)
	return s, nil
}

// LoadSealers caches the sealers of all epochs. They stay usable after another process changes
// the master key. It ignores a key that does not authenticate: Sealer returns that error on use.
func (k *Ring) LoadSealers(c *db.Conn) error {
	epochs, err := EpochsWithKey(c)
	for _, epoch := range epochs {
		if _, failed := k.Sealer(c, epoch); failed != nil && !errors.Is(failed, myvault.ErrTampered) {
			err = errors.Join(err, failed)
		}
	}
	return err
}

// EpochsWithKey returns the epochs whose data key was not deleted.
func EpochsWithKey(c *db.Conn) (epochs []uint32, err error) {
	err = c.Each(`SELECT epoch FROM epoch WHERE wrapped <> x''`, func(row *sqlite3.Stmt) error {
		epochs = append(epochs, uint32(row.ColumnInt64(0)))
		return nil
	})
	return epochs, err
}

// dataKey reads and unwraps the key of an epoch.
func dataKey(c *db.Conn, master *crypto.Master, epoch uint32) (crypto.Key, error) {
	var wrapped []byte
	err := c.Each(`SELECT wrapped FROM epoch WHERE epoch = ?1`, func(row *sqlite3.Stmt) error {
		wrapped = row.ColumnBlob(0, nil)
		return nil
	}, epoch)
	if err != nil {
		return crypto.Key{}, err
	}
	data, err := master.Unwrap(wrapped, crypto.LabelData, epoch)
	if err != nil {
		return crypto.Key{}, fault.Tampered("the key of epoch %d does not authenticate", epoch)
	}
	return data, nil
}

// CacheSealer caches the sealer of an epoch, once it is committed.
func (k *Ring) CacheSealer(s *crypto.Sealer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sealers[s.Epoch()] = s
}

// OpenRecord decrypts the record of the log row seq, which must have been sealed with the
// same id.
func (k *Ring) OpenRecord(c *db.Conn, id crypto.RecordID, seq uint64, record []byte) ([]byte, error) {
	epoch, err := crypto.RecordEpoch(record)
	if err != nil {
		return nil, badRecord(seq)
	}
	s, err := k.Sealer(c, epoch)
	if err != nil {
		return nil, err
	}
	value, err := s.Open(nil, id, record)
	if err != nil {
		return nil, badRecord(seq)
	}
	return value, nil
}

func badRecord(seq uint64) error {
	return fault.Tampered("the record at log sequence %d does not authenticate", seq)
}

// RecordID returns the id of the record of a version.
func RecordID(addr myvault.Address, version myvault.Version) crypto.RecordID {
	return crypto.RecordID{Project: addr.Project, Path: addr.Path, Version: uint64(version)}
}

// incarnationRow returns the encoding that the row MAC of the incarnation covers.
func (k *Ring) incarnationRow(id []byte) []byte {
	var b cryptobyte.Builder
	encode.Str8(&b, []byte(metaIncarnation))
	encode.Str8(&b, k.Vault)
	encode.Str8(&b, id)
	return encode.Bytes(&b)
}

// CheckMaster returns ErrWrongKey if key is not a master key of the file.
func CheckMaster(c *db.Conn, name string, key crypto.Key) error {
	vault, err := c.Meta(MetaVault)
	if err != nil {
		return err
	}
	check, err := c.Meta(MetaCheck)
	if err != nil {
		return err
	}
	if len(vault) != crypto.VaultIDSize || len(check) == 0 {
		return fault.Tampered("%s has no vault id or no check value", name)
	}
	master, err := crypto.NewMaster(key, vault)
	if err != nil {
		return err
	}
	slot, err := FindSlot(c, master)
	if err == nil && slot == nil {
		err = fmt.Errorf("%w: %s has another master key; use the new key after a change (MSA_MASTER_KEY_FILE), "+
			"repeat a change that was interrupted, and use the key of its backup for a restored store", myvault.ErrWrongKey, name)
	}
	return err
}
