package providertest

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/myswiftagent/myvault"
)

// checkRoundTrip puts a value and checks that Get returns the same bytes.
func (s *scenario) checkRoundTrip(what string, value []byte) {
	s.do(myvault.Change{Op: myvault.OpPut, Address: address("newsbot/prod/db"), Value: myvault.Bytes(value)})
	if got := s.get("newsbot/prod/db", 0).Value; !bytes.Equal(got.RevealBytes(), value) {
		s.failf("%s: got %d bytes that differ from the %d bytes put", what, got.Len(), len(value))
	}
}

var copyClauses = []Clause{
	clause("copy/value-in", "Changing the bytes passed to Put, after it has returned, changes nothing.", func(s *scenario) {
		mine := []byte("the value")
		s.do(myvault.Change{Op: myvault.OpPut, Address: address("newsbot/a"), Value: myvault.Bytes(mine)})
		clear(mine)
		s.wantValue("newsbot/a", 0, "the value")
	}),
	clause("copy/value-out", "Changing the bytes returned by Get changes nothing.", func(s *scenario) {
		s.do(put("newsbot/a", "the value"))
		clear(s.get("newsbot/a", 0).Value.RevealBytes())
		s.wantValue("newsbot/a", 0, "the value")
	}),
	clause("copy/changes", "The caller may change the slice of changes after Apply has returned.", func(s *scenario) {
		changes := []myvault.Change{put("newsbot/a", "the value")}
		s.doAll(changes...)
		changes[0] = put("newsbot/a", "another")
		s.wantValue("newsbot/a", 0, "the value")
		s.wantVersions("newsbot/a", "1 live")
	}),
	clause("copy/infos", "The caller owns the slice that Apply returns.", func(s *scenario) {
		infos := s.doAll(put("newsbot/a", "1"))
		infos[0] = myvault.Info{}
		wantEqual(s, "version", s.get("newsbot/a", 0).Version, 1)
		wantEqual(s, "author", s.get("newsbot/a", 0).By, author)
	}),
	trailClause("copy/commit-entries", "The caller may change the slice of entries after Apply has returned.", func(s *scenario) {
		c := s.commit(put("newsbot/a", "1"))
		_, err := s.p.Apply(s.ctx, c)
		s.noError("put", err)
		c.Entries[0] = accessEntry("read", "common/b", 0)
		s.wantEntries(myvault.TrailFilter{}, "changes 1 write newsbot/a")
	}),
	trailClause("copy/recorded-entries", "The caller may change the slice of entries after Record has returned.", func(s *scenario) {
		mine := []myvault.Entry{accessEntry("read", "newsbot/a", 0)}
		s.record(mine...)
		mine[0] = accessEntry("list", "common/b", 0)
		s.wantEntries(myvault.TrailFilter{}, "access 1 read newsbot/a")
	}),
	auditorClause("copy/entries-out", "Changing the bytes of a returned entry changes nothing.", func(s *scenario) {
		s.do(put("newsbot/a", "1"))
		got := wantLen(s, "entries", s.entries(myvault.TrailFilter{}), 1)[0].MAC
		want := bytes.Clone(got)
		clear(got)
		wantEqual(s, "the MAC is unchanged", bytes.Equal(wantLen(s, "entries", s.entries(myvault.TrailFilter{}), 1)[0].MAC, want), true)
	}),
	auditorClause("copy/heads-out", "Changing the bytes of a returned head changes nothing.", func(s *scenario) {
		s.do(put("newsbot/a", "1"))
		clear(s.head(myvault.ChainChanges).MAC)
		s.do(put("newsbot/a", "2"))
		all := wantLen(s, "entries", s.chain(myvault.ChainChanges), 2)
		wantEqual(s, "the MAC before equals Prev", bytes.Equal(all[0].Prev, all[1].MAC), true)
		wantEqual(s, "the MAC is all zero", bytes.Equal(all[1].MAC, make([]byte, len(all[1].MAC))), false)
	}),
}

var sizeClauses = []Clause{
	clause("size/one-byte", "A value of one byte is returned unchanged.", func(s *scenario) {
		s.checkRoundTrip("one byte", []byte{'x'})
		s.checkRoundTrip("one zero byte", []byte{0})
	}),
	clause("size/every-byte", "A value of any bytes is returned unchanged.", func(s *scenario) {
		value := make([]byte, 256)
		for i := range value {
			value[i] = byte(i)
		}
		s.checkRoundTrip("all bytes", value)
		s.checkRoundTrip("no UTF-8", []byte("\xff\xfe\xc0\x80\xed\xa0\x80"))
	}),
	clause("size/text", "Text that looks like another format is returned unchanged.", func(s *scenario) {
		for _, value := range []string{
			"null", "{}", `"quoted"`, "12345678901234567890", "1e400", "0x1F", "true", "bGlrZSBiYXNlNjQ=", "a\r\nb\n", " blanks ", "\t", "\x00in\x00side\x00",
			"e\u0301 is not normalised", "\ufeffmark first", "\u202eturned", "値は日本語", "vault:v1:abc", "[REDACTED]", "'; DROP TABLE head; --",
		} {
			s.checkRoundTrip("text", []byte(value))
		}
	}),
	clause("size/largest", "A value of 512 KiB is returned unchanged, text or not.", func(s *scenario) {
		s.checkRoundTrip("text", bytes.Repeat([]byte("x"), myvault.MaxValue))
		value := make([]byte, myvault.MaxValue)
		for i := range value {
			value[i] = byte(i*i>>3 ^ i)
		}
		s.checkRoundTrip("binary", value)
		s.checkRoundTrip("zeros", make([]byte, myvault.MaxValue))
		s.checkRoundTrip("escapes", bytes.Repeat([]byte{1}, myvault.MaxValue))
	}),
	clause("size/versions", "Versions of one secret may differ greatly in size.", func(s *scenario) {
		for i, n := range []int{1, 4096, 70_000, 1, 300_000} {
			s.do(put("newsbot/a", strings.Repeat(fmt.Sprint(i), n)))
		}
		for i, n := range []int{1, 4096, 70_000, 1, 300_000} {
			s.wantValue("newsbot/a", myvault.Version(i+1), strings.Repeat(fmt.Sprint(i), n))
		}
	}),
}
