// Package peers puts the stores that are compared behind one small interface, so that all
// of them do the same work: hand out the clear bytes of a secret, and keep a new value
// on the disk before they return.
//
// Each is set up as its authors recommend, with its own caching on. What it does not do
// beside is said in its Lacks: only tailscale/setec has a policy and a trail of its own.
package peers

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/myswiftagent/myvault"
)

// Peer is an open store. Its methods may be called by many goroutines at once.
type Peer interface {
	// Get gives the value in clear; the caller may keep it.
	Get(s Secret) ([]byte, error)
	// Put keeps another value, durably before it returns.
	Put(s Secret, value []byte) error
	// Page lists the first 100 secrets of the project of s, and gives how many it found. A
	// store without pages is errors.ErrUnsupported.
	Page(s Secret) (int, error)
	Close() error
}

// PageSize is how many secrets [Peer.Page] lists.
const PageSize = 100

// Engine makes and opens the stores of one kind.
type Engine struct {
	Name  string
	Lacks string // what it does not do of what myVault does
	Most  int    // secrets that it is asked to hold; 0: any number
	// Fill makes a store in an empty directory, with the first value of every secret, and
	// closes it.
	Fill func(dir string, all []Secret) error
	// Open opens it for so many callers at a time.
	Open func(dir string, callers int) (Peer, error)
}

// Engines gives every store that outlives its process, myVault first.
func Engines() []Engine { return []Engine{Local(), Bolt(), Badger(), Setec()} }

// ByName gives the engine of that name.
func ByName(name string) (Engine, error) {
	engines := Engines()
	at := slices.IndexFunc(engines, func(e Engine) bool { return e.Name == name })
	if at < 0 {
		return Engine{}, fmt.Errorf("peers: there is no engine %q", name)
	}
	return engines[at], nil
}

// perProject is how many secrets a project has.
const perProject = 1000

// Secret is the name of a secret: "service-0001/prod/db/key-001".
type Secret struct {
	Key string
	Raw []byte // the same, for stores that want bytes
}

const projectSize = len("service-0001")

// Names gives the names of n secrets, a thousand to a project.
func Names(n int) []Secret {
	all := make([]Secret, n)
	for i := range all {
		all[i] = Name(i)
	}
	return all
}

// Name gives the i-th of them.
func Name(i int) Secret {
	key := fmt.Sprintf("service-%04d/prod/db/key-%03d", i/perProject, i%perProject)
	return Secret{Key: key, Raw: []byte(key)}
}

// Project gives the project's name and the slash behind it.
func (s Secret) Project() string { return s.Key[:projectSize+1] }

// Address gives the name as the vault has it.
func (s Secret) Address() myvault.Address {
	return myvault.Address{Project: s.Key[:projectSize], Path: s.Key[projectSize+1:]}
}

// Value gives the n-th value of a secret, counted from 0: 64 bytes that no compression
// makes shorter.
func (s Secret) Value(n int) []byte {
	sum := sha512.Sum512(binary.BigEndian.AppendUint64(slices.Clip(s.Raw), uint64(n)))
	return sum[:]
}

// testKey is the key of every store. It protects nothing.
func testKey() []byte {
	sum := sha256.Sum256([]byte("a key for comparing stores"))
	return sum[:]
}
