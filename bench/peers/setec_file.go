package peers

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

// fillSetec writes setec's file in the format of its db/kv.go. Adding the secrets one by one would
// take quadratic time.
func fillSetec(dir string, all []Secret) error {
	key, err := subtle.NewAESGCM(testKey())
	if err != nil {
		return err
	}
	handle, err := keyset.NewHandle(aead.XChaCha20Poly1305KeyTemplate())
	if err != nil {
		return err
	}
	var wrapped bytes.Buffer
	if err := handle.WriteWithAssociatedData(keyset.NewBinaryWriter(&wrapped), key, []byte("setec DEK v1")); err != nil {
		return err
	}
	data, err := aead.New(handle)
	if err != nil {
		return err
	}
	clear, err := json.Marshal(setecContent(all))
	if err != nil {
		return err
	}
	sealed, err := data.Encrypt(clear, []byte("setec database v1"))
	if err != nil {
		return err
	}
	text, err := json.Marshal(struct {
		Version int
		DEK, DB []byte
	}{1, wrapped.Bytes(), sealed})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, setecFile), text, 0o600)
}

// setecSecret is one secret of the file.
type setecSecret struct {
	Versions                     map[string][]byte
	ActiveVersion, LatestVersion int
}

func setecContent(all []Secret) any {
	secrets := make(map[string]setecSecret, len(all))
	for _, s := range all {
		secrets[s.Key] = setecSecret{Versions: map[string][]byte{"1": s.Value(0)}, ActiveVersion: 1, LatestVersion: 1}
	}
	return struct{ Secrets map[string]setecSecret }{secrets}
}
