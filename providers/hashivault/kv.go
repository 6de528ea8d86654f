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
)

// kv is the KV version 2 engine: one method for each of its paths that the provider uses.
// key is the path of a KV secret below the mount.
type kv struct {
	cluster *cluster.Cluster
	keeper  *keeper
	mount   string
	base    string

	incarnation string // of the store; empty until it is known
	allNamed    bool   // every record of the store names its key
}

// newest asks for the current version.
const newest = 0

// do sends a call with the token, and once more with another token where Vault does not
// know the first one any more: then it has done nothing.
func (k *kv) do(ctx context.Context, q cluster.Call) (cluster.Answer, error) {
	for again := false; ; again = true {
		q.Token = k.keeper.current()
		a, err := k.cluster.Send(ctx, q)
		if err == nil && !again && a.Status == http.StatusForbidden &&
			errors.Is(a.Err(), ErrToken) {
			if k.keeper.again(ctx, q.Token) {
				continue
			}
			err = ctx.Err() // who left while there might have been another token was not refused
		}
		return a, err
	}
}

// get reads a path. found is false where Vault has nothing there; a 404 with data is
// about a version that is deleted or destroyed.
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
	err = a.Err()
	if u := (cluster.Uncertain{}); errors.As(err, &u) {
		err = cluster.Unavailable(u.Cause) // a read changes nothing
	}
	return a, false, err
}

// version is one version as data or subkeys tell of it. Meta is nil where it was never made.
type version struct {
	Data struct {
		Data    *record   `json:"data"`
		Subkeys *record   `json:"subkeys"`
		Meta    *metadata `json:"metadata"`
	} `json:"data"`
}

func versionQuery(n myvault.Version) string {
	if n == newest {
		return ""
	}
	return "version=" + strconv.FormatUint(uint64(n), 10)
}

// data reads a version with its value.
func (k *kv) data(ctx context.Context, key string, n myvault.Version) (*record, *metadata, error) {
	v, err := k.version(ctx, "data/"+key, n)
	if err == nil {
		err = k.check(key, n, v.Data.Data.key(), v.Data.Data != nil, v.Data.Meta)
	}
	if err != nil {
		return nil, nil, err
	}
	return v.Data.Data, v.Data.Meta, nil
}

// look reads what is known of a version, without its value.
func (k *kv) look(ctx context.Context, key string, n myvault.Version) (*record, *metadata, error) {
	v, err := k.version(ctx, "subkeys/"+key, n)
	if err == nil {
		err = k.check(key, n, v.Data.Subkeys.key(), v.Data.Subkeys != nil, v.Data.Meta)
	}
	if err != nil {
		return nil, nil, err
	}
	return v.Data.Subkeys, v.Data.Meta, nil
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

// history is every version of a key.
type history struct {
	Data struct {
		Current  uint64              `json:"current_version"`
		Versions map[string]metadata `json:"versions"`
		Custom   map[string]string   `json:"custom_metadata"`
	} `json:"data"`
}

// count returns the number of versions ever made, and number the i-th of them, the newest first.
func (h history) count() int { return int(h.Data.Current) }

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

// of gives one version. One that Vault has forgotten is destroyed.
func (h history) of(n myvault.Version) metadata {
	m, found := h.Data.Versions[strconv.FormatUint(uint64(n), 10)]
	if !found {
		m.Destroyed = true
	}
	m.Version, m.Custom = uint64(n), h.Data.Custom
	return m
}

// history reads the states of all versions; the zero history is that of a key without one.
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

// checkHistory is check for a history. One whose custom metadata does not name the key is compared
// with its current version, read separately: Vault's creation times have nanoseconds.
func (k *kv) checkHistory(ctx context.Context, key string, h history) error {
	entry := h.Data.Custom[keyEntry]
	switch {
	case entry == entryOf(k.label(key)) || h.Data.Current == 0:
		return nil
	case entry != "":
		return k.misdirected()
	}
	current := h.of(myvault.Version(h.Data.Current))
	_, m, err := k.look(ctx, key, myvault.Version(h.Data.Current))
	if err == nil && (m == nil || m.CreatedTime != current.CreatedTime) {
		err = k.misdirected()
	}
	return err
}

// list gives the names in a folder, unordered; those of folders end in a slash.
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

// anyVersion writes whatever the current version is.
const anyVersion = -1

// put writes the next version, if the current one is cas; else cluster.ErrMismatch.
func (k *kv) put(ctx context.Context, key string, data any, cas int64) (written, error) {
	return k.store(ctx, http.MethodPost, key, data, cas)
}

// patch writes the next version by changes to the current one, if that is cas, else
// cluster.ErrMismatch, and if it is neither deleted nor destroyed.
func (k *kv) patch(ctx context.Context, key string, changes map[string]any, cas int64) (written, error) {
	return k.store(ctx, http.MethodPatch, key, changes, cas)
}

// written is Vault's answer to a write.
type written struct {
	Version uint64            `json:"version"`
	Custom  map[string]string `json:"custom_metadata"`
}

func (k *kv) store(ctx context.Context, method, key string, data any, cas int64) (written, error) {
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
		return written{}, cluster.Uncertain{Cause: errors.New("vault's answer is not understood")}
	}
	return w.Data, nil
}

// mark deletes, undeletes or destroys versions.
func (k *kv) mark(ctx context.Context, what, key string, versions []myvault.Version) error {
	body, err := json.Marshal(map[string]any{"versions": versions})
	if err != nil {
		return err
	}
	return k.change(ctx, cluster.Call{Method: http.MethodPost, Path: k.mount + "/" + what + "/" + key, Body: body})
}

// patchCustom changes entries of a key's custom metadata.
func (k *kv) patchCustom(ctx context.Context, key string, entries map[string]*string) error {
	body, err := json.Marshal(map[string]any{"custom_metadata": entries})
	if err != nil {
		return err
	}
	return k.change(ctx, cluster.Call{Method: http.MethodPatch, Path: k.mount + "/metadata/" + key, Body: body})
}

// change sends a change that has no answer but that it was made.
func (k *kv) change(ctx context.Context, q cluster.Call) error {
	a, err := k.do(ctx, q)
	if err == nil && !slices.Contains([]int{http.StatusOK, http.StatusNoContent}, a.Status) {
		err = a.Err()
	}
	return err
}

// secretKey is where a secret stands below the mount, projectKey a project's registration.
func (k *kv) secretKey(a myvault.Address) string {
	return k.base + "/" + secretsFolder + a.Project + "/" + a.Path
}

func (k *kv) projectKey(name string) string { return k.base + "/" + projectsFolder + name }

// withoutData returns ErrTampered if the answer has data: it is the answer to another request then.
func withoutData(a cluster.Answer) error {
	if a.HasData() {
		return foreign()
	}
	return nil
}
