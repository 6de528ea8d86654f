package fakevault

import (
	"crypto/rand"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// token is a token and its life.
type token struct {
	policies  []string
	ttl       time.Duration // of each renewal; 0: no limit
	ends      time.Time
	most      time.Time // zero: no maximum
	renewable bool
}

func (t *token) ended() bool { return !t.ends.IsZero() && time.Now().After(t.ends) }

// renew extends the token's life, up to its maximum.
func (t *token) renew() {
	if t.ttl == 0 {
		return
	}
	t.ends = time.Now().Add(t.ttl)
	if !t.most.IsZero() && t.ends.After(t.most) {
		t.ends = t.most
	}
}

// left returns the rest of its life in whole seconds, as Vault does.
func (t *token) left() int {
	if t.ends.IsZero() {
		return 0
	}
	return int(time.Until(t.ends).Round(time.Second).Seconds())
}

// policy maps paths to capabilities, in JSON. A star at the end of a path is a wildcard.
type policy struct {
	Path map[string]struct {
		Capabilities []string `json:"capabilities"`
	} `json:"path"`
}

// roles is an AppRole method with the roles that were made.
type roles struct {
	secrets map[string]string // by role name; the role id is "id-of-" and the name
	made    map[string]*role
}

// role holds the properties of the tokens of a role.
type role struct {
	policies  []string
	ttl, most time.Duration
}

// capabilities returns the token's capabilities at a path.
func (v *Vault) capabilities(t *token, path string) []string {
	best, found := -1, []string{"deny"}
	for _, name := range t.policies {
		if name == "root" {
			return []string{"root"}
		}
		for pattern, p := range v.policies[name].Path {
			stem, open := strings.CutSuffix(pattern, "*")
			if len(stem) > best && (pattern == path || open && strings.HasPrefix(path, stem)) {
				best, found = len(stem), p.Capabilities
			}
		}
	}
	return found
}

func (v *Vault) allowed(t *token, path, capability string) bool {
	for _, c := range v.capabilities(t, path) {
		if c == "root" || c == capability {
			return true
		}
	}
	return false
}

// add stores a token and returns the answer to a log-in or renewal.
func (v *Vault) add(name string, t *token) answer {
	v.tokens[name] = t
	return answer{http.StatusOK, object{"auth": object{
		"client_token": name, "policies": t.policies, "token_policies": t.policies,
		"lease_duration": t.left(), "renewable": t.renewable,
	}}}
}

// login logs in with AppRole, mounted at "approle".
func (v *Vault) login(q request) answer {
	if v.roles == nil || q.path != "auth/approle/login" {
		return refuse(http.StatusForbidden, "permission denied")
	}
	name, _ := strings.CutPrefix(q.text("role_id"), "id-of-")
	role := v.roles.made[name]
	if role == nil || v.roles.secrets[name] != q.text("secret_id") {
		return refuse(http.StatusBadRequest, "invalid role or secret ID")
	}
	t := &token{policies: role.policies, ttl: role.ttl, renewable: true}
	if role.most > 0 {
		t.most = time.Now().Add(role.most)
	}
	t.renew()
	return v.add("hvs."+rand.Text(), t)
}

// seconds parses a duration such as "90s". It returns 0 if there is none.
func (q request) seconds(key string) time.Duration {
	d, err := time.ParseDuration(q.text(key))
	if err != nil {
		return 0
	}
	return d
}

// system answers requests outside the mounts.
func (v *Vault) system(q request, t *token) answer {
	mountPath, isMount := strings.CutPrefix(q.path, "sys/internal/ui/mounts/")
	switch {
	case isMount:
		return v.mountInfo(t, mountPath+"/")
	case q.path == "sys/capabilities-self":
		granted := object{}
		paths, _ := q.object["paths"].([]any)
		for _, p := range paths {
			granted[p.(string)] = v.capabilities(t, p.(string))
		}
		return ok(granted)
	case strings.HasPrefix(q.path, "auth/token/"):
		return v.tokenRequest(q, t)
	case !v.allowed(t, q.path, "sudo"):
		return refuse(http.StatusForbidden, "1 error occurred:\n\t* permission denied\n\n")
	}
	return v.administer(q)
}

// administer answers requests that need all rights.
func (v *Vault) administer(q request) answer {
	name, isRole := strings.CutPrefix(q.path, "auth/approle/role/")
	policyName, isPolicy := strings.CutPrefix(q.path, "sys/policies/acl/")
	atMount, isMounting := strings.CutPrefix(q.path, "sys/mounts/")
	switch {
	case q.path == "sys/seal":
		v.sealed = true
		return done()
	case isMounting && q.method == http.MethodDelete:
		delete(v.mounts, atMount+"/")
		return done()
	case isMounting:
		version := "1"
		if options, isObject := q.object["options"].(object); isObject {
			version, _ = options["version"].(string)
		}
		v.mounts[atMount+"/"] = newMount(version)
		return done()
	case isPolicy:
		var p policy
		if json.Unmarshal([]byte(q.text("policy")), &p) != nil {
			return refuse(http.StatusBadRequest, "failed to parse policy")
		}
		v.policies[policyName] = p
		return done()
	case q.path == "sys/auth/approle":
		v.roles = &roles{secrets: map[string]string{}, made: map[string]*role{}}
		return done()
	case isRole && v.roles != nil:
		return v.role(q, name)
	}
	return refuse(http.StatusNotFound, "no handler for route \""+q.path+"\". route entry not found.")
}

func (v *Vault) mountInfo(t *token, path string) answer {
	m := v.mounts[path]
	reach := t.policies[0] == "root"
	for _, name := range t.policies {
		for pattern := range v.policies[name].Path {
			reach = reach || strings.HasPrefix(pattern, path)
		}
	}
	if m == nil || !reach {
		return refuse(http.StatusForbidden, "preflight capability check returned 403, please ensure client's policies grant access to path \""+path+"\"")
	}
	return ok(object{"type": "kv", "options": object{"version": m.version}, "path": path})
}

// tokenRequest answers requests about the caller's own token, and creates others.
func (v *Vault) tokenRequest(q request, t *token) answer {
	switch strings.TrimPrefix(q.path, "auth/token/") {
	case "lookup-self":
		return ok(object{"ttl": t.left(), "renewable": t.renewable, "policies": t.policies})
	case "renew-self":
		if !t.renewable {
			return refuse(http.StatusBadRequest, "lease is not renewable")
		}
		t.renew()
		return v.add(q.token, t)
	case "revoke-self":
		delete(v.tokens, q.token)
		return done()
	case "create":
		made := &token{ttl: q.seconds("ttl"), renewable: q.object["renewable"] != false}
		policies, _ := q.object["policies"].([]any)
		for _, name := range policies {
			made.policies = append(made.policies, name.(string))
		}
		if most := q.seconds("explicit_max_ttl"); most > 0 {
			made.most = time.Now().Add(most)
		}
		made.renew()
		return v.add("hvs."+rand.Text(), made)
	}
	return missing()
}

// role creates a role or returns its ids.
func (v *Vault) role(q request, path string) answer {
	name, what, _ := strings.Cut(path, "/")
	switch what {
	case "":
		v.roles.made[name] = &role{
			policies: strings.Split(q.text("token_policies"), ","),
			ttl:      q.seconds("token_ttl"), most: q.seconds("token_max_ttl"),
		}
		return done()
	case "role-id":
		return ok(object{"role_id": "id-of-" + name})
	case "secret-id":
		v.roles.secrets[name] = rand.Text()
		return ok(object{"secret_id": v.roles.secrets[name]})
	}
	return missing()
}
