// Package peers wraps the compared stores in one small interface, so that all of them do the same
// work: return the clear bytes of a secret, and sync a new value to the disk before they return.
//
// Each store is configured as its authors recommend, with its caching on. Engine.Missing lists the
// features of myVault that it lacks. Only tailscale/setec has a policy and a trail.
package peers

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/myswiftagent/myvault"
)

// Peer is an open store. It is safe for concurrent use.
type Peer interface {
	// Get returns the clear value. The caller may keep it.
	Get(s Secret) ([]byte, error)
	// Put stores a new value. It is durable when Put returns.
	Put(s Secret, value []byte) error
	// Page lists the first PageSize secrets of the project of s and returns how many it found. A
	// store without pages returns errors.ErrUnsupported.
	Page(s Secret) (int, error)
	Close() error
}

// PageSize is how many secrets [Peer.Page] lists.
const PageSize = 100

// Engine makes and opens the stores of one kind.
type Engine struct {
	Name       string
	Missing    string // features of myVault that it lacks
	MaxSecrets int    // the largest store to measure; 0: no limit
	// Fill creates a store in an empty directory with the first value of every secret, and
	// closes it.
	Fill func(dir string, all []Secret) error
	// Open opens the store for the given number of concurrent callers.
	Open func(dir string, callers int) (Peer, error)
}

// Engines returns every store that outlives its process, myVault first.
func Engines() []Engine { return []Engine{Local(), Bolt(), Badger(), Setec()} }

// ByName returns the engine with the given name.
func ByName(name string) (Engine, error) {
	engines := Engines()
	at := slices.IndexFunc(engines, func(e Engine) bool { return e.Name == name })
	if at < 0 {
		return Engine{}, fmt.Errorf("peers: no engine %q", name)
	}
	return engines[at], nil
}

// perProject is how many secrets a project has.
const perProject = 1000

// Secret is the name of a secret: "service-0001/prod/db/key-001".
type Secret struct {
	Key string
	Raw []byte // Key as bytes
}

const projectSize = len("service-0001")

// Names returns the names of n secrets, a thousand in each project.
func Names(n int) []Secret {
	all := make([]Secret, n)
	for i := range all {
		all[i] = Name(i)
	}
	return all
}

// Name returns the i-th name.
func Name(i int) Secret {
	key := fmt.Sprintf("service-%04d/prod/db/key-%03d", i/perProject, i%perProject)
	return Secret{Key: key, Raw: []byte(key)}
}

// Project returns the name of the project with a trailing slash.
func (s Secret) Project() string { return s.Key[:projectSize+1] }

// Address returns the address of the secret in a vault.
func (s Secret) Address() myvault.Address {
	return myvault.Address{Project: s.Key[:projectSize], Path: s.Key[projectSize+1:]}
}

// Value returns the n-th value of a secret, counted from 0: 64 bytes that cannot be compressed.
func (s Secret) Value(n int) []byte {
	sum := sha512.Sum512(binary.BigEndian.AppendUint64(slices.Clip(s.Raw), uint64(n)))
	return sum[:]
}

// testKey is the key of every store. It protects nothing.
func testKey() []byte {
	sum := sha256.Sum256([]byte("a key for comparing stores"))
	return sum[:]
}
