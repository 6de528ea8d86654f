package providertest

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/myswiftagent/myvault"
)

// putBytes puts a value and wants the same bytes back.
func (s *stage) keeps(what string, value []byte) {
	s.do(myvault.Change{Op: myvault.OpPut, Address: at("newsbot/prod/db"), Value: myvault.Bytes(value)})
	if got := s.get("newsbot/prod/db", 0).Value; !bytes.Equal(got.RevealBytes(), value) {
		s.failf("%s: got %d bytes that differ from the %d put", what, got.Len(), len(value))
	}
}

var copyClauses = []Clause{
	clause("copy/value-given", "What the caller does with its bytes after Put changes nothing.", func(s *stage) {
		mine := []byte("the value")
		s.do(myvault.Change{Op: myvault.OpPut, Address: at("newsbot/a"), Value: myvault.Bytes(mine)})
		clear(mine)
		s.reads("newsbot/a", 0, "the value")
	}),
	clause("copy/value-got", "What the caller does with the bytes it was given changes nothing.", func(s *stage) {
		s.do(put("newsbot/a", "the value"))
		clear(s.get("newsbot/a", 0).Value.RevealBytes())
		s.reads("newsbot/a", 0, "the value")
	}),
	clause("copy/changes", "The slice of changes is the caller's again when Apply returns.", func(s *stage) {
		changes := []myvault.Change{put("newsbot/a", "the value")}
		s.doAll(changes...)
		changes[0] = put("newsbot/a", "another")
		s.reads("newsbot/a", 0, "the value")
		s.history("newsbot/a", "1 live")
	}),
	clause("copy/infos", "The slice that Apply returns is the caller's own.", func(s *stage) {
		infos := s.doAll(put("newsbot/a", "1"))
		infos[0] = myvault.Info{}
		same(s, "version", s.get("newsbot/a", 0).Version, 1)
		same(s, "author", s.get("newsbot/a", 0).By, by)
	}),
	onTrail("copy/commit-entries", "The slice of entries is the caller's again when Apply returns.", func(s *stage) {
		c := s.commit(put("newsbot/a", "1"))
		_, err := s.p.Apply(s.ctx, c)
		s.succeeds("put", err)
		c.Entries[0] = accessEntry("read", "common/b", 0)
		s.trail(myvault.TrailFilter{}, "changes 1 write newsbot/a")
	}),
	onTrail("copy/recorded-entries", "The slice of entries is the caller's again when Record returns.", func(s *stage) {
		mine := []myvault.Entry{accessEntry("read", "newsbot/a", 0)}
		s.record(mine...)
		mine[0] = accessEntry("list", "common/b", 0)
		s.trail(myvault.TrailFilter{}, "access 1 read newsbot/a")
	}),
	audited("copy/entries-got", "What the caller does with the bytes of an entry changes nothing.", func(s *stage) {
		s.do(put("newsbot/a", "1"))
		got := counted(s, "entries", s.entries(myvault.TrailFilter{}), 1)[0].MAC
		want := bytes.Clone(got)
		clear(got)
		same(s, "the MAC is unchanged", bytes.Equal(counted(s, "entries", s.entries(myvault.TrailFilter{}), 1)[0].MAC, want), true)
	}),
	audited("copy/heads-got", "What the caller does with the bytes of a head changes nothing.", func(s *stage) {
		s.do(put("newsbot/a", "1"))
		clear(s.head(myvault.ChainChanges).MAC)
		s.do(put("newsbot/a", "2"))
		all := counted(s, "entries", s.chain(myvault.ChainChanges), 2)
		same(s, "the MAC before equals Prev", bytes.Equal(all[0].Prev, all[1].MAC), true)
		same(s, "the MAC is all zero", bytes.Equal(all[1].MAC, make([]byte, len(all[1].MAC))), false)
	}),
}

var sizeClauses = []Clause{
	clause("size/one-byte", "A value of one byte comes back.", func(s *stage) {
		s.keeps("one byte", []byte{'x'})
		s.keeps("one zero byte", []byte{0})
	}),
	clause("size/every-byte", "A value of any bytes comes back as it was.", func(s *stage) {
		value := make([]byte, 256)
		for i := range value {
			value[i] = byte(i)
		}
		s.keeps("all bytes", value)
		s.keeps("no UTF-8", []byte("\xff\xfe\xc0\x80\xed\xa0\x80"))
	}),
	clause("size/text", "Text that looks like something else comes back as it was.", func(s *stage) {
		for _, value := range []string{
			"null", "{}", `"quoted"`, "12345678901234567890", "1e400", "0x1F", "true", "bGlrZSBiYXNlNjQ=", "a\r\nb\n", " blanks ", "\t", "\x00in\x00side\x00",
			"e\u0301 is not normalised", "\ufeffmark first", "\u202eturned", "値は日本語", "vault:v1:abc", "[REDACTED]", "'; DROP TABLE head; --",
		} {
			s.keeps("text", []byte(value))
		}
	}),
	clause("size/largest", "A value of 512 KiB comes back, text or not.", func(s *stage) {
		s.keeps("text", bytes.Repeat([]byte("x"), myvault.MaxValue))
		value := make([]byte, myvault.MaxValue)
		for i := range value {
			value[i] = byte(i*i>>3 ^ i)
		}
		s.keeps("binary", value)
		s.keeps("zeros", make([]byte, myvault.MaxValue))
		s.keeps("escapes", bytes.Repeat([]byte{1}, myvault.MaxValue))
	}),
	clause("size/versions", "Versions of very different size stand side by side.", func(s *stage) {
		for i, n := range []int{1, 4096, 70_000, 1, 300_000} {
			s.do(put("newsbot/a", strings.Repeat(fmt.Sprint(i), n)))
		}
		for i, n := range []int{1, 4096, 70_000, 1, 300_000} {
			s.reads("newsbot/a", myvault.Version(i+1), strings.Repeat(fmt.Sprint(i), n))
		}
	}),
}
