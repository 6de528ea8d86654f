package fakevault

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// mount is one KV engine.
type mount struct {
	version  string // "1" or "2"
	settings struct {
		MaxVersions int    `json:"max_versions"`
		CASRequired bool   `json:"cas_required"`
		DeleteAfter string `json:"delete_version_after"`
	}
	keys map[string]*key
	old  map[string]object // the data of a version 1 engine
}

func newMount(version string) *mount {
	m := &mount{version: version, keys: map[string]*key{}, old: map[string]object{}}
	m.settings.DeleteAfter = "0s"
	return m
}

// key is a KV secret with all its versions.
type key struct {
	current  int
	versions map[int]*version
	custom   map[string]string
}

type version struct {
	data      []byte // JSON
	created   time.Time
	deleted   time.Time
	destroyed bool
}

// engine checks the rights and handles a request below a mount.
func (v *Vault) engine(q request, t *token, m *mount, path string) answer {
	kind, name, _ := strings.Cut(path, "/")
	need, checked := m.right(q, kind, name)
	if !v.allowed(t, checked, need) {
		return refuse(http.StatusForbidden, "1 error occurred:\n\t* permission denied\n\n")
	}
	if m.version != "2" {
		return m.first(q, path)
	}
	if need == "list" {
		return m.list(strings.TrimSuffix(name, "/") + "/")
	}
	switch q.method + " " + kind {
	case "GET config":
		return ok(m.settings) // a copy
	case "POST config":
		encoded, _ := json.Marshal(q.object)
		if json.Unmarshal(encoded, &m.settings) != nil {
			return refuse(http.StatusBadRequest, "error converting input")
		}
		return done()
	case "GET data":
		return m.read(q, name, "data")
	case "GET subkeys":
		return m.read(q, name, "subkeys")
	case "GET metadata":
		return m.history(name)
	case "POST data", "PATCH data":
		return m.write(q, name)
	case "PATCH metadata":
		return m.patch(q, name)
	case "POST delete", "POST undelete", "POST destroy":
		return m.mark(q, name, kind)
	}
	return refuse(http.StatusMethodNotAllowed, "unsupported operation")
}

// right returns the capability that a request needs, and the path that it is needed for.
func (m *mount) right(q request, kind, name string) (capability, path string) {
	need := map[string]string{
		http.MethodGet: "read", http.MethodPost: "update", http.MethodPut: "update",
		http.MethodPatch: "patch", http.MethodDelete: "delete",
	}[q.method]
	switch {
	case q.param("list") == "true":
		// Vault adds a slash to the path of a listing.
		return "list", strings.TrimSuffix(q.path, "/") + "/"
	case kind == "data" && need == "update" && m.keys[name] == nil:
		return "create", q.path
	}
	return need, q.path
}

// first is a version 1 engine: it stores data at any path, and finds it at that path alone.
func (m *mount) first(q request, path string) answer {
	if q.method == http.MethodGet {
		if o, found := m.old[path]; found {
			return ok(o)
		}
		return missing()
	}
	m.old[path] = q.object
	return done()
}

func (m *mount) list(folder string) answer {
	var names []string
	for name := range m.keys {
		if rest, found := strings.CutPrefix(name, folder); found {
			if i := strings.IndexByte(rest, '/'); i >= 0 {
				rest = rest[:i+1]
			}
			names = append(names, rest)
		}
	}
	if len(names) == 0 {
		return missing()
	}
	slices.Sort(names)
	return ok(object{"keys": slices.Compact(names)})
}

// moment formats a time as Vault does. The zero time is "".
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func (x *version) hidden() bool { return x.destroyed || !x.deleted.IsZero() }

// describe returns the metadata of a version.
func (k *key) describe(n int) object {
	x := k.versions[n]
	var custom any
	if len(k.custom) > 0 {
		custom = maps.Clone(k.custom) // it is encoded after the lock is released
	}
	return object{
		"version": n, "created_time": moment(x.created), "deletion_time": moment(x.deleted),
		"destroyed": x.destroyed, "custom_metadata": custom,
	}
}

// read returns the data of a version, or its keys alone. For a deleted or destroyed version it
// is a 404 with metadata.
func (m *mount) read(q request, name, kind string) answer {
	n := 0
	if text := q.param("version"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			return refuse(http.StatusBadRequest, "Field validation failed: error converting input for field \"version\"")
		}
	}
	k := m.keys[name]
	if k == nil {
		return missing()
	}
	if n <= 0 {
		n = k.current
	}
	x := k.versions[n]
	if x == nil {
		return missing()
	}
	answered := object{kind: nil, "metadata": k.describe(n)}
	if x.hidden() {
		return answer{http.StatusNotFound, object{"data": answered}}
	}
	var data any
	if json.Unmarshal(x.data, &data) != nil {
		return refuse(http.StatusInternalServerError, "internal error")
	}
	if kind == "subkeys" {
		data = strip(data)
	}
	answered[kind] = data
	return ok(answered)
}

// strip replaces every value, and every object without keys, by null.
func strip(data any) any {
	o, isObject := data.(object)
	if !isObject || len(o) == 0 {
		return nil
	}
	for name := range o {
		o[name] = strip(o[name])
	}
	return o
}

func (m *mount) history(name string) answer {
	k := m.keys[name]
	if k == nil {
		return missing()
	}
	versions := object{}
	for n, x := range k.versions {
		versions[strconv.Itoa(n)] = object{
			"created_time": moment(x.created), "deletion_time": moment(x.deleted), "destroyed": x.destroyed,
		}
	}
	return ok(object{"current_version": k.current, "versions": versions, "custom_metadata": maps.Clone(k.custom)})
}

func (m *mount) write(q request, name string) answer {
	data, isObject := q.object["data"].(object)
	if !isObject {
		return refuse(http.StatusBadRequest, "no data provided")
	}
	k := m.keys[name]
	if k == nil {
		k = &key{versions: map[int]*version{}}
	}
	options, _ := q.object["options"].(object)
	switch cas, given := options["cas"]; {
	case given && cas != float64(k.current):
		return refuse(http.StatusBadRequest, "check-and-set parameter did not match the current version")
	case !given && m.settings.CASRequired:
		return refuse(http.StatusBadRequest, "check-and-set parameter required for this call")
	}
	if q.method == http.MethodPatch {
		x := k.versions[k.current]
		switch {
		case x == nil:
			return missing()
		case x.hidden():
			return answer{http.StatusNotFound, object{"data": k.describe(k.current)}}
		}
		data = merged(x.data, data)
	}
	encoded, err := json.Marshal(data)
	if err != nil {
		return refuse(http.StatusBadRequest, "error parsing JSON")
	}
	m.keys[name] = k
	k.current++
	k.versions[k.current] = &version{data: encoded, created: time.Now()}
	kept := m.settings.MaxVersions
	if kept == 0 {
		kept = 10
	}
	for n := k.current - kept; k.versions[n] != nil; n-- {
		delete(k.versions, n)
	}
	return ok(k.describe(k.current))
}

// merged applies a merge patch (RFC 7396).
func merged(old []byte, changes object) object {
	var o object
	_ = json.Unmarshal(old, &o) // null and other types become an empty object
	if o == nil {
		o = object{}
	}
	for name, change := range changes {
		inner, isObject := change.(object)
		switch {
		case change == nil:
			delete(o, name)
		case isObject:
			before, _ := json.Marshal(o[name])
			o[name] = merged(before, inner)
		default:
			o[name] = change
		}
	}
	return o
}

func (m *mount) patch(q request, name string) answer {
	k := m.keys[name]
	if k == nil {
		return answer{status: http.StatusNotFound}
	}
	changes, _ := q.object["custom_metadata"].(object)
	if len(changes) > 64 {
		return refuse(http.StatusBadRequest, "custom_metadata validation failed: payload must contain at most 64 keys")
	}
	for entry, value := range changes {
		text, isText := value.(string)
		switch {
		case isText && (len(text) == 0 || len(text) > 512):
			return refuse(http.StatusBadRequest, "custom_metadata validation failed: length of value")
		case isText && k.custom == nil:
			k.custom = map[string]string{entry: text}
		case isText:
			k.custom[entry] = text
		default:
			delete(k.custom, entry)
		}
	}
	return done()
}

// ahead is how far the clock of this Vault is ahead of the client's.
const ahead = time.Minute

// mark deletes, undeletes or destroys versions. It skips versions that do not exist.
func (m *mount) mark(q request, name, how string) answer {
	k := m.keys[name]
	numbers, _ := q.object["versions"].([]any)
	if len(numbers) == 0 {
		return refuse(http.StatusBadRequest, "No version number provided")
	}
	if k == nil {
		return done()
	}
	for _, n := range numbers {
		x := k.versions[int(n.(float64))]
		switch {
		case x == nil || x.destroyed:
		case how == "destroy":
			x.destroyed, x.data = true, nil
		case how == "undelete":
			x.deleted = time.Time{}
		case x.deleted.IsZero():
			x.deleted = time.Now().Add(ahead)
		}
	}
	return done()
}
