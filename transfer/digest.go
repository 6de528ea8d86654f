package transfer

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"time"

	"github.com/myswiftagent/myvault"
)

// The digest of a side is HMAC-SHA256, with Options.DigestKey, of
//
//	"myvault/v1/copy" | sum of each address, in order | 32 zero bytes | projects, by name
//	sum     = HMAC-SHA256(text(project) | text(path) | u64(versions) | each version)
//	version = u64(number) | u8(state) | time(at) | text(by) | time(expires) |
//	          time(rotate after) | text(value)
//	project = text(name) | text(description) | u8(default) | time(at) | text(by)
//
// where text is the length as u64 and the bytes, and time is u8(0) for none, else u8(1) and
// the microseconds since 1970 as u64. A value is empty if it is destroyed or one of the sides
// cannot read it. The key keeps a printed digest from confirming a guess of a short value.

// sum is a running digest.
type sum struct {
	h hash.Hash
	b []byte
}

func newSum(key []byte, addr myvault.Address, versions int) *sum {
	s := &sum{h: hmac.New(sha256.New, key)}
	s.text(addr.Project).text(addr.Path).number(uint64(versions))
	return s
}

func (s *sum) number(n uint64) *sum {
	s.b = binary.BigEndian.AppendUint64(s.b[:0], n)
	_, _ = s.h.Write(s.b)
	return s
}

func (s *sum) byte(b byte) *sum {
	s.b = append(s.b[:0], b)
	_, _ = s.h.Write(s.b)
	return s
}

func (s *sum) text(t string) *sum {
	s.number(uint64(len(t)))
	s.b = append(s.b[:0], t...)
	_, _ = s.h.Write(s.b)
	return s
}

func (s *sum) time(t time.Time) *sum {
	if t.IsZero() {
		return s.byte(0)
	}
	return s.byte(1).number(uint64(t.UnixMicro()))
}

// version adds a version, with its value if counts is set.
func (s *sum) version(info myvault.Info, value []byte, counts bool) {
	s.number(uint64(info.Version)).byte(byte(info.State)).time(info.At).text(info.By).time(info.Expires).time(info.RotateAfter)
	if !counts {
		value = nil
	}
	s.number(uint64(len(value)))
	_, _ = s.h.Write(value)
}

func (s *sum) sum() []byte { return s.h.Sum(nil) }

// sideDigest is the running digest of one side.
type sideDigest struct{ sum }

func newSideDigest(key []byte) *sideDigest {
	d := &sideDigest{sum{h: hmac.New(sha256.New, key)}}
	_, _ = d.h.Write([]byte("myvault/v1/copy"))
	return d
}

func (d *sideDigest) address(sum []byte) { _, _ = d.h.Write(sum) }

// end adds the projects and returns the digest in hexadecimal.
func (d *sideDigest) end(projects []myvault.Project) string {
	_, _ = d.h.Write(make([]byte, sha256.Size))
	for _, p := range projects {
		var isDefault byte
		if p.Default {
			isDefault = 1
		}
		d.text(p.Name).text(p.Description).byte(isDefault).time(p.At).text(p.By)
	}
	return hex.EncodeToString(d.h.Sum(nil))
}
