package myvault_test

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"testing"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
)

// BenchmarkGet reads one of 10,000 secrets of 64 bytes through a session, policy on,
// beside a bare AES-256-GCM open of as many bytes, which is the measure.
func BenchmarkGet(b *testing.B) {
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		b.Fatal(err)
	}
	nonce := make([]byte, gcm.NonceSize())
	sealed := gcm.Seal(nil, nonce, make([]byte, 64), nil)
	b.Run("bare AES-GCM open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := gcm.Open(nil, nonce, sealed, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	for name, reads := range map[string]myvault.Reads{"off": myvault.ReadsOff, "relaxed": myvault.ReadsRelaxed, "strict": myvault.ReadsStrict} {
		v := vaultOf(b, memory.New(memory.Config{}), myvault.Config{Reads: reads})
		addresses := make([]myvault.Address, 10_000)
		for i := range addresses {
			addresses[i] = myvault.Address{Project: "newsbot", Path: fmt.Sprintf("prod/key-%05d", i)}
			if _, err := v.As("svc").Put(b.Context(), addresses[i], myvault.Bytes(make([]byte, 64))); err != nil {
				b.Fatal(err)
			}
		}
		s := v.As("svc")
		b.Run("memory reads="+name, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if _, err := s.Get(b.Context(), addresses[i%1000]); err != nil {
					b.Fatal(err)
				}
				i += 7
			}
		})
	}
}

// BenchmarkFailedLogin shows by the difference of the two how much the time of an answer reveals
// to a stranger.
func BenchmarkFailedLogin(b *testing.B) {
	for name, service := range map[string]string{"known service": "svc", "unknown service": "nobody"} {
		v := vaultOf(b, memory.New(memory.Config{}), myvault.Config{})
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := v.Login(b.Context(), myvault.Credentials{Service: service, Token: "a wrong token of 24 byte"}); err == nil {
					b.Fatal("logged in")
				}
			}
		})
	}
}
