package peers

import (
	"errors"
	"io"
	"net/netip"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/tailscale/setec/acl"
	"github.com/tailscale/setec/audit"
	"github.com/tailscale/setec/db"
	"github.com/tailscale/setec/types/api"
	"github.com/tink-crypto/tink-go/v2/aead/subtle"
)

// maxSetec is the size at which one change takes about a second, because it writes the whole file.
const maxSetec = 100_000

// setecDB is the database of a setec server, called as the server calls it.
type setecDB struct {
	db     *db.DB
	caller db.Caller
	audit  *audit.Writer
	// version is the last one used. It starts at the current time, so no version is reused.
	version atomic.Int64
}

// Setec is the database of github.com/tailscale/setec, with its policy, versions and trail. The
// trail is a JSON file, synced after every entry.
func Setec() Engine {
	return Engine{
		Name:       "setec's db",
		Missing:    "all secrets are in memory, in clear; a change writes the whole file; the trail is not chained; no pages; one process at a time",
		MaxSecrets: maxSetec,
		Fill:       fillSetec,
		Open:       func(dir string, _ int) (Peer, error) { return openSetec(dir) },
	}
}

const (
	setecFile  = "setec.json"
	setecTrail = "audit.json"
)

func openSetec(dir string) (*setecDB, error) {
	trail, err := audit.NewFile(filepath.Join(dir, setecTrail))
	if err != nil {
		return nil, err
	}
	return newSetec(dir, trail)
}

// OpenSetecWithoutTrail opens the database with a trail that discards its entries. It is compared
// with a vault that records no reads.
func OpenSetecWithoutTrail(dir string) (Peer, error) { return newSetec(dir, audit.New(io.Discard)) }

func newSetec(dir string, trail *audit.Writer) (*setecDB, error) {
	key, err := subtle.NewAESGCM(testKey())
	if err != nil {
		return nil, err
	}
	store, err := db.Open(filepath.Join(dir, setecFile), key, trail)
	if err != nil {
		return nil, errors.Join(err, trail.Close())
	}
	s := &setecDB{db: store, caller: setecCaller(), audit: trail}
	s.version.Store(time.Now().UnixNano())
	return s, nil
}

// setecCaller has two rules, as the service of the vault does.
func setecCaller() db.Caller {
	actions := []acl.Action{acl.ActionGet, acl.ActionInfo, acl.ActionPut, acl.ActionCreateVersion, acl.ActionActivate}
	return db.Caller{
		Principal: audit.Principal{Hostname: serviceName, IP: netip.MustParseAddr("127.0.0.1")},
		Permissions: acl.Rules{
			{Action: actions, Secret: []acl.Secret{"common/*"}},
			{Action: actions, Secret: []acl.Secret{"*/prod/*"}},
		},
	}
}

func (s *setecDB) Get(secret Secret) ([]byte, error) {
	value, err := s.db.Get(s.caller, secret.Key)
	if err != nil {
		return nil, err
	}
	return value.Value, nil
}

// Put creates a version and activates it in one write. Put of setec leaves the old one active.
func (s *setecDB) Put(secret Secret, value []byte) error {
	version := api.SecretVersion(s.version.Add(1))
	return s.db.CreateVersion(s.caller, secret.Key, version, value)
}

func (s *setecDB) Page(Secret) (int, error) { return 0, errors.ErrUnsupported }

func (s *setecDB) Close() error { return s.audit.Close() }
