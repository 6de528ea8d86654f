package themes

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

// clientsOfVault are how many clients ask at a time.
var clientsOfVault = []int{16, 64}

// asked is what clients ask for, and what myVault is to reach of what Vault reaches by itself.
var asked = []struct {
	what string
	goal float64
}{{"read", 0.7}, {"write", 0.7}, {"write on a condition", 0.5}}

// vaultTables compare myVault's HTTP API over a HashiCorp Vault with that Vault's own.
func vaultTables(r *run) (_ []Table, err error) {
	if r.Vault == "" {
		r.Log("  left out: MYVAULT_VAULT_BIN names no HashiCorp Vault server")
		return nil, nil
	}
	var open closers
	defer func() { err = errors.Join(err, open.close()) }()
	contestants, err := r.overVault(&open)
	if err != nil {
		return nil, err
	}
	results, err := measure.Rounds(r.ctx, r.Rounds, contestants)
	if err != nil {
		return nil, err
	}
	t := Table{Title: "Over HashiCorp Vault", Note: "One secret of 64 bytes for each client, over connections that stay open; myVault's HTTP API over a Vault server, and the API of the same server, " +
		"which runs in dev mode: it keeps everything in memory, so that what myVault adds shows most. A write on a condition is one with If-Match, and one with cas. All secrets stand equally deep in Vault, which encrypts each segment of a path. " +
		"myVault's trail is on disk, with two entries for each write. The reverse proxy is net/http/httputil's, which only passes on: what any hop costs. All share the cores."}
	for _, result := range results {
		t.Rows = append(t.Rows, vaultRows(result, results[0])...)
	}
	return []Table{t}, nil
}

func vaultRows(result, vault measure.Result) (rows []Row) {
	for i, n := range clientsOfVault {
		for j, a := range asked {
			figure := i*len(asked) + j
			row := Row{What: fmt.Sprintf("%s, %s, %d clients", result.Name, a.what, n), Unit: perSecond, Figure: result.Of(figure)}
			if result.Name != vault.Name {
				row.Against, row.Ratio = vault.Name, result.Of(figure).Over(vault.Of(figure))
				if result.Name == overStrict {
					row.Reach = RatioAtLeast(a.goal, fmt.Sprintf("at least %.1fx Vault itself", a.goal))
				}
			}
			rows = append(rows, row)
		}
	}
	return rows
}

const overStrict = "myVault over Vault, strict"

// overVault starts a Vault and everything that is asked, Vault itself first.
func (r *run) overVault(open *closers) ([]measure.Contestant, error) {
	home, err := r.temporary()
	if err != nil {
		return nil, err
	}
	real, err := vaultserver.StartDev(r.Vault, home)
	if err != nil {
		return nil, err
	}
	*open = append(*open, closer(func() error { real.Kill(); return nil }))
	// Vault writes the list of a secret's versions with each of them: a short one, for both alike.
	if status, _, err := real.Ask(http.MethodPost, "secret/config", `{"max_versions":10}`); err != nil || status >= http.StatusMultipleChoices {
		return nil, errors.Join(err, fmt.Errorf("vault answers %d to its settings", status))
	}
	direct, err := r.asking(server{vaultItself, strings.TrimPrefix(real.Address, "http://")}, directly(real.Token, "direct/secrets"), open)
	if err != nil {
		return nil, err
	}
	proxy, err := r.proxy(real, open)
	if err != nil {
		return nil, err
	}
	all := []measure.Contestant{direct, proxy}
	for _, mode := range []struct {
		name  string
		reads myvault.Reads
	}{{overStrict, myvault.Strict}, {"myVault over Vault, relaxed", myvault.Relaxed}} {
		c, err := r.throughMyVault(mode.name, real, mode.reads, open)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// proxy is what any hop over HTTP costs that the cores are shared with: the standard library's
// reverse proxy, which passes everything on as it is.
func (r *run) proxy(to *vaultserver.Server, open *closers) (none measure.Contestant, _ error) {
	target, err := url.Parse(to.Address)
	if err != nil {
		return none, err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: clientsOfVault[len(clientsOfVault)-1], DisableCompression: true}
	*open = append(*open, closer(func() error { transport.CloseIdleConnections(); return nil }))
	handler := &httputil.ReverseProxy{Transport: transport, Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(target) }}
	s, err := serveHandler("a bare reverse proxy", handler, open)
	if err != nil {
		return none, err
	}
	return r.asking(s, directly(to.Token, "proxied/secrets"), open)
}

// throughMyVault serves a vault over the server.
func (r *run) throughMyVault(name string, over *vaultserver.Server, reads myvault.Reads, open *closers) (none measure.Contestant, _ error) {
	dir, err := r.temporary()
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
	return r.asking(s, byMyVault(vault.Incarnation()), open)
}
