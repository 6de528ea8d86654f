package peers

import (
	"context"
	"encoding/base64"
	"errors"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// The service whose sessions are measured. HTTP requests send the token.
const (
	serviceName = "newsbot"
	Token       = "a-token-of-the-comparison"
	ServiceName = serviceName
)

// Modes are the modes of recording reads, with their names.
var Modes = []struct {
	Name  string
	Reads myvault.Reads
}{{"off", myvault.ReadsOff}, {"relaxed", myvault.ReadsRelaxed}, {"strict", myvault.ReadsStrict}}

// Vaults are vaults over one provider, one for each mode of recording reads.
type Vaults struct {
	provider myvault.Provider
	vaults   map[myvault.Reads]*myvault.Vault
}

// Local is myVault over its local encrypted store, with the zero Config.
func Local() Engine {
	return Engine{
		Name: "myVault",
		Fill: fillLocal,
		Open: func(dir string, _ int) (Peer, error) {
			v, err := OpenVaults(dir)
			if err != nil {
				return nil, err
			}
			return singleVault{v.Peer(myvault.ReadsStrict), v}, nil
		},
	}
}

// singleVault is a session that closes its vaults when it is closed.
type singleVault struct {
	Peer
	vaults *Vaults
}

func (a singleVault) Close() error { return a.vaults.Close() }

// OpenVaults opens vaults over the store in dir.
func OpenVaults(dir string) (*Vaults, error) {
	key, err := crypto.ParseKey("base64:" + base64.StdEncoding.EncodeToString(testKey()))
	if err != nil {
		return nil, err
	}
	store, err := sqlite.Open(context.Background(), dir, sqlite.StaticKey(key), sqlite.Config{})
	if err != nil {
		return nil, err
	}
	return newVaults(store, sharedStore{store})
}

// MemoryVaults returns vaults in memory with the first value of every secret.
func MemoryVaults(all []Secret) (*Vaults, error) {
	provider := memory.New(memory.Config{})
	v, err := newVaults(provider, sharedMemory{provider})
	if err != nil {
		return nil, err
	}
	return v, v.fill(all)
}

// sharedStore and sharedMemory ignore Close, because several vaults share one provider.
type (
	sharedStore  struct{ *sqlite.Store }
	sharedMemory struct{ *memory.Provider }
)

func (sharedStore) Close() error  { return nil }
func (sharedMemory) Close() error { return nil }

func newVaults(provider, shared myvault.Provider) (*Vaults, error) {
	policy, err := NewPolicy(2)
	if err != nil {
		return nil, err
	}
	v := &Vaults{provider: provider, vaults: make(map[myvault.Reads]*myvault.Vault)}
	for _, mode := range Modes {
		if v.vaults[mode.Reads], err = myvault.New(shared, policy, myvault.Config{Reads: mode.Reads}); err != nil {
			return nil, errors.Join(err, v.Close())
		}
	}
	return v, nil
}

func fillLocal(dir string, all []Secret) error {
	v, err := OpenVaults(dir)
	if err != nil {
		return err
	}
	return errors.Join(v.fill(all), v.Close())
}

func (v *Vaults) fill(all []Secret) error {
	session := v.vaults[myvault.ReadsOff].As(serviceName)
	for from := 0; from < len(all); from += myvault.MaxChanges {
		part := all[from:min(from+myvault.MaxChanges, len(all))]
		changes := make([]myvault.Change, len(part))
		for i, s := range part {
			changes[i] = myvault.Change{Op: myvault.OpPut, Address: s.Address(), Value: myvault.Bytes(s.Value(0))}
		}
		if _, err := session.Apply(context.Background(), changes...); err != nil {
			return err
		}
	}
	return nil
}

// Vault returns the vault with the given mode.
func (v *Vaults) Vault(reads myvault.Reads) *myvault.Vault { return v.vaults[reads] }

// Peer returns a session of the vault with the given mode. Closing it does nothing.
func (v *Vaults) Peer(reads myvault.Reads) Peer {
	return session{v.vaults[reads].As(serviceName)}
}

// Close closes all vaults, then the provider.
func (v *Vaults) Close() error {
	var errs []error
	for _, vault := range v.vaults {
		errs = append(errs, vault.Close())
	}
	return errors.Join(append(errs, v.provider.Close())...)
}

type session struct{ s *myvault.Session }

func (p session) Get(s Secret) ([]byte, error) {
	secret, err := p.s.Get(context.Background(), s.Address())
	return secret.Value.RevealBytes(), err
}

func (p session) Put(s Secret, value []byte) error {
	_, err := p.s.Put(context.Background(), s.Address(), myvault.Bytes(value))
	return err
}

func (p session) Page(s Secret) (int, error) {
	below := myvault.ListOptions{Prefix: myvault.Prefix{Project: s.Address().Project, Path: "prod/"}}
	page, err := p.s.ListPage(context.Background(), below, PageSize)
	return len(page.Items), err
}

func (p session) Close() error { return nil }
