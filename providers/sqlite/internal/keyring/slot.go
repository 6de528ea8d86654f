package keyring

import (
	"fmt"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
)

// slot names where the check value and the trail key of one master key stand.
type slot struct{ check, trail string }

// Slots are the one in force, and the one that is there while the master key is being
// changed. Only access.db ever has the second; see Rekey.
var Slots = []slot{{MetaCheck, metaTrail}, {MetaNextCheck, MetaNextTrail}}

// SlotOf gives the slot of the master key in an open file, or nil.
func SlotOf(c *db.Conn, m *crypto.Master) (*slot, error) {
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

// Current gives the master key in force in the file. Where another process has changed it,
// the source is asked.
func (k *Ring) Current(c *db.Conn) (*crypto.Master, error) {
	master := k.Master.Load()
	slot, err := SlotOf(c, master)
	if err != nil || slot != nil {
		return master, err
	}
	if master, err = k.askSource(c); err != nil {
		return nil, err
	}
	if slot, err = SlotOf(c, master); err != nil {
		return nil, err
	}
	if slot == nil {
		return nil, k.WrongKey()
	}
	k.Master.Store(master)
	return master, nil
}

// askSource derives what the source gives now.
func (k *Ring) askSource(c *db.Conn) (*crypto.Master, error) {
	key, err := k.Source.Key(c.GetInterrupt())
	if err != nil {
		return nil, err
	}
	return crypto.NewMaster(key, k.Vault)
}

func (k *Ring) WrongKey() error {
	return fmt.Errorf("%w: the master key of %s was changed while it is open; have the key source give the new one, then repeat the call",
		myvault.ErrWrongKey, k.name)
}
