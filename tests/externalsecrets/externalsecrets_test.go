package externalsecrets

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	esv1 "github.com/external-secrets/external-secrets/apis/externalsecrets/v1"
	esmeta "github.com/external-secrets/external-secrets/apis/meta/v1"
	"github.com/external-secrets/external-secrets/pkg/provider/vault"
	"github.com/matryer/is"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/httpapi/vaultapi"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/tokens"
)

// The service of the operator, its shared token, and the namespace of its SecretStore.
const (
	service     = "eso"
	sharedToken = "eso-token-0123456789"
	namespace   = "default"
)

// newVault returns a served vault in which the operator may do everything in one project.
func newVault(t *testing.T) (*myvault.Vault, string) {
	t.Helper()
	policy, err := myvault.ParsePolicy(map[string]string{
		"ALLOWED_SERVICES": service + ",admin",
		"TOKEN_" + service: sharedToken,
		"ALLOW_" + service: "newsbot/@read+write+delete+list+destroy",
		"ALLOW_admin":      "*/",
	})
	check(t, err)
	v, err := myvault.New(memory.New(memory.Config{}), policy, myvault.Config{})
	check(t, err)
	issuer, err := tokens.New(v, tokens.Config{})
	check(t, err)
	api, err := httpapi.New(v, httpapi.Config{Tokens: issuer})
	check(t, err)
	kv, err := vaultapi.New(v, issuer, vaultapi.Config{})
	check(t, err)
	server := httptest.NewServer(kv.Beside(api))
	t.Cleanup(func() {
		server.Close()
		_ = v.Close()
	})
	return v, server.URL
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// kubeconfig is that of a cluster that is never called.
const kubeconfig = `{"apiVersion":"v1","kind":"Config","current-context":"none",
"clusters":[{"name":"none","cluster":{"server":"http://127.0.0.1:1"}}],
"contexts":[{"name":"none","context":{"cluster":"none","user":""}}]}`

// newClient logs the operator in by AppRole, with a SecretStore of one project.
func newClient(t *testing.T, url, project string) (esv1.SecretsClient, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	check(t, os.WriteFile(file, []byte(kubeconfig), 0o600))
	t.Setenv("KUBECONFIG", file)
	kube := fake.NewClientBuilder().WithObjects(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "myvault", Namespace: namespace},
		Data:       map[string][]byte{"token": []byte(sharedToken)},
	}).Build()
	store := &esv1.SecretStore{
		TypeMeta:   metav1.TypeMeta{Kind: "SecretStore"},
		ObjectMeta: metav1.ObjectMeta{Name: "myvault", Namespace: namespace},
		Spec: esv1.SecretStoreSpec{Provider: &esv1.SecretStoreProvider{Vault: &esv1.VaultProvider{
			Server: url, Path: &project, Version: esv1.VaultKVStoreV2,
			Auth: &esv1.VaultAuth{AppRole: &esv1.VaultAppRole{
				Path: "approle", RoleID: service, SecretRef: esmeta.SecretKeySelector{Name: "myvault", Key: "token"},
			}},
		}}},
	}
	provider := &vault.Provider{NewVaultClient: vault.NewVaultClient}
	return provider.NewClient(context.Background(), store, kube, namespace)
}

// remote is what a PushSecret says of a secret.
type remote struct{ key, property, from string }

func (r remote) GetMetadata() *apiextensionsv1.JSON { return nil }
func (r remote) GetSecretKey() string               { return r.from }
func (r remote) GetRemoteKey() string               { return r.key }
func (r remote) GetProperty() string                { return r.property }

// TestReadAndFind: an ExternalSecret reads a member, a whole map, and those that match a name.
func TestReadAndFind(t *testing.T) {
	is := is.New(t)
	v, url := newVault(t)
	put := func(path, value string) {
		_, err := v.As("admin").Put(t.Context(), myvault.Address{Project: "newsbot", Path: path}, myvault.Text(value))
		is.NoErr(err)
	}
	put("prod/db", `{"user":"app","password":"hunter2"}`)
	put("prod/key", "plain")
	client, err := newClient(t, url, "newsbot")
	is.NoErr(err)
	result, err := client.Validate()
	is.NoErr(err)
	is.Equal(result, esv1.ValidationResultReady)
	value, err := client.GetSecret(t.Context(), esv1.ExternalSecretDataRemoteRef{Key: "prod/db", Property: "password"})
	is.NoErr(err)
	is.Equal(string(value), "hunter2")
	values, err := client.GetSecretMap(t.Context(), esv1.ExternalSecretDataRemoteRef{Key: "prod/db"})
	is.NoErr(err)
	is.Equal(values, map[string][]byte{"user": []byte("app"), "password": []byte("hunter2")})
	value, err = client.GetSecret(t.Context(), esv1.ExternalSecretDataRemoteRef{Key: "prod/key", Property: "value"})
	is.NoErr(err)
	is.Equal(string(value), "plain")
	values, err = client.GetAllSecrets(t.Context(), esv1.ExternalSecretFind{Name: &esv1.FindName{RegExp: "prod/k.*"}})
	is.NoErr(err)
	is.Equal(len(values), 1)
	is.NoErr(client.Close(t.Context())) // ends its token
}

// TestPushAndDelete: a PushSecret writes a map and a member, and leaves secrets that it does not
// manage. It deletes, and writes again.
func TestPushAndDelete(t *testing.T) {
	is := is.New(t)
	v, url := newVault(t)
	client, err := newClient(t, url, "newsbot")
	is.NoErr(err)
	secret := &corev1.Secret{Data: map[string][]byte{"user": []byte("app"), "password": []byte("hunter2")}}
	at := myvault.Address{Project: "newsbot", Path: "prod/db"}
	is.NoErr(client.PushSecret(t.Context(), secret, remote{key: "prod/db"}))
	stored, err := v.As("admin").Get(t.Context(), at)
	is.NoErr(err)
	is.Equal(stored.Value.Reveal(), `{"password":"hunter2","user":"app"}`)
	is.NoErr(client.PushSecret(t.Context(), secret, remote{key: "prod/db", property: "login", from: "user"}))
	stored, err = v.As("admin").Get(t.Context(), at)
	is.NoErr(err)
	is.Equal(stored.Value.Reveal(), `{"login":"app","password":"hunter2","user":"app"}`)

	_, err = v.As("admin").Put(t.Context(), myvault.Address{Project: "newsbot", Path: "prod/own"}, myvault.Text("by hand"))
	is.NoErr(err)
	err = client.PushSecret(t.Context(), secret, remote{key: "prod/own"})
	is.True(err != nil && strings.Contains(err.Error(), "not managed by external-secrets"))

	is.NoErr(client.DeleteSecret(t.Context(), remote{key: "prod/db"}))
	exists, err := client.SecretExists(t.Context(), remote{key: "prod/db"})
	is.NoErr(err)
	is.True(!exists)
	is.NoErr(client.PushSecret(t.Context(), secret, remote{key: "prod/db"}))
	value, err := client.GetSecret(t.Context(), esv1.ExternalSecretDataRemoteRef{Key: "prod/db", Property: "user"})
	is.NoErr(err)
	is.Equal(string(value), "app")
}

// TestDenied: another project is an error, whether or not the secret exists.
func TestDenied(t *testing.T) {
	is := is.New(t)
	v, url := newVault(t)
	_, err := v.As("admin").Put(t.Context(), myvault.Address{Project: "other", Path: "prod/db"}, myvault.Text("hidden"))
	is.NoErr(err)
	client, err := newClient(t, url, "other")
	is.NoErr(err)
	for _, key := range []string{"prod/db", "prod/none"} {
		_, err = client.GetSecret(t.Context(), esv1.ExternalSecretDataRemoteRef{Key: key, Property: "value"})
		is.True(err != nil)
		is.True(strings.Contains(err.Error(), "permission denied"))
	}
}
