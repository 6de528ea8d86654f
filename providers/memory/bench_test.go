package memory_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"testing"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
)

const benchSecrets = 10_000

// BenchmarkGet reads one of 10,000 secrets of 64 bytes. Compare it with BenchmarkOpen.
func BenchmarkGet(b *testing.B) {
	provider, addrs := filled(b)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	for i := 0; b.Loop(); i++ {
		if _, err := provider.Get(ctx, addrs[i%benchSecrets], 0); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkGetParallel is BenchmarkGet with one caller for each processor.
func BenchmarkGetParallel(b *testing.B) {
	provider, addrs := filled(b)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if _, err := provider.Get(b.Context(), addrs[i%benchSecrets], 0); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkOpen is the baseline: decrypting one of 10,000 values of 64 bytes with AES-256-GCM.
func BenchmarkOpen(b *testing.B) {
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		b.Fatal(err)
	}
	nonce := make([]byte, aead.NonceSize())
	sealed := make([][]byte, benchSecrets)
	for i := range sealed {
		sealed[i] = aead.Seal(nil, nonce, make([]byte, 64), nil)
	}
	for i := 0; b.Loop(); i++ {
		if _, err := aead.Open(nil, nonce, sealed[i%benchSecrets], nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPut(b *testing.B) {
	provider, addrs := filled(b)
	change := []myvault.Change{{Op: myvault.OpPut, Value: myvault.Bytes(make([]byte, 64))}}
	for i := 0; b.Loop(); i++ {
		change[0].Address = addrs[i%benchSecrets]
		if _, err := provider.Apply(b.Context(), myvault.Commit{Changes: change}); err != nil {
			b.Fatal(err)
		}
	}
}

func filled(b *testing.B) (*memory.Provider, []myvault.Address) {
	b.Helper()
	provider := memory.New(memory.Config{})
	b.Cleanup(func() { _ = provider.Close() })
	var addrs []myvault.Address
	var changes []myvault.Change
	for i := range benchSecrets {
		addr := myvault.Address{Project: fmt.Sprintf("project-%d", i%100), Path: fmt.Sprintf("prod/group-%d/secret-%d", i%7, i)}
		addrs = append(addrs, addr)
		changes = append(changes, myvault.Change{Op: myvault.OpPut, Address: addr, Value: myvault.Bytes(make([]byte, 64))})
	}
	if _, err := provider.Apply(b.Context(), myvault.Commit{Changes: changes}); err != nil {
		b.Fatal(err)
	}
	return provider, addrs
}
