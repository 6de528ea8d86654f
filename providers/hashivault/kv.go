package hashivault

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/cluster"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/record"
)

// layout is the number of the layout that doc.go describes. In a store of unnamedLayout, records
// written before records had names have none.
const (
	layout        = "2"
	unnamedLayout = "1"
)

// The keys below the base path.
const (
	secretsFolder  = "secrets/"
	projectsFolder = "projects/"
	storeKey       = "store"
	defaultKey     = "default"
)

const (
	newest     = 0  // the version number of the current version
	anyVersion = -1 // the condition of a write that has none

	// lastVersion is more than any number of a version, and as much as Vault can parse.
	lastVersion = 1 << 31
	// maxHistory is the most versions of one secret that are read. It bounds the work that an
	// answer can cause by a large number.
	maxHistory = 10_000_000
)

// kv is the KV version 2 engine. It has one method for each of its paths that the provider
// uses. key is the path of a KV secret below the mount.
type kv struct {
	cluster *cluster.Cluster
	tokens  *tokenSource
	mount   string
	base    string

	incarnation   string // of the store; empty until it is known
	namesRequired bool   // every record of the store has a name
}

func (k *kv) secretKey(a myvault.Address) string {
	return k.base + "/" + secretsFolder + a.Project + "/" + a.Path
}

func (k *kv) projectKey(name string) string { return k.base + "/" + projectsFolder + name }

// do sends a call with the token. If Vault no longer knows the token, it has done nothing, and
// the call is sent once more with another one.
func (k *kv) do(ctx context.Context, q cluster.Call) (cluster.Answer, error) {
	for again := false; ; again = true {
		q.Token = k.tokens.current()
		a, err := k.cluster.Send(ctx, q)
		if err == nil && !again && a.Status == http.StatusForbidden && errors.Is(a.Err(), ErrToken) {
			if k.tokens.replace(ctx, q.Token) {
				continue
			}
			err = ctx.Err() // a caller that left while there might have been another token was not refused
		}
		return a, err
	}
}

// get reads a path. found is false if Vault has nothing there. A 404 with data is about a version
// that is deleted or destroyed.
func (k *kv) get(ctx context.Context, path, query string) (a cluster.Answer, found bool, err error) {
	a, err = k.do(ctx, cluster.Call{Method: http.MethodGet, Path: k.mount + "/" + path, Query: query})
	switch {
	case err != nil:
		return a, false, err
	case a.Status == http.StatusOK:
		return a, true, nil
	case a.Status == http.StatusNotFound && !a.IsVaults():
		return a, false, cluster.Unavailable(errProxy)
	case a.Status == http.StatusNotFound && a.Reasons() == "":
		return a, false, nil
	}
	return a, false, certain(a.Err())
}

// certain returns err with ErrUnavailable in place of Uncertain, for calls that are harmless to
// repeat.
func certain(err error) error {
	if u := (cluster.Uncertain{}); errors.As(err, &u) {
		return cluster.Unavailable(u.Cause)
	}
	return err
}

// decode reads the JSON of an answer.
func decode[T any](a cluster.Answer) (T, error) {
	var v T
	if err := json.Unmarshal(a.Body, &v); err != nil {
		return v, foreign()
	}
	return v, nil
}

// withoutData returns ErrTampered if the answer has data: it is the answer to another request
// then.
func withoutData(a cluster.Answer) error {
	if a.HasData() {
		return foreign()
	}
	return nil
}

// version is one version as data and subkeys return it. Meta is nil if it was never made.
type version struct {
	Data struct {
		Data    *record.Data     `json:"data"`
		Subkeys *record.Data     `json:"subkeys"`
		Meta    *record.Metadata `json:"metadata"`
	} `json:"data"`
}

func versionQuery(n myvault.Version) string {
	if n == newest {
		return ""
	}
	return "version=" + strconv.FormatUint(uint64(n), 10)
}

// read returns a version with its value.
func (k *kv) read(ctx context.Context, key string, n myvault.Version) (*record.Data, *record.Metadata, error) {
	v, err := k.version(ctx, "data/"+key, n)
	return k.checked(key, n, v.Data.Data, v.Data.Meta, err)
}

// stat returns what is known of a version, without its value.
func (k *kv) stat(ctx context.Context, key string, n myvault.Version) (*record.Data, *record.Metadata, error) {
	v, err := k.version(ctx, "subkeys/"+key, n)
	return k.checked(key, n, v.Data.Subkeys, v.Data.Meta, err)
}

func (k *kv) version(ctx context.Context, path string, n myvault.Version) (version, error) {
	a, found, err := k.get(ctx, path, versionQuery(n))
	if err != nil {
		return version{}, err
	}
	v, err := decode[version](a)
	if err == nil && v.Data.Meta == nil && (found || a.HasData()) {
		err = foreign() // the answer to another kind of request
	}
	return v, err
}

func (k *kv) checked(key string, n myvault.Version, d *record.Data, m *record.Metadata, err error) (*record.Data, *record.Metadata, error) {
	if err == nil {
		err = k.checkName(key, n, d.Name(), d != nil, m)
	}
	if err != nil {
		return nil, nil, err
	}
	return d, m, nil
}

// history is all versions of a key.
type history struct {
	Data struct {
		Current  uint64                     `json:"current_version"`
		Versions map[string]record.Metadata `json:"versions"`
		Custom   map[string]string          `json:"custom_metadata"`
	} `json:"data"`
}

// count returns the number of versions ever made.
func (h history) count() int { return int(h.Data.Current) }

// number returns the number of the i-th version, counted from the newest.
func (h history) number(i int) myvault.Version { return myvault.Version(h.Data.Current - uint64(i)) }

// kept returns the numbers of the versions that Vault still has.
func (h history) kept() []myvault.Version {
	var all []myvault.Version
	for text := range h.Data.Versions {
		if n, err := strconv.ParseUint(text, 10, 64); err == nil && n > 0 && n <= h.Data.Current {
			all = append(all, myvault.Version(n))
		}
	}
	return all
}

// of returns the metadata of one version. A version that Vault has dropped is destroyed.
func (h history) of(n myvault.Version) record.Metadata {
	m, found := h.Data.Versions[strconv.FormatUint(uint64(n), 10)]
	if !found {
		m.Destroyed = true
	}
	m.Version, m.Custom = uint64(n), h.Data.Custom
	return m
}

// history returns the states of all versions. For a key that has none it is zero.
func (k *kv) history(ctx context.Context, key string) (history, error) {
	a, found, err := k.get(ctx, "metadata/"+key, "")
	if err != nil {
		return history{}, err
	}
	if !found {
		return history{}, withoutData(a)
	}
	h, err := decode[history](a)
	if err == nil && (h.Data.Versions == nil || h.Data.Current > maxHistory) {
		err = foreign()
	}
	if err == nil {
		err = k.checkHistory(ctx, key, h)
	}
	if err != nil {
		return history{}, err
	}
	return h, nil
}

// list returns the names in a folder, unordered. Those of folders end in a slash.
func (k *kv) list(ctx context.Context, folder string) ([]string, error) {
	a, found, err := k.get(ctx, "metadata/"+folder, "list=true")
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, withoutData(a)
	}
	type listing struct {
		Data struct {
			Keys []string `json:"keys"`
		} `json:"data"`
	}
	l, err := decode[listing](a)
	if err == nil && l.Data.Keys == nil {
		err = foreign()
	}
	return l.Data.Keys, err
}

// put writes the next version if the current one is cas, otherwise it returns ErrMismatch.
func (k *kv) put(ctx context.Context, key string, data any, cas int64) (written, error) {
	return k.write(ctx, http.MethodPost, key, data, cas)
}

// patch is put for changes to the current version, which must be neither deleted nor destroyed.
func (k *kv) patch(ctx context.Context, key string, changes map[string]any, cas int64) (written, error) {
	return k.write(ctx, http.MethodPatch, key, changes, cas)
}

// written is Vault's answer to a write.
type written struct {
	Version uint64            `json:"version"`
	Custom  map[string]string `json:"custom_metadata"`
}

func (k *kv) write(ctx context.Context, method, key string, data any, cas int64) (written, error) {
	type options struct {
		CAS *int64 `json:"cas,omitzero"`
	}
	var o options
	if cas != anyVersion {
		o.CAS = &cas
	}
	body, err := json.Marshal(map[string]any{"data": data, "options": o}, json.Deterministic(true))
	if err != nil {
		return written{}, errors.Join(myvault.ErrInvalid, errors.New("a name or a time cannot be written as JSON"))
	}
	a, err := k.do(ctx, cluster.Call{Method: method, Path: k.mount + "/data/" + key, Body: body})
	if err != nil {
		return written{}, err
	}
	if a.Status != http.StatusOK {
		return written{}, refused{a.Err()}
	}
	type stored struct {
		Data written `json:"data"`
	}
	w, err := decode[stored](a)
	if err != nil || w.Data.Version == 0 || w.Data.Version > lastVersion {
		return written{}, cluster.Uncertain{Cause: errors.New("vault's answer cannot be parsed")}
	}
	return w.Data, nil
}

// updateVersions deletes, undeletes or destroys versions, as action says.
func (k *kv) updateVersions(ctx context.Context, action, key string, versions []myvault.Version) error {
	return k.change(ctx, http.MethodPost, action+"/"+key, map[string]any{"versions": versions})
}

// patchCustom changes entries of a key's custom metadata. nil removes an entry.
func (k *kv) patchCustom(ctx context.Context, key string, entries map[string]*string) error {
	return k.change(ctx, http.MethodPatch, "metadata/"+key, map[string]any{"custom_metadata": entries})
}

// change sends a change whose answer is empty.
func (k *kv) change(ctx context.Context, method, path string, object map[string]any) error {
	body, err := json.Marshal(object)
	if err != nil {
		return err
	}
	a, err := k.do(ctx, cluster.Call{Method: method, Path: k.mount + "/" + path, Body: body})
	if err == nil && !slices.Contains([]int{http.StatusOK, http.StatusNoContent}, a.Status) {
		err = a.Err()
	}
	return err
}
