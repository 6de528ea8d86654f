// Package fakevault is a HashiCorp Vault in the memory of a test. It has as much of the HTTP
// API as the provider uses, and faults on demand. One test checks its behavior and that of a
// real server, so that they cannot drift apart.
package fakevault

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

// RootToken may do everything.
const RootToken = "root"

// Vault is one server, or the nodes of one cluster that share its memory.
type Vault struct {
	Address string // of the first node, such as http://127.0.0.1:41234
	Token   string // may do everything

	mu       sync.Mutex
	sealed   bool
	fault    func(*http.Request) Fault
	requests []string // "GET subkeys" and the like
	mounts   map[string]*mount
	tokens   map[string]*token
	policies map[string]policy
	roles    *roles
	leader   *httptest.Server // nil: pipes lead to it
	pipes    *pipes
}

// New starts a server that ends with the test.
func New(t testing.TB) *Vault {
	t.Helper()
	v := Start()
	t.Cleanup(func() { v.leader.Close() })
	return v
}

// Start starts a server with a KV engine of version 2 at "secret" that keeps 10,000 versions,
// as vaultserver.Dev does. Stop ends it.
func Start() *Vault {
	v := unstarted()
	v.leader = httptest.NewServer(v)
	v.Address = v.leader.URL
	return v
}

func unstarted() *Vault {
	v := &Vault{
		Token:    RootToken,
		mounts:   map[string]*mount{"secret/": newMount("2")},
		tokens:   map[string]*token{RootToken: {policies: []string{"root"}}},
		policies: map[string]policy{},
	}
	v.mounts["secret/"].settings.MaxVersions = 10_000
	return v
}

// Redirect starts a server that redirects every request to another address, and returns its
// own.
func Redirect(t testing.TB, address string) string {
	t.Helper()
	s := httptest.NewServer(Redirecting(address))
	t.Cleanup(s.Close)
	return s.URL
}

// Redirecting redirects every request to another address, as a standby does to the leader.
func Redirecting(address string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, address+r.URL.RequestURI(), http.StatusTemporaryRedirect)
	}
}

// Stop stops the server, as a crash would: connections break, its memory stays.
func (v *Vault) Stop() {
	v.leader.CloseClientConnections()
	v.leader.Close()
}

// Restart starts a stopped server again, at its address.
func (v *Vault) Restart(t testing.TB) {
	t.Helper()
	l, err := net.Listen("tcp", strings.TrimPrefix(v.Address, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	v.leader = httptest.NewUnstartedServer(v)
	_ = v.leader.Listener.Close()
	v.leader.Listener = l
	v.leader.Start()
}

// Seal seals the server, or unseals it.
func (v *Vault) Seal(sealed bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sealed = sealed
}

// Revoke removes tokens. Without names it removes all but the root token.
func (v *Vault) Revoke(names ...string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for name := range v.tokens {
		if name != RootToken && len(names) == 0 || slices.Contains(names, name) {
			delete(v.tokens, name)
		}
	}
}

// Fault is a fault of one request.
type Fault struct {
	Status int           // answered in place of handling the request
	Text   string        // the reason in the answer
	Drop   bool          // the connection breaks, and the request is not handled
	Lose   bool          // the request is handled, and the connection breaks in place of the answer
	Delay  time.Duration // before the answer
	Before time.Duration // before the request is handled
}

// Break sets the function that returns the fault of each request. nil means none.
func (v *Vault) Break(fault func(*http.Request) Fault) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.fault = fault
}

// Requests returns the requests since the last call, such as "GET subkeys".
func (v *Vault) Requests() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	all := v.requests
	v.requests = nil
	return all
}

// Kind returns the part of a request's path after the mount, such as "data" or "subkeys".
func Kind(r *http.Request) string {
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/v1/"), "/")
	if parts[0] == "sys" || parts[0] == "auth" {
		return parts[0]
	}
	if r.URL.Query().Get("list") == "true" {
		return "list"
	}
	return parts[min(1, len(parts)-1)]
}

// ServeHTTP answers as Vault does.
func (v *Vault) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	v.mu.Lock()
	v.requests = append(v.requests, r.Method+" "+Kind(r))
	fault := v.fault
	v.mu.Unlock()
	var f Fault
	if fault != nil {
		f = fault(r)
	}
	time.Sleep(f.Before)
	if f.Drop {
		panic(http.ErrAbortHandler)
	}
	a := refuse(f.Status, f.Text)
	if f.Status == 0 {
		a = v.answer(r, body)
	}
	time.Sleep(f.Delay)
	if f.Lose {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	if a.body != nil {
		_ = json.MarshalWrite(w, a.body, json.Deterministic(true))
	}
}

// answer is a status and a body to encode as JSON. nil is no body.
type answer struct {
	status int
	body   any
}

type object = map[string]any

func ok(data any) answer { return answer{http.StatusOK, object{"data": data}} }

func done() answer { return answer{status: http.StatusNoContent} }

// refuse answers with reasons, or with an empty list, as Vault does if there is nothing.
func refuse(status int, reasons ...string) answer {
	return answer{status, object{"errors": append([]string{}, reasons...)}}
}

func missing() answer { return refuse(http.StatusNotFound) }

// answer checks the token and handles the request.
func (v *Vault) answer(r *http.Request, body []byte) answer {
	v.mu.Lock()
	defer v.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/v1/")
	if path == "sys/health" {
		return answer{http.StatusOK, object{"sealed": v.sealed}}
	}
	if v.sealed {
		return refuse(http.StatusServiceUnavailable, "Vault is sealed")
	}
	q := request{method: r.Method, path: path, query: r.URL.Query(), token: r.Header.Get("X-Vault-Token"), object: object{}}
	if len(body) > 0 && json.Unmarshal(body, &q.object) != nil {
		return refuse(http.StatusBadRequest, "error parsing JSON")
	}
	if longest(q.object) > maxString {
		return refuse(http.StatusInternalServerError, "failed to parse JSON input: JSON string value exceeds allowed length")
	}
	if strings.HasPrefix(path, "auth/") && strings.HasSuffix(path, "/login") {
		return v.login(q)
	}
	t := v.tokens[q.token]
	switch {
	case q.token == "":
		return refuse(http.StatusForbidden, "permission denied")
	case t == nil || t.ended():
		return refuse(http.StatusForbidden, "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n")
	}
	if strings.HasPrefix(path, "sys/") || strings.HasPrefix(path, "auth/") {
		return v.system(q, t)
	}
	for at, m := range v.mounts {
		if rest, found := strings.CutPrefix(path, at); found {
			return v.engine(q, t, m, rest)
		}
	}
	return refuse(http.StatusNotFound, "no handler for route \""+path+"\". route entry not found.")
}

// maxString is Vault's limit for one string in a request.
const maxString = 1 << 20

func longest(data any) (n int) {
	switch d := data.(type) {
	case string:
		return len(d)
	case object:
		for _, inside := range d {
			n = max(n, longest(inside))
		}
	}
	return n
}

// request is a parsed request.
type request struct {
	method, path string
	query        map[string][]string
	token        string
	object       object
}

func (q request) text(key string) string {
	s, _ := q.object[key].(string)
	return s
}

func (q request) param(key string) string {
	if all := q.query[key]; len(all) > 0 {
		return all[0]
	}
	return ""
}
