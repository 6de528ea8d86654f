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
)

// Every record names its own key, in its data and in the custom metadata of the KV secret. Vault's
// answers don't repeat what was asked, so this is how an answer to another request is recognized:
// a proxy that mixes up the answers on a connection must not hand out another caller's secret.

// keyEntry is the entry of the custom metadata that names the key.
const keyEntry = "myvault_key"

// maxEntry is the most bytes that Vault accepts in one entry of the custom metadata.
const maxEntry = 512

// label returns the name that the record at key carries: the incarnation of the store and the path
// below its base. It is empty for the record of the store, which holds the incarnation itself.
func (k *kv) label(key string) string {
	path := strings.TrimPrefix(key, k.base)
	if k.incarnation == "" || path == "/"+storeKey {
		return ""
	}
	return k.incarnation + path
}

// entryOf returns the label as the custom metadata has it: a digest if it is too long for an entry.
func entryOf(label string) string {
	if len(label) <= maxEntry {
		return label
	}
	sum := sha256.Sum256([]byte(label))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// errMisdirected is the cause when an answer names another record than the one asked for.
var errMisdirected = errors.New("the answer is about another record; check what forwards requests to Vault, such as a proxy")

// check returns ErrTampered unless the answer described by m is about version n of key. label is
// the name in the data, hasData whether there was any data. Records without a name are accepted
// only in stores that were made before records had names.
func (k *kv) check(key string, n myvault.Version, label name, hasData bool, m *metadata) error {
	want := k.label(key)
	switch {
	case m == nil || want == "":
		return nil
	case m.Version == 0 || m.Version > lastVersion:
		return foreign()
	case n != newest && m.Version != uint64(n):
		return k.misdirected()
	}
	entry := m.Custom[keyEntry]
	wrongEntry := entry != "" && entry != entryOf(want)
	wrongLabel := label != "" && label.String() != want
	unnamed := entry == "" && (!hasData || label == "")
	if wrongEntry || wrongLabel || unnamed && k.allNamed {
		return k.misdirected()
	}
	return nil
}

// checkAnswer is check for the newest version of a record that is not a secret.
func (k *kv) checkAnswer(a cluster.Answer, found bool, key string, label name, m *metadata) error {
	if m == nil && (found || a.HasData()) {
		return foreign() // the answer to another kind of request
	}
	return k.check(key, newest, label, found, m)
}

// misdirected drops the idle connections, whose next answers may be wrong as well, and returns
// the error.
func (k *kv) misdirected() error {
	k.cluster.CloseIdle()
	return fmt.Errorf("%w: %w", myvault.ErrTampered, errMisdirected)
}

// made reports whether the change is the version that the answer to its write says. If the answer
// alone does not prove that, made reads the version and names the key.
func (s *Store) made(ctx context.Context, w written, key, change string, cas int64) bool {
	if s.proves(w, key, cas) {
		return true
	}
	if w.Custom[keyEntry] == "" {
		s.nameKey(ctx, key)
	}
	_, found, _ := s.findNext(ctx, key, change, int64(w.Version)-1)
	return found
}

// proves reports whether the answer to a write of key is the answer to this write: it names the
// key, and a version that follows cas or, without one, is newer than the last one known.
func (s *Store) proves(w written, key string, cas int64) bool {
	want := s.kv.label(key)
	if want == "" {
		return true // the record of the store, which is read again
	}
	if w.Custom[keyEntry] != entryOf(want) {
		return false
	}
	if cas != anyVersion {
		return w.Version == uint64(cas)+1
	}
	return w.Version > uint64(s.hints.last(key))
}

// nameKey writes the label into the custom metadata of the key. If that fails, the next write tries
// again.
func (s *Store) nameKey(ctx context.Context, key string) {
	label := entryOf(s.kv.label(key))
	_ = s.kv.patchCustom(ctx, key, map[string]*string{keyEntry: &label})
}
