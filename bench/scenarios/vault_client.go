package scenarios

import (
	"fmt"
	"io"

	"github.com/myswiftagent/myvault/bench/measure"
	"github.com/myswiftagent/myvault/bench/peers"
)

// vaultClient is one client with three secrets: one to read, one to write, and one to write
// conditionally. No other client uses them.
type vaultClient struct {
	*client
	version   uint64 // of the secret that is written conditionally
	read, put []byte
	putIf     func(version uint64) []byte
}

// dialect builds the requests of one API.
type dialect struct {
	read  func(key peers.Secret) request
	put   func(key peers.Secret, value string) request
	putIf func(key peers.Secret, value string, version uint64) request
}

// request is an HTTP request.
type request struct {
	method, path, body string
	headers            []string
}

func (r request) bytes(host string) []byte {
	b := fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.method, r.path, host)
	for _, header := range r.headers {
		b = fmt.Appendf(b, "%s\r\n", header)
	}
	if r.body != "" {
		b = fmt.Appendf(b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(r.body))
	}
	return append(append(b, "\r\n"...), r.body...)
}

// directly is the dialect of Vault's KV engine, with all secrets below a folder.
func directly(token, folder string) dialect {
	headers := []string{"X-Vault-Token: " + token}
	path := func(key peers.Secret) string { return "/v1/secret/data/" + folder + "/" + key.Key }
	return dialect{
		read: func(key peers.Secret) request { return request{"GET", path(key), "", headers} },
		put: func(key peers.Secret, value string) request {
			return request{"POST", path(key), fmt.Sprintf(`{"data":{"value":%q}}`, value), headers}
		},
		putIf: func(key peers.Secret, value string, version uint64) request {
			return request{"POST", path(key), fmt.Sprintf(`{"data":{"value":%q},"options":{"cas":%d}}`, value, version), headers}
		},
	}
}

// byMyVault is the dialect of myVault's HTTP API. PATCH requires a condition, so an unconditional
// write is a list of changes.
func byMyVault(incarnation string) dialect {
	headers := []string{"X-Service: " + peers.ServiceName, "X-Token: " + peers.Token}
	path := func(key peers.Secret) string { return "/api/secrets/" + key.Key }
	return dialect{
		read: func(key peers.Secret) request { return request{"GET", path(key), "", headers} },
		put: func(key peers.Secret, value string) request {
			a := key.Address()
			return request{"POST", "/api/changes", fmt.Sprintf(`{"changes":[{"op":"put","project":%q,"path":%q,"value":%q}]}`, a.Project, a.Path, value), headers}
		},
		putIf: func(key peers.Secret, value string, version uint64) request {
			match := fmt.Sprintf(`If-Match: "%s-%d"`, incarnation, version)
			return request{"PATCH", path(key), fmt.Sprintf(`{"value":%q}`, value), append(headers[:2:2], match)}
		},
	}
}

// newVaultClient connects the i-th client and writes the first version of its secrets.
func newVaultClient(addr string, i int, d dialect) (*vaultClient, error) {
	plain, err := dial(addr, "/", nil)
	if err != nil {
		return nil, err
	}
	c := &vaultClient{client: plain, version: 1}
	keys := [...]peers.Secret{peers.Name(3 * i), peers.Name(3*i + 1), peers.Name(3*i + 2)}
	value := func(n int) string { return fmt.Sprintf("%x", keys[0].Value(n)[:32]) }
	c.read, c.put = d.read(keys[0]).bytes(addr), d.put(keys[1], value(1)).bytes(addr)
	c.putIf = func(version uint64) []byte { return d.putIf(keys[2], value(2), version).bytes(addr) }
	for _, key := range keys {
		if err := c.exchange(d.put(key, value(0)).bytes(addr), io.Discard); err != nil {
			_ = c.Close()
			return nil, err
		}
	}
	return c, nil
}

// writeIf writes on the condition that the version is unchanged.
func (c *vaultClient) writeIf() error {
	err := c.exchange(c.putIf(c.version), io.Discard)
	c.version++
	return err
}

// queryVault connects the largest number of clients to a server. Its rounds measure every kind of
// request with every number of clients.
func (r *run) queryVault(s server, d dialect, open *closers) (measure.Candidate, error) {
	clients := make([]*vaultClient, vaultClients[len(vaultClients)-1])
	for i := range clients {
		c, err := newVaultClient(s.addr, i, d)
		if err != nil {
			return measure.Candidate{}, fmt.Errorf("%s: %w", s.name, err)
		}
		*open = append(*open, c)
		clients[i] = c
	}
	ops := []measure.Op{
		func(i, _ int) error { return clients[i].exchange(clients[i].read, io.Discard) },
		func(i, _ int) error { return clients[i].exchange(clients[i].put, io.Discard) },
		func(i, _ int) error { return clients[i].writeIf() },
	}
	return measure.Candidate{Name: s.name, Round: func() (rates []float64, err error) {
		for _, n := range vaultClients {
			for _, op := range ops {
				rate, err := measure.PerSecond(r.Slice, n, op)
				if err != nil {
					return nil, err
				}
				rates = append(rates, rate)
			}
		}
		return rates, nil
	}}, nil
}
