package sqlite

import (
	"fmt"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
)

// slot names where the check value and the trail key of one master key stand.
type slot struct{ check, trail string }

// slots are the one in force, and the one that is there while the master key is being
// changed. Only access.db ever has the second; see Rekey.
var slots = []slot{{metaCheck, metaTrail}, {metaNextCheck, metaNextTrail}}

// slotOf gives the slot of the master key in an open file, or nil.
func slotOf(c *db.Conn, m *crypto.Master) (*slot, error) {
	for i := range slots {
		check, err := c.Meta(slots[i].check)
		if err != nil {
			return nil, err
		}
		if check != nil && m.Matches(check) {
			return &slots[i], nil
		}
	}
	return nil, nil
}

// current gives the master key in force in the file. Where another process has changed it,
// the source is asked.
func (k *keyring) current(c *db.Conn) (*crypto.Master, error) {
	master := k.master.Load()
	slot, err := slotOf(c, master)
	if err != nil || slot != nil {
		return master, err
	}
	if master, err = k.asked(c); err != nil {
		return nil, err
	}
	if slot, err = slotOf(c, master); err != nil {
		return nil, err
	}
	if slot == nil {
		return nil, k.anotherKey()
	}
	k.master.Store(master)
	return master, nil
}

// asked derives what the source gives now.
func (k *keyring) asked(c *db.Conn) (*crypto.Master, error) {
	key, err := k.source.ask(c.GetInterrupt())
	if err != nil {
		return nil, err
	}
	return crypto.NewMaster(key, k.vault)
}

func (k *keyring) anotherKey() error {
	return fmt.Errorf("%w: the master key of %s was changed while it is open; have the key source give the new one, then repeat the call",
		myvault.ErrWrongKey, k.name)
}
