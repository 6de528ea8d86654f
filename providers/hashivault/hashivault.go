package hashivault

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/cluster"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/record"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/transport"
)

// Store is a [myvault.Provider] over the KV version 2 engine of a HashiCorp Vault. [Open]
// returns one.
type Store struct {
	kv       *kv
	projects *projects
	keeps    int   // versions of a secret, at least
	locks    locks // by address
	recent   versionCache
	patches  atomic.Bool // the token may patch
	readOnly bool
	calls    callTracker
}

var (
	_ myvault.Provider    = (*Store)(nil)
	_ myvault.Incarnation = (*Store)(nil)
	_ myvault.Limited     = (*Store)(nil)
)

// Open logs in, checks the mount and the token's rights, and creates a store if there is none
// under the base path. It returns [myvault.ErrInvalid] for a Config that cannot work;
// [ErrToken], [ErrLogin], [ErrSealed], [ErrMount], [ErrRights] or [ErrNewer], each with what to
// do; or [myvault.ErrUnavailable] alone if no node answers.
func Open(ctx context.Context, config Config) (*Store, error) {
	s, err := open(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open HashiCorp Vault: %w", err)
	}
	return s, nil
}

func open(ctx context.Context, config Config) (*Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	nodes, err := config.parseAddresses()
	if err != nil {
		return nil, err
	}
	tlsConfig, err := config.tls()
	if err != nil {
		return nil, err
	}
	c := cluster.New(cluster.Config{
		Nodes: nodes, Namespace: config.Namespace, Timeout: config.Timeout,
		Transport: transport.New(config.dial, tlsConfig),
	})
	tokens, err := newTokenSource(ctx, c, config)
	if err != nil {
		c.CloseIdle()
		return nil, err
	}
	s := &Store{kv: &kv{cluster: c, tokens: tokens, mount: config.Mount, base: config.Base}, readOnly: config.ReadOnly}
	s.projects, s.keeps = newProjects(s, config.MaxProjects), config.KeepVersions
	if err := s.start(ctx, config.KeepVersions); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// start checks Vault and reads or creates the record of the store.
func (s *Store) start(ctx context.Context, keep int) error {
	if err := s.kv.checkMount(ctx, keep); err != nil {
		return err
	}
	patches, err := s.kv.checkRights(ctx)
	if err != nil {
		return err
	}
	s.patches.Store(patches)
	for {
		found, err := s.readStoreRecord(ctx)
		if err != nil || found.Incarnation != "" || s.readOnly {
			s.kv.incarnation, s.kv.namesRequired = found.Incarnation, found.Layout != unnamedLayout
			return err
		}
		r := storeRecord{Layout: layout, Incarnation: strings.ToLower(rand.Text()), Change: record.Member(rand.Text())}
		_, err = s.write(ctx, s.kv.base+"/"+storeKey, r, r.Change.String(), 0)
		if err != nil && !errors.Is(err, cluster.ErrMismatch) {
			return err
		}
	}
}

// storeRecord is the record of the store as a whole.
type storeRecord struct {
	Layout      string        `json:"layout"`
	Incarnation string        `json:"incarnation"`
	Change      record.Member `json:"change"`
}

// readStoreRecord returns the record of the store, which is zero if there is none.
func (s *Store) readStoreRecord(ctx context.Context) (storeRecord, error) {
	var none storeRecord
	type stored struct {
		Data struct {
			Data *storeRecord     `json:"data"`
			Meta *record.Metadata `json:"metadata"`
		} `json:"data"`
	}
	a, found, err := s.kv.get(ctx, "data/"+s.kv.base+"/"+storeKey, "")
	if err != nil {
		return none, err
	}
	v, err := decode[stored](a)
	r := v.Data.Data
	switch {
	case err != nil:
		return none, err
	case !found && v.Data.Meta == nil:
		return none, withoutData(a)
	case !found || r == nil || !isIncarnation(r.Incarnation):
		return none, fmt.Errorf("%w: the record of the store is deleted or is another program's", myvault.ErrTampered)
	case r.Layout != layout && r.Layout != unnamedLayout:
		return none, ErrNewer
	}
	return *r, nil
}

// isIncarnation reports whether s is valid as an incarnation, which becomes part of ETags.
func isIncarnation(s string) bool {
	const longest = 64
	return s != "" && len(s) <= longest && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
}

// Incarnation returns 26 random letters and digits that were chosen when the store was created.
// With [Config.ReadOnly] it returns "" if there is no store.
func (s *Store) Incarnation() string { return s.kv.incarnation }

// Limits implements [myvault.Limited]. The number of versions is Config.KeepVersions. The mount
// may keep more.
func (s *Store) Limits() (projects, versions int) { return s.projects.max, s.keeps }

// Ping reads one record with the token. It returns an error if Vault does not answer, is sealed
// or has no leader, or if the token is no longer valid.
func (s *Store) Ping(ctx context.Context) error {
	_, err := whileOpen(ctx, s, func() (storeRecord, error) { return s.readStoreRecord(ctx) })
	return err
}

// Close waits for calls in progress, stops renewing the token, and revokes it if it came from a
// log-in. A second Close returns nil. Later calls return ErrClosed.
func (s *Store) Close() error {
	if s.calls.close() {
		s.kv.tokens.close()
		s.kv.cluster.CloseIdle()
	}
	return nil
}
