package hashivault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/hashicorp/vault/api"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/cluster"
)

const (
	// minRenewInterval is the least time between two renewals, and after one that failed.
	minRenewInterval = time.Second
	// maxTTL is the longest life of a token that is accepted. It prevents overflows.
	maxTTL = 100 * 365 * 24 * time.Hour
)

var errTokenAnswer = errors.New("vault's answer about the token cannot be parsed")

// tokenSource has the token. It renews it after two thirds of its life, and logs in again when
// renewal ends: at the token's maximum, or because it was revoked.
type tokenSource struct {
	cluster   *cluster.Cluster
	role      *AppRole
	loginSlot chan struct{} // holds one item while no log-in is in progress
	stop      context.CancelFunc
	stopped   chan struct{} // closed when the renewing goroutine has ended

	stats tokenStats
	mu    sync.Mutex
	token string
}

// lease is how long a token lives.
type lease struct {
	ttl       time.Duration // 0: no limit
	renewable bool
}

// newTokenSource logs in, or looks the token up, and starts renewing it.
func newTokenSource(ctx context.Context, c *cluster.Cluster, config Config) (*tokenSource, error) {
	s := &tokenSource{cluster: c, role: config.AppRole, token: config.Token.Reveal(), loginSlot: make(chan struct{}, 1), stopped: make(chan struct{})}
	s.loginSlot <- struct{}{}
	var l lease
	var err error
	if s.role != nil {
		l, err = s.login(ctx)
	} else {
		l, err = s.request(ctx, http.MethodGet, "auth/token/lookup-self", nil)
	}
	if err != nil {
		return nil, err
	}
	s.stats.setExpiry(l)
	running, stop := context.WithCancel(context.Background())
	s.stop = stop
	go s.renew(running, l)
	return s, nil
}

// current returns the token.
func (s *tokenSource) current() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.token
}

// renew renews the token until it has no limit, there is no way to another one, or ctx ends.
func (s *tokenSource) renew(ctx context.Context, l lease) {
	defer close(s.stopped)
	full := l.ttl
	for l.ttl > 0 && (l.renewable || s.role != nil) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(max(l.ttl*2/3, min(minRenewInterval, full/3))):
		}
		next, err := lease{}, errors.ErrUnsupported
		if l.renewable {
			next, err = s.request(ctx, http.MethodPost, "auth/token/renew-self", []byte("{}"))
			s.stats.record(&s.stats.renewals, next, err)
		}
		// A renewal for much less than at first shows that the token's maximum is near.
		if s.role != nil && (err != nil || next.ttl < full/2) {
			if again, failed := s.login(ctx); failed == nil {
				next, err, full = again, nil, again.ttl
			}
		}
		if err == nil {
			l = next
		} else {
			l.ttl = min(l.ttl/3, 10*minRenewInterval) // retry while it lives
			l.ttl = max(l.ttl, minRenewInterval)
		}
	}
	<-ctx.Done()
}

// replace gets another token in place of one that Vault refused, and reports whether there is
// one. Callers that come at the same time share one log-in.
func (s *tokenSource) replace(ctx context.Context, refused string) bool {
	if s.role == nil {
		return false
	}
	select {
	case <-s.loginSlot:
	case <-ctx.Done():
		return false
	}
	defer func() { s.loginSlot <- struct{}{} }()
	if s.current() != refused {
		return true
	}
	_, err := s.login(ctx)
	return err == nil
}

// login gets a token for the role.
func (s *tokenSource) login(ctx context.Context) (lease, error) {
	body, err := json.Marshal(map[string]string{"role_id": s.role.RoleID, "secret_id": s.role.SecretID.Reveal()})
	if err != nil {
		return lease{}, fmt.Errorf("%w configuration: the role id or the secret id is not valid UTF-8", myvault.ErrInvalid)
	}
	l, err := s.request(ctx, http.MethodPost, "auth/"+s.role.Mount+"/login", body)
	if errors.Is(err, ErrMount) || errors.Is(err, ErrRights) {
		err = cluster.Unavailable(ErrLogin)
	}
	if !errors.Is(err, context.Canceled) || ctx.Err() == nil { // a caller that left is no failure of Vault
		s.stats.record(&s.stats.logIns, l, err)
	}
	return l, err
}

// request makes a request about the token, and stores the token that a log-in returns. The
// token of a renewal is ignored: meanwhile another one may have replaced it.
func (s *tokenSource) request(ctx context.Context, method, path string, body []byte) (lease, error) {
	q := cluster.Call{Method: method, Path: path, Body: body, Token: s.current()}
	loggingIn := s.role != nil && path != "auth/token/renew-self"
	if loggingIn {
		q.Token = ""
	}
	a, err := s.cluster.Send(ctx, q)
	if err == nil && a.Status != http.StatusOK {
		err = a.Err()
		if loggingIn && a.Status == http.StatusBadRequest {
			err = cluster.Unavailable(ErrLogin)
		}
	}
	if err != nil {
		return lease{}, certain(err) // another token or renewal does no harm
	}
	secret, err := api.ParseSecret(bytes.NewReader(a.Body))
	if err != nil || secret == nil || !answers(secret, q) {
		return lease{}, cluster.Unavailable(errTokenAnswer)
	}
	l, err := leaseOf(secret)
	if err != nil {
		return lease{}, err
	}
	if loggingIn {
		s.mu.Lock()
		s.token = secret.Auth.ClientToken
		s.mu.Unlock()
	}
	return l, nil
}

// answers reports whether the secret can be the answer to q: a log-in returns a token, and a
// renewal or a look-up names the token that asked.
func answers(secret *api.Secret, q cluster.Call) bool {
	if q.Method == http.MethodGet {
		id, named := secret.Data["id"].(string)
		return secret.Data["ttl"] != nil && (!named || id == q.Token)
	}
	if secret.Auth == nil || secret.Auth.ClientToken == "" || !cluster.FitsHeader(secret.Auth.ClientToken) {
		return false
	}
	return q.Token == "" || secret.Auth.ClientToken == q.Token
}

// leaseOf returns how long the token lives.
func leaseOf(secret *api.Secret) (lease, error) {
	ttl, err := secret.TokenTTL()
	renewable, err2 := secret.TokenIsRenewable()
	tooLong := secret.Auth != nil && secret.Auth.LeaseDuration > int(maxTTL/time.Second)
	if errors.Join(err, err2) != nil || tooLong || ttl < 0 || ttl > maxTTL {
		return lease{}, cluster.Unavailable(errTokenAnswer)
	}
	if ttl > 0 {
		ttl = max(ttl, time.Second) // Vault counts in seconds; less would renew without a pause
	}
	return lease{ttl: ttl, renewable: renewable}, nil
}

// close stops the renewal, and revokes a token that a log-in returned, because no other program
// has it. Errors are ignored: the token expires anyway.
func (s *tokenSource) close() {
	s.stop()
	<-s.stopped
	if s.role == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, _ = s.cluster.Send(ctx, cluster.Call{Method: http.MethodPost, Path: "auth/token/revoke-self", Token: s.current()})
}
