// Package keyring has the keys of a database file: the master key that opens it, the trail key and the
// data keys of the epochs.
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

// Key gets the master key and proves that it is one.
func (k Source) Key(ctx context.Context) (crypto.Key, error) {
	if k == nil {
		return crypto.Key{}, fmt.Errorf("%w: the key source is nil", myvault.ErrInvalid)
	}
	key, err := k(ctx)
	if err != nil {
		return crypto.Key{}, fmt.Errorf("master key: %w", err)
	}
	if key.IsZero() {
		return crypto.Key{}, fmt.Errorf("master key: %w: the key source gave none", crypto.ErrKey)
	}
	return key, nil
}

// Ring holds the keys of one file. It may be used by many goroutines.
type Ring struct {
	Vault   []byte
	name    string // of the file
	records bool   // the file has records, and so data keys
	Source  Source
	Master  atomic.Pointer[crypto.Master]
	Chain   *crypto.Chain
	Stamp   *crypto.Stamp

	mu      sync.RWMutex
	sealers map[uint32]*crypto.Sealer
}

// Read reads the keys of an open file, as they are at one moment: another process may be
// changing the master key.
func Read(c *db.Conn, name string, records bool, key crypto.Key, source Source) (k *Ring, err error) {
	err = c.Snapshot(func() error {
		k, err = readKeyring(c, name, records, key, source)
		return err
	})
	return k, err
}

func readKeyring(c *db.Conn, name string, records bool, key crypto.Key, source Source) (*Ring, error) {
	vault, err := c.Meta(MetaVault)
	if err != nil {
		return nil, err
	}
	master, err := crypto.NewMaster(key, vault)
	if err != nil {
		return nil, err
	}
	slot, err := SlotOf(c, master)
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
	k, err := openTrailKey(vault, master, wrapped)
	if err == nil {
		k.name, k.records, k.Source = name, records, source
	}
	return k, err
}

// openTrailKey opens the trail key.
func openTrailKey(vault []byte, master *crypto.Master, wrapped []byte) (*Ring, error) {
	trail, err := master.Unwrap(wrapped, crypto.LabelTrail, 0)
	if err != nil {
		return nil, fault.Tampered("the trail key does not open")
	}
	return newRing(vault, master, trail)
}

func newRing(vault []byte, master *crypto.Master, trail crypto.Key) (*Ring, error) {
	chain, err := crypto.NewChain(trail)
	if err != nil {
		return nil, err
	}
	stamp, err := crypto.NewStamp(trail, vault)
	if err != nil {
		return nil, err
	}
	k := &Ring{Vault: vault, Chain: chain, Stamp: stamp, sealers: map[uint32]*crypto.Sealer{}}
	k.Master.Store(master)
	return k, nil
}

// Create makes the vault id and the keys of a new file, in a transaction of c.
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
	keys, err := newRing(vault, master, trail)
	if err != nil {
		return nil, err
	}
	return keys, errors.Join(
		c.SetMeta(MetaVault, vault),
		c.SetMeta(MetaCheck, master.Check()),
		c.SetMeta(metaTrail, wrapped),
	)
}

// CreateIncarnation names the life of a new store.
func (k *Ring) CreateIncarnation(c *db.Conn) error {
	id := make([]byte, 8)
	_, _ = rand.Read(id)
	return c.SetMeta(metaIncarnation, append(id, k.Stamp.Sum(k.incarnationRow(id))...))
}

// Incarnation reads the name, in hexadecimal digits.
func (k *Ring) Incarnation(c *db.Conn) (string, error) {
	value, err := c.Meta(metaIncarnation)
	if err != nil {
		return "", err
	}
	if len(value) != 8+crypto.MACSize || !k.Stamp.Holds(k.incarnationRow(value[:8]), value[8:]) {
		return "", fault.Tampered("the incarnation")
	}
	return hex.EncodeToString(value[:8]), nil
}

// CreateEpoch makes a data key, whose epoch may begin at the log row first. The sealer is
// not remembered: the transaction may still be rolled back.
func (k *Ring) CreateEpoch(c *db.Conn, epoch uint32, first uint64, at int64) (*crypto.Sealer, error) {
	master, err := k.Current(c)
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

// Sealer gives the cipher of an epoch, which it reads once through c.
func (k *Ring) Sealer(c *db.Conn, epoch uint32) (*crypto.Sealer, error) {
	k.mu.RLock()
	s := k.sealers[epoch]
	k.mu.RUnlock()
	if s != nil {
		return s, nil
	}
	master, err := k.Current(c)
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
	k.Remember(s)
	return s, nil
}

// Load opens the data keys that there are, so that a change of the master key by another
// process does not matter for them. One that does not open is told of where it is needed.
func (k *Ring) Load(c *db.Conn) error {
	epochs, err := WrappedEpochs(c)
	for _, epoch := range epochs {
		if _, unopened := k.Sealer(c, epoch); unopened != nil && !errors.Is(unopened, myvault.ErrTampered) {
			err = errors.Join(err, unopened)
		}
	}
	return err
}

// WrappedEpochs returns the epochs whose data key was not deleted.
func WrappedEpochs(c *db.Conn) (epochs []uint32, err error) {
	err = c.Each(`SELECT epoch FROM epoch WHERE wrapped <> x''`, func(row *sqlite3.Stmt) error {
		epochs = append(epochs, uint32(row.ColumnInt64(0)))
		return nil
	})
	return epochs, err
}

// dataKey reads and opens the key of an epoch.
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
		return crypto.Key{}, fault.Tampered("the key of epoch %d does not open", epoch)
	}
	return data, nil
}

// Remember keeps the sealer of an epoch that is committed.
func (k *Ring) Remember(s *crypto.Sealer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sealers[s.Epoch()] = s
}

// Open opens the record of the log row seq at its place.
func (k *Ring) Open(c *db.Conn, at crypto.Place, seq uint64, record []byte) ([]byte, error) {
	epoch, err := crypto.RecordEpoch(record)
	if err != nil {
		return nil, fault.Tampered("the record at log sequence %d", seq)
	}
	s, err := k.Sealer(c, epoch)
	if err != nil {
		return nil, err
	}
	value, err := s.Open(nil, at, record)
	if err != nil {
		return nil, fault.Tampered("the record at log sequence %d", seq)
	}
	return value, nil
}

func Place(addr myvault.Address, version myvault.Version) crypto.Place {
	return crypto.Place{Project: addr.Project, Path: addr.Path, Version: uint64(version)}
}

// incarnationRow gives what the stamp of the incarnation covers.
func (k *Ring) incarnationRow(id []byte) []byte {
	var b cryptobyte.Builder
	encode.Short(&b, []byte(metaIncarnation))
	encode.Short(&b, k.Vault)
	encode.Short(&b, id)
	return encode.Bytes(&b)
}

// CheckMaster refuses a key that the file was not made with.
func CheckMaster(c *db.Conn, name string, key crypto.Key) error {
	id, err := c.Meta(MetaVault)
	if err != nil {
		return err
	}
	check, err := c.Meta(MetaCheck)
	if err != nil {
		return err
	}
	if len(id) != crypto.VaultIDSize || len(check) == 0 {
		return fault.Tampered("%s has no vault id or no check value", name)
	}
	master, err := crypto.NewMaster(key, id)
	if err != nil {
		return err
	}
	slot, err := SlotOf(c, master)
	if err == nil && slot == nil {
		err = fmt.Errorf("%w: %s has another; after a change of the key give the new one (MSA_MASTER_KEY_FILE), or repeat the change if it was interrupted; to a restored store give the key of its backup", myvault.ErrWrongKey, name)
	}
	return err
}
