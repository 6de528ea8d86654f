package crypto_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

func encode64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func writeVectors(t *testing.T) {
	t.Helper()
	v := vectors{Wrapped: wrapVectors(), Records: recordVectors(), Streams: streamVectors()}
	for _, name := range []string{"a", "b"} {
		k, vault := fixed("master "+name, 32), fixed("vault "+name, 16)
		v.Masters = append(v.Masters, masterVector{text(k), vault, derive(k, vault, "myvault/v1/check")})
	}
	trail, vault := fixed("trail", 32), fixed("vault a", 16)
	prev := make([]byte, 32)
	for n := range 4 {
		entry := fixed(fmt.Sprint("entry ", n), 40*n)
		v.Chains = append(v.Chains, macVector{Key: text(trail), Prev: prev, Input: entry, MAC: hmacOf(trail, prev, entry)})
		v.RowMACs = append(v.RowMACs, macVector{
			Key: text(trail), Vault: vault, Input: entry, MAC: hmacOf(derive(trail, vault, "myvault/v1/row"), entry),
		})
		prev = hmacOf(trail, prev, entry)
	}
	out, err := json.MarshalIndent(v, "", "\t")
	if err == nil {
		err = os.WriteFile(vectorsFile, append(out, '\n'), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func wrapVectors() (all []wrapVector) {
	m, vault, k := fixed("master a", 32), fixed("vault a", 16), fixed("data", 32)
	add := func(name, label string, epoch uint32) wrapVector {
		additional := join(short([]byte("myvault/v1/wrap")), short([]byte(label)), short(vault), u32(epoch))
		w := wrapVector{
			Name: name, Master: text(m), Vault: vault, Label: label, Epoch: epoch, Key: text(k), Outcome: "opens",
			Wrapped: gcm(derive(m, vault, "myvault/v1/wrap"), fixed("iv "+name, 12), k, additional),
		}
		all = append(all, w)
		return w
	}
	refuse := func(w wrapVector, outcome string, change func(*wrapVector)) {
		w.Name, w.Outcome, w.Key = outcome, outcome, ""
		w.Wrapped = append(hexBytes(nil), w.Wrapped...)
		change(&w)
		all = append(all, w)
	}
	add("the trail key", "trail", 0)
	add("the last epoch", "data", 1<<32-1)
	w := add("a data key", "data", 1)
	refuse(w, "wrong key", func(w *wrapVector) { w.Master = text(fixed("master b", 32)) })
	refuse(w, "wrong vault", func(w *wrapVector) { w.Vault = fixed("vault b", 16) })
	refuse(w, "wrong label", func(w *wrapVector) { w.Label = "trail" })
	refuse(w, "wrong epoch", func(w *wrapVector) { w.Epoch = 2 })
	refuse(w, "truncated", func(w *wrapVector) { w.Wrapped = w.Wrapped[:59] })
	refuse(w, "empty", func(w *wrapVector) { w.Wrapped = nil })
	for _, at := range []int{0, 11, 12, 43, 44, 59} {
		refuse(w, fmt.Sprintf("tampered at byte %d", at), func(w *wrapVector) { w.Wrapped[at] ^= 0x80 })
	}
	return all
}

func recordVectors() (all []recordVector) {
	k, vault := fixed("data", 32), fixed("vault a", 16)
	add := func(name, project, path string, version uint64, epoch uint32, value []byte) recordVector {
		additional := join(short([]byte("myvault/v1/record")), []byte{1}, short(vault), long(project), long(path),
			u64(version), u32(epoch))
		r := recordVector{
			Name: name, Key: text(k), Vault: vault, Epoch: epoch, Project: project, Path: path, Version: version,
			Record: join([]byte{1}, u32(epoch), gcm(k, fixed("iv "+name, 12), value, additional)), Value: value, Outcome: "opens",
		}
		all = append(all, r)
		return r
	}
	r := add("usual", "newsbot", "prod/db/password", 3, 1, []byte("s3cret"))
	add("one byte", "p", "x", 1, 1, []byte{0})
	add("empty value", "p", "x", 1, 1, nil)
	add("all byte values", "p", "binary", 7, 1, everyByte())
	add("4 KiB", "p", "large", 1, 9, fixed("large value", 4096))
	add("Japanese names", "ニュース・ボット", "本番/鍵", 1, 2, []byte("値"))
	add("the last version and epoch", "p", "x", 1<<64-1, 1<<32-1, []byte("v"))
	add("longest segments", strings.Repeat("n", 128), strings.Repeat("n", 128), 1, 1, []byte("v"))
	add("boundary shifted left", "a", "b/c", 1, 1, []byte("v"))
	add("boundary shifted right", "a/b", "c", 1, 1, []byte("v"))
	return append(all, refusedRecords(r)...)
}

func everyByte() (b []byte) {
	for i := range 256 {
		b = append(b, byte(i))
	}
	return b
}

// refusedRecords returns copies of r that differ in one way, in the record or in how it is opened.
func refusedRecords(r recordVector) (all []recordVector) {
	refuse := func(outcome string, change func(*recordVector)) {
		r := r
		r.Name, r.Outcome, r.Value = outcome, outcome, nil
		r.Record = append(hexBytes(nil), r.Record...)
		change(&r)
		all = append(all, r)
	}
	refuse("wrong key", func(r *recordVector) { r.Key = text(fixed("other data", 32)) })
	refuse("wrong vault", func(r *recordVector) { r.Vault = fixed("vault b", 16) })
	refuse("wrong project", func(r *recordVector) { r.Project = "Newsbot" })
	refuse("wrong path", func(r *recordVector) { r.Path = "prod/db/password2" })
	refuse("project and path divided elsewhere", func(r *recordVector) { r.Project, r.Path = "newsbot/prod", "db/password" })
	refuse("earlier version", func(r *recordVector) { r.Version = 2 })
	refuse("later version", func(r *recordVector) { r.Version = 4 })
	refuse("version 0", func(r *recordVector) { r.Version = 0 })
	refuse("key of another epoch", func(r *recordVector) { r.Epoch = 2 })
	refuse("epoch changed with its key", func(r *recordVector) { r.Epoch, r.Record[4] = 2, 2 })
	refuse("newer format", func(r *recordVector) { r.Record[0] = 2 })
	refuse("format 0", func(r *recordVector) { r.Record[0] = 0 })
	refuse("empty", func(r *recordVector) { r.Record = nil })
	refuse("one byte more", func(r *recordVector) { r.Record = append(r.Record, 0) })
	refuse("twice", func(r *recordVector) { r.Record = append(r.Record, r.Record...) })
	for at := range len(r.Record) {
		refuse(fmt.Sprintf("tampered at byte %d", at), func(r *recordVector) { r.Record[at] ^= 1 })
	}
	for _, n := range []int{1, 5, 17, 32, 33, len(r.Record) - 1} {
		refuse(fmt.Sprintf("truncated to %d bytes", n), func(r *recordVector) { r.Record = r.Record[:n] })
	}
	return all
}

func decode64(s string) ([]byte, error) { return base64.StdEncoding.DecodeString(s) }
