package crypto_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/crypto"
)

func TestSealAndOpen(t *testing.T) {
	is := is.New(t)
	s, err := crypto.NewSealer(crypto.NewKey(), fixed("vault a", 16), 7)
	is.NoErr(err)
	at := crypto.RecordID{Project: "newsbot", Path: "prod/db", Version: 3}
	record := s.Seal([]byte("before"), at, []byte("s3cret"))
	is.True(bytes.HasPrefix(record, []byte("before"))) // Seal appends
	record = record[len("before"):]
	is.Equal(len(record), len("s3cret")+crypto.Overhead)
	is.Equal(record[:5], []byte{crypto.Format, 0, 0, 0, 7})
	is.True(!bytes.Contains(record, []byte("s3cret")))
	epoch, err := crypto.RecordEpoch(record)
	is.NoErr(err)
	is.Equal(epoch, s.Epoch())

	value, err := s.Open([]byte("> "), at, record)
	is.NoErr(err)
	is.Equal(string(value), "> s3cret") // Open appends
	is.True(!bytes.Equal(record, s.Seal(nil, at, []byte("s3cret"))))
}

func TestIVsDiffer(t *testing.T) {
	is := is.New(t)
	s, err := crypto.NewSealer(crypto.NewKey(), fixed("vault a", 16), 1)
	is.NoErr(err)
	seen := map[string]bool{}
	for range 10_000 {
		seen[string(s.Seal(nil, crypto.RecordID{}, nil)[5:17])] = true
	}
	is.Equal(len(seen), 10_000)
}

// One Sealer binds each record to its own place, also when many goroutines use it at once.
// The test opens the records with additional data that it encodes itself.
func TestSealBindsTheID(t *testing.T) {
	is := is.New(t)
	data, vault := crypto.NewKey(), fixed("vault a", 16)
	s, err := crypto.NewSealer(data, vault, 5)
	is.NoErr(err)
	k, err := decode64(strings.TrimPrefix(data.Text(), "base64:"))
	is.NoErr(err)
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			for i := range 200 {
				at := crypto.RecordID{
					Project: strings.Repeat("p", (i*37+n)%300), Path: strings.Repeat("x/", (i*53)%200), Version: uint64(i) << n,
				}
				record := s.Seal(nil, at, []byte("value"))
				additional := join(short([]byte("myvault/v1/record")), []byte{1}, short(vault), long(at.Project), long(at.Path),
					u64(at.Version), u32(5))
				if !bytes.Equal(record[5:], gcm(k, record[5:17], []byte("value"), additional)) {
					t.Error("sealed for another place")
				}
				if value, err := s.Open(nil, at, record); err != nil || string(value) != "value" {
					t.Error("does not open where it was sealed")
				}
			}
		})
	}
	all.Wait()
}

// A name too long for its length field is refused, not truncated.
func TestLongNamePanics(t *testing.T) {
	is := is.New(t)
	s, err := crypto.NewSealer(crypto.NewKey(), fixed("vault a", 16), 1)
	is.NoErr(err)
	s.Seal(nil, crypto.RecordID{Path: strings.Repeat("x", 65_535)}, nil)
	defer func() { is.True(recover() != nil) }()
	s.Seal(nil, crypto.RecordID{Path: strings.Repeat("x", 65_536)}, nil)
}

// FuzzOpen checks that a record opens only unaltered, in the place it was sealed for.
func FuzzOpen(f *testing.F) {
	v := load(f)
	for _, r := range v.Records {
		f.Add([]byte(r.Record), r.Project, r.Path, r.Version)
	}
	known := map[string]bool{}
	for _, r := range v.Records {
		if r.Outcome == "opens" {
			known[fmt.Sprint(r.Project, "\x00", r.Path, "\x00", r.Version, r.Record)] = true
		}
	}
	s, err := crypto.NewSealer(key(f, v.Records[0].Key), v.Records[0].Vault, v.Records[0].Epoch)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, record []byte, project, path string, version uint64) {
		if len(project) > 65535 || len(path) > 65535 {
			return // larger than a RecordID may be
		}
		_, err := s.Open(nil, crypto.RecordID{Project: project, Path: path, Version: version}, record)
		if err == nil && !known[fmt.Sprint(project, "\x00", path, "\x00", version, hexBytes(record))] {
			t.Error("opened a record that was never sealed")
		}
		if err != nil && !errors.Is(err, crypto.ErrOpen) {
			t.Error("an error other than ErrOpen")
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	s, err := crypto.NewSealer(crypto.NewKey(), fixed("vault a", 16), 1)
	if err != nil {
		b.Fatal(err)
	}
	at := crypto.RecordID{Project: "newsbot", Path: "prod/db/password", Version: 1}
	record := s.Seal(nil, at, make([]byte, 64))
	buffer := make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Open(buffer, at, record); err != nil {
			b.Fatal(err)
		}
	}
}
