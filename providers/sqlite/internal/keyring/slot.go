package keyring

import (
	"fmt"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
)

// Slot has the names of the rows of meta that belong to one master key: its check value, and the
// trail key wrapped under it.
type Slot struct{ check, trail string }

// Slots has the current slot, then the next one, which exists during a change of the master key.
// Only access.db ever has the next one; see Rekey.
var Slots = []Slot{{MetaCheck, metaTrail}, {MetaNextCheck, MetaNextTrail}}

// FindSlot returns the slot of a master key in an open file. If there is none, it returns nil.
func FindSlot(c *db.Conn, m *crypto.Master) (*Slot, error) {
	for i := range Slots {
		check, err := c.Meta(Slots[i].check)
		if err != nil {
			return nil, err
		}
		if check != nil && m.Matches(check) {
			return &Slots[i], nil
		}
	}
	return nil, nil
}

// CurrentMaster returns the current master key of the file. If another process has changed it,
// CurrentMaster calls the source. If the source does not have it yet, it returns ErrWrongKey.
func (k *Ring) CurrentMaster(c *db.Conn) (*crypto.Master, error) {
	master := k.Master.Load()
	slot, err := FindSlot(c, master)
	if err != nil || slot != nil {
		return master, err
	}
	if master, err = k.masterFromSource(c); err != nil {
		return nil, err
	}
	if slot, err = FindSlot(c, master); err != nil {
		return nil, err
	}
	if slot == nil {
		return nil, k.ErrKeyChanged()
	}
	k.Master.Store(master)
	return master, nil
}

func (k *Ring) masterFromSource(c *db.Conn) (*crypto.Master, error) {
	key, err := k.Source.Key(c.GetInterrupt())
	if err != nil {
		return nil, err
	}
	return crypto.NewMaster(key, k.Vault)
}

// ErrKeyChanged returns the ErrWrongKey for a master key that was changed while the file is open.
func (k *Ring) ErrKeyChanged() error {
	return fmt.Errorf("%w: the master key of %s was changed; make the key source return the new one and retry",
		myvault.ErrWrongKey, k.name)
}
