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

// shortestWait is the least time between two renewals, and after one that failed.
const shortestWait = time.Second

// keeper has the token. It renews it after two thirds of its life, and logs in again
// when renewing ends: at the token's maximum, or because it was revoked.
type keeper struct {
	cluster *cluster.Cluster
	role    *AppRole
	turn    chan struct{} // holds one item while nobody logs in
	stop    context.CancelFunc
	ended   chan struct{} // closed when the renewing goroutine has ended

	life  lifeline
	mu    sync.Mutex
	token string
}

// lease is how long a token lives.
type lease struct {
	ttl       time.Duration // 0: for ever
	renewable bool
}

// newKeeper logs in, or has the token looked up, and starts renewing it.
func newKeeper(ctx context.Context, c *cluster.Cluster, config Config) (*keeper, error) {
	k := &keeper{cluster: c, role: config.AppRole, token: config.Token.Reveal(), turn: make(chan struct{}, 1), ended: make(chan struct{})}
	k.turn <- struct{}{}
	var l lease
	var err error
	if k.role != nil {
		l, err = k.login(ctx)
	} else {
		l, err = k.auth(ctx, http.MethodGet, "auth/token/lookup-self", nil)
	}
	if err != nil {
		return nil, err
	}
	k.life.lives(l)
	running, stop := context.WithCancel(context.Background())
	k.stop = stop
	go k.run(running, l)
	return k, nil
}

// current gives the token.
func (k *keeper) current() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.token
}

// run renews until the token lives for ever, cannot be had any more, or stop is called.
func (k *keeper) run(ctx context.Context, l lease) {
	defer close(k.ended)
	whole := l.ttl
	for l.ttl > 0 && (l.renewable || k.role != nil) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(max(l.ttl*2/3, min(shortestWait, whole/3))):
		}
		next, err := lease{}, errors.ErrUnsupported
		if l.renewable {
			next, err = k.auth(ctx, http.MethodPost, "auth/token/renew-self", []byte("{}"))
			k.life.took(&k.life.renewals, next, err)
		}
		// A renewal that gives much less than at first has come up against the maximum.
		if k.role != nil && (err != nil || next.ttl < whole/2) {
			if again, failed := k.login(ctx); failed == nil {
				next, err, whole = again, nil, again.ttl
			}
		}
		if err == nil {
			l = next
		} else {
			l.ttl = min(l.ttl/3, 10*shortestWait) // what is left of it, in small steps
			l.ttl = max(l.ttl, shortestWait)
		}
	}
	<-ctx.Done()
}

// again gets another token in place of one that Vault refused. Callers that come at once
// share one log-in. It reports whether there is another one.
func (k *keeper) again(ctx context.Context, refused string) bool {
	if k.role == nil {
		return false
	}
	select {
	case <-k.turn:
	case <-ctx.Done():
		return false
	}
	defer func() { k.turn <- struct{}{} }()
	if k.current() != refused {
		return true
	}
	_, err := k.login(ctx)
	return err == nil
}

// login gets a token for the role.
func (k *keeper) login(ctx context.Context) (lease, error) {
	body, err := json.Marshal(map[string]string{"role_id": k.role.RoleID, "secret_id": k.role.SecretID.Reveal()})
	if err != nil {
		return lease{}, fmt.Errorf("%w configuration: the role id or the secret id is not valid UTF-8", myvault.ErrInvalid)
	}
	l, err := k.auth(ctx, http.MethodPost, "auth/"+k.role.Mount+"/login", body)
	if errors.Is(err, ErrMount) || errors.Is(err, ErrRights) {
		err = cluster.Unavailable(ErrLogin)
	}
	if !errors.Is(err, context.Canceled) || ctx.Err() == nil { // a caller who has left says nothing about Vault
		k.life.took(&k.life.logIns, l, err)
	}
	return l, err
}

// auth makes a request about the token, and keeps the token that a log-in brings. A renewal brings none: meanwhile
// another one may have taken its place.
func (k *keeper) auth(ctx context.Context, method, path string, body []byte) (lease, error) {
	q := cluster.Call{Method: method, Path: path, Body: body, Token: k.current()}
	loggingIn := k.role != nil && path != "auth/token/renew-self"
	if loggingIn {
		q.Token = ""
	}
	a, err := k.cluster.Send(ctx, q)
	if err == nil && a.Status != http.StatusOK {
		err = a.Err()
		if loggingIn && a.Status == http.StatusBadRequest {
			err = cluster.Unavailable(ErrLogin)
		}
	}
	if u := (cluster.Uncertain{}); errors.As(err, &u) {
		err = cluster.Unavailable(u.Cause) // a token more or less, or a renewal, harms nobody
	}
	if err != nil {
		return lease{}, err
	}
	secret, err := api.ParseSecret(bytes.NewReader(a.Body))
	if err != nil || secret == nil || !about(secret, q) {
		return lease{}, cluster.Unavailable(errors.New("vault's answer about the token is not understood"))
	}
	l, err := leaseOf(secret)
	if err != nil {
		return lease{}, err
	}
	if loggingIn {
		k.mu.Lock()
		k.token = secret.Auth.ClientToken
		k.mu.Unlock()
	}
	return l, nil
}

// about reports whether the answer is one to q: a log-in returns a token, and a renewal or a
// look-up names the token that asked.
func about(secret *api.Secret, q cluster.Call) bool {
	if q.Method == http.MethodGet {
		id, named := secret.Data["id"].(string)
		return secret.Data["ttl"] != nil && (!named || id == q.Token)
	}
	if secret.Auth == nil || secret.Auth.ClientToken == "" || !cluster.FitsHeader(secret.Auth.ClientToken) {
		return false
	}
	return q.Token == "" || secret.Auth.ClientToken == q.Token
}

// longestLease is the most that is believed; it keeps arithmetic with times within bounds.
const longestLease = 100 * 365 * 24 * time.Hour

// leaseOf returns how long the token lives.
func leaseOf(secret *api.Secret) (lease, error) {
	ttl, err := secret.TokenTTL()
	renewable, err2 := secret.TokenIsRenewable()
	tooLong := secret.Auth != nil && secret.Auth.LeaseDuration > int(longestLease/time.Second)
	if errors.Join(err, err2) != nil || tooLong || ttl < 0 || ttl > longestLease {
		return lease{}, cluster.Unavailable(errors.New("vault does not say how long the token lives"))
	}
	if ttl > 0 {
		ttl = max(ttl, time.Second) // Vault counts in seconds; less would renew without a pause
	}
	return lease{ttl: ttl, renewable: renewable}, nil
}

// close stops the renewing, and has a token revoked that a log-in brought: nobody else
// has it. That Vault does not answer then is no failure: the token ends by itself.
func (k *keeper) close() {
	k.stop()
	<-k.ended
	if k.role == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, _ = k.cluster.Send(ctx, cluster.Call{Method: http.MethodPost, Path: "auth/token/revoke-self", Token: k.current()})
}
