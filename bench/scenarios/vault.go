package scenarios

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/internal/vaultserver"

	"github.com/myswiftagent/myvault/bench/measure"
	"github.com/myswiftagent/myvault/bench/peers"
)

const vaultItself = "Vault itself"

// vaultClients are the numbers of concurrent clients.
var vaultClients = []int{16, 64}

// requests are the kinds of request. goal is the share of Vault's own rate that myVault must reach.
var requests = []struct {
	what string
	goal float64
}{{"read", 0.7}, {"write", 0.7}, {"conditional write", 0.5}}

// vaultTables compare myVault's HTTP API over a HashiCorp Vault with the API of that Vault.
func vaultTables(r *run) (_ []Table, err error) {
	if r.Vault == "" {
		r.Log("  skipped: MYVAULT_VAULT_BIN is not set")
		return nil, nil
	}
	var open closers
	defer func() { err = errors.Join(err, open.close()) }()
	candidates, err := r.overVault(&open)
	if err != nil {
		return nil, err
	}
	results, err := measure.Rounds(r.ctx, r.Rounds, candidates)
	if err != nil {
		return nil, err
	}
	t := Table{Title: "Over HashiCorp Vault", Note: "myVault's HTTP API over a Vault server, compared with the API of the same server. Each client has its own secrets of 64 bytes and one persistent connection. " +
		"Vault runs in dev mode and keeps everything in memory, which makes the cost of myVault most visible. A conditional write uses If-Match or cas. " +
		"All paths in Vault have the same number of segments, because Vault encrypts each segment. myVault's trail is on disk and has two entries for each write. " +
		"The reverse proxy of net/http/httputil only forwards requests: it shows the cost of one more hop. All processes share the cores."}
	for _, result := range results {
		t.Rows = append(t.Rows, vaultRows(result, results[0])...)
	}
	return []Table{t}, nil
}

func vaultRows(result, vault measure.Result) (rows []Row) {
	for i, n := range vaultClients {
		for j, a := range requests {
			figure := i*len(requests) + j
			row := Row{What: fmt.Sprintf("%s, %s, %d clients", result.Name, a.what, n), Unit: perSecond, Figure: result.Of(figure)}
			if result.Name != vault.Name {
				row.Against, row.Ratio = vault.Name, result.Of(figure).Over(vault.Of(figure))
				if result.Name == overStrict {
					row.Goal = RatioAtLeast(a.goal, fmt.Sprintf("at least %.1fx Vault itself", a.goal))
				}
			}
			rows = append(rows, row)
		}
	}
	return rows
}

const overStrict = "myVault over Vault, strict"

// overVault starts a Vault and all that is measured over it, Vault itself first.
func (r *run) overVault(open *closers) ([]measure.Candidate, error) {
	home, err := r.tempDir()
	if err != nil {
		return nil, err
	}
	real, err := vaultserver.StartDev(r.Vault, home)
	if err != nil {
		return nil, err
	}
	*open = append(*open, closerFunc(func() error { real.Kill(); return nil }))
	// Vault rewrites the list of all versions with each new one. Keep it short for all candidates.

	if status, _, err := real.Ask(http.MethodPost, "secret/config", `{"max_versions":10}`); err != nil || status >= http.StatusMultipleChoices {
		return nil, errors.Join(err, fmt.Errorf("vault answers %d to POST secret/config", status))
	}
	direct, err := r.queryVault(server{vaultItself, strings.TrimPrefix(real.Address, "http://")}, directly(real.Token, "direct/secrets"), open)
	if err != nil {
		return nil, err
	}
	proxy, err := r.proxy(real, open)
	if err != nil {
		return nil, err
	}
	all := []measure.Candidate{direct, proxy}
	for _, mode := range []struct {
		name  string
		reads myvault.Reads
	}{{overStrict, myvault.ReadsStrict}, {"myVault over Vault, relaxed", myvault.ReadsRelaxed}} {
		c, err := r.throughMyVault(mode.name, real, mode.reads, open)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// proxy starts the standard library's reverse proxy. It shows the cost of any further hop over
// HTTP on the same cores.
func (r *run) proxy(to *vaultserver.Server, open *closers) (none measure.Candidate, _ error) {
	target, err := url.Parse(to.Address)
	if err != nil {
		return none, err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: vaultClients[len(vaultClients)-1], DisableCompression: true}
	*open = append(*open, closerFunc(func() error { transport.CloseIdleConnections(); return nil }))
	handler := &httputil.ReverseProxy{Transport: transport, Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(target) }}
	s, err := serveHandler("a bare reverse proxy", handler, open)
	if err != nil {
		return none, err
	}
	return r.queryVault(s, directly(to.Token, "proxied/secrets"), open)
}

// throughMyVault starts a myVault server over the Vault server.
func (r *run) throughMyVault(name string, over *vaultserver.Server, reads myvault.Reads, open *closers) (none measure.Candidate, _ error) {
	dir, err := r.tempDir()
	if err != nil {
		return none, err
	}
	vault, err := peers.OverVault(r.ctx, over.Address, over.Token, fmt.Sprintf("base-%d", reads), dir, reads)
	if err != nil {
		return none, err
	}
	*open = append(*open, vault)
	handler, err := httpapi.New(vault, httpapi.Config{})
	if err != nil {
		return none, err
	}
	s, err := serveAPI(name, handler, open)
	if err != nil {
		return none, err
	}
	return r.queryVault(s, byMyVault(vault.Incarnation()), open)
}
