package providertest

import (
	"slices"
	"strings"
	"time"

	"github.com/myswiftagent/myvault"
)

// bears wants that every operation takes the address as it is.
func (s *stage) bears(addr string) {
	if err := at(addr).Validate(); err != nil {
		s.failf("the suite uses a name that is not valid: %w", err)
	}
	s.do(put(addr, "one"), put(addr, "two", myvault.IfVersion(1)))
	s.reads(addr, 1, "one")
	same(s, "address", s.get(addr, 0).Address, at(addr))
	s.history(addr, "2 live", "1 live")
	s.lists(under(at(addr).Project, at(addr).Path), addr)
	same(s, "project", s.project(at(addr).Project).Name, at(addr).Project)
	s.do(destroy(addr, 1), remove(addr), undelete(addr))
	s.reads(addr, 0, "two")
}

var nameClauses = []Clause{
	clause("name/japanese", "Names may be Japanese, the middle dot included.", func(s *stage) {
		s.bears("日本語プロジェクト/本番/データ・ベース/鍵")
	}),
	clause("name/scripts", "Names may be of any script.", func(s *stage) {
		for _, addr := range []string{"Größe/straße", "проект/ключ", "مشروع/مفتاح", "프로젝트/열쇠", "प्रोजेक्ट/कुंजी", "café/naïve", "𠮷野/鍵"} {
			s.bears(addr)
		}
	}),
	clause("name/blanks", "Names may have single inner blanks.", func(s *stage) {
		s.bears("my news bot/prod env/the password")
	}),
	clause("name/punctuation", "Names may have all the punctuation that the vault allows.", func(s *stage) {
		s.bears("a.b_c-d~e@f+g=h(i)j!k'l&m/._-~@+=()!'&/x")
		s.bears("n/(a/)b/'/&/!/=/+")
	}),
	clause("name/colon", "A path may have colons.", func(s *stage) {
		s.bears("newsbot/prod:eu/db:password/:")
	}),
	clause("name/dots", "Segments may begin with dots and dashes.", func(s *stage) {
		s.bears("newsbot/.hidden/...a/-rf")
	}),
	clause("name/like-a-number", "Names that look like numbers or constants stay text.", func(s *stage) {
		for _, addr := range []string{"007/1e3", "0/0", "null/true", "1/01"} {
			s.bears(addr)
		}
		s.registered("0", "007", "1", "null")
	}),
	clause("name/longest", "A segment may have 128 bytes, in ASCII or not.", func(s *stage) {
		s.bears(strings.Repeat("p", 128) + "/" + strings.Repeat("s", 128))
		s.bears(strings.Repeat("界", 42) + "pp/" + strings.Repeat("界", 42) + "ss")
	}),
	clause("name/deepest", "A path may have 8 segments of 128 bytes.", func(s *stage) {
		segment := strings.Repeat("d", 128)
		s.bears(segment + strings.Repeat("/"+segment, myvault.MaxDepth))
	}),
	clause("name/last-byte", "Long names that differ in their last byte are different.", func(s *stage) {
		long := "newsbot/" + strings.Repeat("x", 127)
		s.do(put(long+"a", "a"), put(long+"b", "b"))
		s.reads(long+"a", 0, "a")
		s.reads(long+"b", 0, "b")
	}),
	clause("name/boundaries", "The boundary between project and path tells addresses apart.", func(s *stage) {
		s.do(put("a/b/c", "1"), put("ab/c", "2"), put("a/bc", "3"), put("a b/c", "4"))
		s.reads("a/b/c", 0, "1")
		s.reads("ab/c", 0, "2")
		s.reads("a/bc", 0, "3")
		s.reads("a b/c", 0, "4")
	}),
}

// dated is a Put with times.
func dated(addr, value string, expires, rotateAfter time.Time) myvault.Change {
	c := put(addr, value)
	c.Expires, c.RotateAfter = expires, rotateAfter
	return c
}

// sameTimes compares the times of a version, and wants UTC.
func sameTimes(s *stage, got myvault.Info, expires, rotateAfter time.Time) {
	sameTime(s, "expires", got.Expires, expires)
	sameTime(s, "rotate after", got.RotateAfter, rotateAfter)
	for _, t := range []time.Time{got.At, got.Expires, got.RotateAfter} {
		same(s, "location", t.Location(), time.UTC)
		same(s, "nanoseconds below a microsecond", t.Nanosecond()%1000, 0)
	}
}

var (
	soon  = begin.Add(48*time.Hour + 7*time.Microsecond)
	later = begin.Add(90*24*time.Hour + 999*time.Microsecond)
)

var timeClauses = []Clause{
	clause("time/micro", "The time of a Put comes back in UTC, to the microsecond, from every method.", func(s *stage) {
		c := s.commit(put("newsbot/a", "1"))
		infos, err := s.p.Apply(s.ctx, c)
		s.succeeds("put", err)
		infos = slices.Concat(infos, []myvault.Info{s.get("newsbot/a", 0).Info}, s.versions("newsbot/a"), collect(s, "list", s.p.List(s.ctx, myvault.ListOptions{})))
		same(s, "infos", len(infos), 4)
		for _, info := range infos {
			sameTime(s, "time", info.At, c.At)
			sameTimes(s, info, time.Time{}, time.Time{})
		}
		registered := s.project("newsbot").At
		sameTime(s, "time of the project", registered, c.At)
		same(s, "location", registered.Location(), time.UTC)
	}),
	clause("time/carried", "Expires and RotateAfter come back in UTC, to the microsecond, from every method.", func(s *stage) {
		infos := s.doAll(dated("newsbot/a", "1", soon, later))
		infos = slices.Concat(infos, []myvault.Info{s.get("newsbot/a", 0).Info}, s.versions("newsbot/a"), collect(s, "list", s.p.List(s.ctx, myvault.ListOptions{})))
		same(s, "infos", len(infos), 4)
		for _, info := range infos {
			sameTimes(s, info, soon, later)
		}
	}),
	clause("time/each-version", "Each version has its own times; a Put without has none.", func(s *stage) {
		s.do(dated("newsbot/a", "1", soon, time.Time{}), dated("newsbot/a", "2", time.Time{}, later), put("newsbot/a", "3"))
		sameTimes(s, s.get("newsbot/a", 1).Info, soon, time.Time{})
		sameTimes(s, s.get("newsbot/a", 2).Info, time.Time{}, later)
		sameTimes(s, s.get("newsbot/a", 3).Info, time.Time{}, time.Time{})
	}),
	clause("time/marks", "Delete, Undelete and Destroy leave the times of a version.", func(s *stage) {
		s.do(dated("newsbot/a", "1", soon, later))
		sameTimes(s, s.do(remove("newsbot/a")), soon, later)
		sameTimes(s, counted(s, "versions", s.versions("newsbot/a"), 1)[0], soon, later)
		sameTimes(s, s.do(undelete("newsbot/a")), soon, later)
		sameTimes(s, s.do(destroy("newsbot/a")), soon, later)
		sameTimes(s, counted(s, "versions", s.versions("newsbot/a"), 1)[0], soon, later)
	}),
	clause("time/expired", "An expired secret can be read, listed and changed: acting on the time is not the store's part.", func(s *stage) {
		past := time.Date(2001, 2, 3, 4, 5, 6, 7000, time.UTC)
		s.do(dated("newsbot/a", "1", past, past))
		s.reads("newsbot/a", 0, "1")
		s.lists(myvault.ListOptions{}, "newsbot/a")
		sameTimes(s, s.get("newsbot/a", 0).Info, past, past)
	}),
	clause("time/far", "Times before 1970 and in the year 9999 come back.", func(s *stage) {
		early, far := time.Date(1950, 1, 1, 0, 0, 0, 1000, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC)
		s.do(dated("newsbot/a", "1", far, early))
		sameTimes(s, s.get("newsbot/a", 0).Info, far, early)
	}),
	clause("time/epoch", "The first instant of 1970 is a time, not none.", func(s *stage) {
		s.do(dated("newsbot/a", "1", time.Unix(0, 0).UTC(), later))
		sameTimes(s, s.get("newsbot/a", 0).Info, time.Unix(0, 0).UTC(), later)
	}),
}
