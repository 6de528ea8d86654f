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

// The service whose sessions are measured. Its token is for HTTP.
const (
	serviceName = "newsbot"
	Token       = "a-token-of-the-comparison"
	ServiceName = serviceName
)

// Modes are the ways of recording reads, by their names.
var Modes = []struct {
	Name  string
	Reads myvault.Reads
}{{"off", myvault.Off}, {"relaxed", myvault.Relaxed}, {"strict", myvault.Strict}}

// Vaults are vaults over one provider, one for each way of recording reads.
type Vaults struct {
	provider myvault.Provider
	vaults   map[myvault.Reads]*myvault.Vault
}

// Local is myVault over its local encrypted store, as the zero configuration has it.
func Local() Engine {
	return Engine{
		Name: "myVault",
		Fill: fillLocal,
		Open: func(dir string, _ int) (Peer, error) {
			v, err := OpenVaults(dir)
			if err != nil {
				return nil, err
			}
			return alone{v.Peer(myvault.Strict), v}, nil
		},
	}
}

// alone is the only session of its vaults.
type alone struct {
	Peer
	vaults *Vaults
}

func (a alone) Close() error { return a.vaults.Close() }

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
	return newVaults(store, keptStore{store})
}

// MemoryVaults gives vaults in memory with the first value of every secret.
func MemoryVaults(all []Secret) (*Vaults, error) {
	provider := memory.New(memory.Config{})
	v, err := newVaults(provider, keptMemory{provider})
	if err != nil {
		return nil, err
	}
	return v, v.fill(all)
}

// keptStore and keptMemory are not closed by the first of several vaults that closes.
type (
	keptStore  struct{ *sqlite.Store }
	keptMemory struct{ *memory.Provider }
)

func (keptStore) Close() error  { return nil }
func (keptMemory) Close() error { return nil }

func newVaults(provider, kept myvault.Provider) (*Vaults, error) {
	policy, err := NewPolicy(2)
	if err != nil {
		return nil, err
	}
	v := &Vaults{provider: provider, vaults: make(map[myvault.Reads]*myvault.Vault)}
	for _, mode := range Modes {
		if v.vaults[mode.Reads], err = myvault.New(kept, policy, myvault.Config{Reads: mode.Reads}); err != nil {
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
	session := v.vaults[myvault.Off].As(serviceName)
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

// Vault gives the one that records reads in this way.
func (v *Vaults) Vault(reads myvault.Reads) *myvault.Vault { return v.vaults[reads] }

// Peer gives a session of it. Closing it does nothing.
func (v *Vaults) Peer(reads myvault.Reads) Peer {
	return session{v.vaults[reads].As(serviceName)}
}

// Close closes all vaults, and then the provider.
func (v *Vaults) Close() error {
	var errs []error
	for _, vault := range v.vaults {
		errs = append(errs, vault.Close())
	}
	return errors.Join(append(errs, v.provider.Close())...)
}

// session asks the policy on every call, and records by its vault's mode.
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
