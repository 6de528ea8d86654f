package vaultclients

import (
	"context"
	"errors"
	"testing"

	vault "github.com/hashicorp/vault/api"
	"github.com/matryer/is"
	openbao "github.com/openbao/openbao/api/v2"
)

// vaultClient is github.com/hashicorp/vault/api.
type vaultClient struct {
	ctx    context.Context
	client *vault.Client
}

func (c vaultClient) get(mount, path string) (map[string]any, error) {
	secret, err := c.client.KVv2(mount).Get(c.ctx, path)
	if errors.Is(err, vault.ErrSecretNotFound) || err == nil && secret.Data == nil { // never made, or deleted
		return nil, errNoSecret
	}
	if err != nil {
		return nil, err
	}
	return secret.Data, nil
}

func (c vaultClient) put(path string, data map[string]any, cas int) error {
	var options []vault.KVOption
	if cas != anyVersion {
		options = append(options, vault.WithCheckAndSet(cas))
	}
	_, err := c.client.KVv2(service).Put(c.ctx, path, data, options...)
	return err
}

func (c vaultClient) list(folder string) (names []string, err error) {
	secret, err := c.client.Logical().ListWithContext(c.ctx, service+"/metadata/"+folder)
	if err != nil {
		return nil, err
	}
	for _, name := range secret.Data["keys"].([]any) {
		names = append(names, name.(string))
	}
	return names, nil
}

func (c vaultClient) remove(path string) error { return c.client.KVv2(service).Delete(c.ctx, path) }

func (c vaultClient) undelete(path string, version int) error {
	return c.client.KVv2(service).Undelete(c.ctx, path, []int{version})
}

func newVaultClient(t *testing.T, s server) *vault.Client {
	t.Helper()
	client, err := vault.NewClient(&vault.Config{Address: s.url})
	check(t, err)
	client.SetToken(vaultToken)
	return client
}

func TestVaultAPI(t *testing.T) {
	s := start(t)
	runSteps(t, s, vaultClient{t.Context(), newVaultClient(t, s)})
}

// TestVaultAPIHasAllMethods calls the methods that runSteps does not.
func TestVaultAPIHasAllMethods(t *testing.T) {
	is := is.New(t)
	s := start(t)
	kv := newVaultClient(t, s).KVv2(service)
	ctx := t.Context()
	_, err := kv.Put(ctx, "prod/db", map[string]any{"a": "1", "b": "2"})
	is.NoErr(err)
	secret, err := kv.Patch(ctx, "prod/db", map[string]any{"a": "3"})
	is.NoErr(err)
	is.Equal(secret.VersionMetadata.Version, 2)
	_, err = kv.Patch(ctx, "prod/db", map[string]any{"b": "4"}, vault.WithMergeMethod(vault.KVMergeMethodReadWrite))
	is.NoErr(err)
	secret, err = kv.GetVersion(ctx, "prod/db", 1)
	is.NoErr(err)
	is.Equal(secret.Data, map[string]any{"a": "1", "b": "2"})
	secret, err = kv.Rollback(ctx, "prod/db", 1)
	is.NoErr(err)
	is.Equal(secret.VersionMetadata.Version, 4)
	is.NoErr(kv.PutMetadata(ctx, "prod/db", vault.KVMetadataPutInput{CustomMetadata: map[string]any{"owner": "news"}}))
	is.NoErr(kv.PatchMetadata(ctx, "prod/db", vault.KVMetadataPatchInput{CustomMetadata: map[string]any{"team": "a"}}))
	metadata, err := kv.GetMetadata(ctx, "prod/db")
	is.NoErr(err)
	is.Equal(metadata.CustomMetadata, map[string]any{"owner": "news", "team": "a"})
	is.Equal(len(metadata.Versions), 4)
	versions, err := kv.GetVersionsAsList(ctx, "prod/db")
	is.NoErr(err)
	is.Equal(len(versions), 4)
	is.NoErr(kv.DeleteVersions(ctx, "prod/db", []int{4}))
	is.NoErr(kv.Destroy(ctx, "prod/db", []int{1}))
	is.NoErr(kv.DeleteMetadata(ctx, "prod/db"))
	_, err = kv.GetMetadata(ctx, "prod/db")
	is.True(err != nil)
}

// TestVaultAPILogsIn logs in by AppRole, looks at the token and ends it.
func TestVaultAPILogsIn(t *testing.T) {
	is := is.New(t)
	s := start(t)
	client := newVaultClient(t, s)
	client.ClearToken()
	secret, err := client.Logical().Write("auth/approle/login", map[string]any{"role_id": service, "secret_id": sharedToken})
	is.NoErr(err)
	is.Equal(secret.Auth.Policies, []string{service})
	is.True(!secret.Auth.Renewable)
	client.SetToken(secret.Auth.ClientToken)
	about, err := client.Auth().Token().LookupSelf()
	is.NoErr(err)
	left, err := about.TokenTTL()
	is.NoErr(err)
	is.True(left > 0)
	_, err = client.Auth().Token().RenewSelf(60)
	is.True(err != nil) // log in again
	is.NoErr(client.Auth().Token().RevokeSelf(""))
	_, err = client.Auth().Token().LookupSelf()
	is.True(err != nil)
	_, err = client.Logical().Write("auth/approle/login", map[string]any{"role_id": service, "secret_id": "wrong"})
	is.True(err != nil)
}

// openbaoClient is github.com/openbao/openbao/api/v2.
type openbaoClient struct {
	ctx    context.Context
	client *openbao.Client
}

func (c openbaoClient) get(mount, path string) (map[string]any, error) {
	secret, err := c.client.KVv2(mount).Get(c.ctx, path)
	if errors.Is(err, openbao.ErrSecretNotFound) || err == nil && secret.Data == nil { // never made, or deleted
		return nil, errNoSecret
	}
	if err != nil {
		return nil, err
	}
	return secret.Data, nil
}

func (c openbaoClient) put(path string, data map[string]any, cas int) error {
	var options []openbao.KVOption
	if cas != anyVersion {
		options = append(options, openbao.WithCheckAndSet(cas))
	}
	_, err := c.client.KVv2(service).Put(c.ctx, path, data, options...)
	return err
}

func (c openbaoClient) list(folder string) (names []string, err error) {
	secret, err := c.client.Logical().ListWithContext(c.ctx, service+"/metadata/"+folder)
	if err != nil {
		return nil, err
	}
	for _, name := range secret.Data["keys"].([]any) {
		names = append(names, name.(string))
	}
	return names, nil
}

func (c openbaoClient) remove(path string) error { return c.client.KVv2(service).Delete(c.ctx, path) }

func (c openbaoClient) undelete(path string, version int) error {
	return c.client.KVv2(service).Undelete(c.ctx, path, []int{version})
}

func TestOpenBaoAPI(t *testing.T) {
	s := start(t)
	client, err := openbao.NewClient(&openbao.Config{Address: s.url})
	check(t, err)
	client.SetToken(vaultToken)
	runSteps(t, s, openbaoClient{t.Context(), client})
}
