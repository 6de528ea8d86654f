package hashivault

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/cluster"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/record"
)

// Every record has a name, in its data and in the custom metadata of the KV secret. Vault's
// answers don't repeat what was asked, so the name shows whether an answer belongs to another
// request. A proxy that mixes up answers must not hand out another caller's secret.

// nameEntry is the entry of the custom metadata that holds the name.
const nameEntry = "myvault_key"

// maxEntry is the most bytes that Vault accepts in one entry of the custom metadata.
const maxEntry = 512

// recordName returns the name of the record at key: the incarnation of the store and the path
// below its base. It is empty for the record of the store, which holds the incarnation itself.
func (k *kv) recordName(key string) string {
	path := strings.TrimPrefix(key, k.base)
	if k.incarnation == "" || path == "/"+storeKey {
		return ""
	}
	return k.incarnation + path
}

// entryOf returns a name as the custom metadata holds it: a digest if it is too long for an
// entry.
func entryOf(name string) string {
	if len(name) <= maxEntry {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// errMisdirected is the cause if an answer names another record than the one asked for.
var errMisdirected = errors.New("the answer is about another record; check what forwards requests to Vault, such as a proxy")

// checkName returns ErrTampered unless the answer described by m is about version n of key.
// name is the name in the data, and hasData reports whether there was any data. Records without
// a name are accepted only in stores that were made before records had names.
func (k *kv) checkName(key string, n myvault.Version, name record.Member, hasData bool, m *record.Metadata) error {
	want := k.recordName(key)
	switch {
	case m == nil || want == "":
		return nil
	case m.Version == 0 || m.Version > lastVersion:
		return foreign()
	case n != newest && m.Version != uint64(n):
		return k.misdirected()
	}
	entry := m.Custom[nameEntry]
	wrongEntry := entry != "" && entry != entryOf(want)
	wrongName := name != "" && name.String() != want
	unnamed := entry == "" && (!hasData || name == "")
	if wrongEntry || wrongName || unnamed && k.namesRequired {
		return k.misdirected()
	}
	return nil
}

// checkAnswer is checkName for the newest version of a record that is not a secret.
func (k *kv) checkAnswer(a cluster.Answer, found bool, key string, name record.Member, m *record.Metadata) error {
	if m == nil && (found || a.HasData()) {
		return foreign() // the answer to another kind of request
	}
	return k.checkName(key, newest, name, found, m)
}

// checkHistory is checkName for a history. If its custom metadata has no name, its current
// version is read separately and compared: Vault's creation times have nanoseconds.
func (k *kv) checkHistory(ctx context.Context, key string, h history) error {
	entry := h.Data.Custom[nameEntry]
	switch {
	case entry == entryOf(k.recordName(key)) || h.Data.Current == 0:
		return nil
	case entry != "":
		return k.misdirected()
	}
	current := h.of(myvault.Version(h.Data.Current))
	_, m, err := k.stat(ctx, key, myvault.Version(h.Data.Current))
	if err == nil && (m == nil || m.CreatedTime != current.CreatedTime) {
		err = k.misdirected()
	}
	return err
}

// misdirected closes the idle connections, whose next answers may be wrong too, and returns the
// error.
func (k *kv) misdirected() error {
	k.cluster.CloseIdle()
	return fmt.Errorf("%w: %w", myvault.ErrTampered, errMisdirected)
}

// confirmWrite reports whether a change is the version that the answer to its write names. If the
// answer alone does not prove that, confirmWrite reads the version and names the key.
func (s *Store) confirmWrite(ctx context.Context, w written, key, change string, cas int64) bool {
	if s.proves(w, key, cas) {
		return true
	}
	if w.Custom[nameEntry] == "" {
		s.nameKey(ctx, key)
	}
	_, found, _ := s.findNext(ctx, key, change, int64(w.Version)-1)
	return found
}

// proves reports whether the answer to a write of key is the answer to this write: it has the
// name of the key, and a version that follows cas or, without one, is newer than the last one
// known.
func (s *Store) proves(w written, key string, cas int64) bool {
	want := s.kv.recordName(key)
	if want == "" {
		return true // the record of the store, which is read again
	}
	if w.Custom[nameEntry] != entryOf(want) {
		return false
	}
	if cas != anyVersion {
		return w.Version == uint64(cas)+1
	}
	return w.Version > uint64(s.recent.last(key))
}

// nameKey writes the name into the custom metadata of the key. If that fails, the next write
// tries again.
func (s *Store) nameKey(ctx context.Context, key string) {
	name := entryOf(s.kv.recordName(key))
	_ = s.kv.patchCustom(ctx, key, map[string]*string{nameEntry: &name})
}
