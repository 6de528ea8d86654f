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

// maxSetec is where one change begins to take a second: it writes the whole file.
const maxSetec = 100_000

// server is the database of a setec server, called as the server calls it.
type server struct {
	db     *db.DB
	caller db.Caller
	audit  *audit.Writer
	// version is the newest one given out: the time at first, so that none was used before.
	version atomic.Int64
}

// Setec is github.com/tailscale/setec's database, with its own policy, versions and trail: a
// JSON file that syncs after every entry.
func Setec() Engine {
	return Engine{
		Name:  "setec's db",
		Lacks: "everything is in memory, in clear; a change writes the whole file; the trail is not chained; no pages; one process at a time",
		Most:  maxSetec,
		Fill:  fillSetec,
		Open:  func(dir string, _ int) (Peer, error) { return openSetec(dir) },
	}
}

const (
	setecFile  = "setec.json"
	setecTrail = "audit.json"
)

func openSetec(dir string) (*server, error) {
	trail, err := audit.NewFile(filepath.Join(dir, setecTrail))
	if err != nil {
		return nil, err
	}
	return newSetec(dir, trail)
}

// OpenQuietSetec opens it with a trail that goes nowhere, beside a vault that records no reads.
func OpenQuietSetec(dir string) (Peer, error) { return newSetec(dir, audit.New(io.Discard)) }

func newSetec(dir string, trail *audit.Writer) (*server, error) {
	key, err := subtle.NewAESGCM(testKey())
	if err != nil {
		return nil, err
	}
	store, err := db.Open(filepath.Join(dir, setecFile), key, trail)
	if err != nil {
		return nil, errors.Join(err, trail.Close())
	}
	s := &server{db: store, caller: setecCaller(), audit: trail}
	s.version.Store(time.Now().UnixNano())
	return s, nil
}

// setecCaller has two rules, as the callers of the vault have.
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

func (s *server) Get(secret Secret) ([]byte, error) {
	value, err := s.db.Get(s.caller, secret.Key)
	if err != nil {
		return nil, err
	}
	return value.Value, nil
}

// Put makes a version and activates it in one write; setec's own Put leaves the old one active.
func (s *server) Put(secret Secret, value []byte) error {
	version := api.SecretVersion(s.version.Add(1))
	return s.db.CreateVersion(s.caller, secret.Key, version, value)
}

func (s *server) Page(Secret) (int, error) { return 0, errors.ErrUnsupported }

func (s *server) Close() error { return s.audit.Close() }
