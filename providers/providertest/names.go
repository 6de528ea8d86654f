package providertest

import (
	"slices"
	"strings"
	"time"

	"github.com/myswiftagent/myvault"
)

// checkName checks that every operation accepts the address unchanged.
func (s *scenario) checkName(addr string) {
	if err := address(addr).Validate(); err != nil {
		s.failf("the suite uses an invalid name: %w", err)
	}
	s.do(put(addr, "one"), put(addr, "two", myvault.IfVersion(1)))
	s.wantValue(addr, 1, "one")
	wantEqual(s, "address", s.get(addr, 0).Address, address(addr))
	s.wantVersions(addr, "2 live", "1 live")
	s.wantListed(under(address(addr).Project, address(addr).Path), addr)
	wantEqual(s, "project", s.project(address(addr).Project).Name, address(addr).Project)
	s.do(destroy(addr, 1), remove(addr), undelete(addr))
	s.wantValue(addr, 0, "two")
}

var nameClauses = []Clause{
	clause("name/japanese", "Names may be Japanese, including the middle dot.", func(s *scenario) {
		s.checkName("日本語プロジェクト/本番/データ・ベース/鍵")
	}),
	clause("name/scripts", "Names may be in any script.", func(s *scenario) {
		for _, addr := range []string{"Größe/straße", "проект/ключ", "مشروع/مفتاح", "프로젝트/열쇠", "प्रोजेक्ट/कुंजी", "café/naïve", "𠮷野/鍵"} {
			s.checkName(addr)
		}
	}),
	clause("name/blanks", "Names may contain single inner spaces.", func(s *scenario) {
		s.checkName("my news bot/prod env/the password")
	}),
	clause("name/punctuation", "Names may contain all punctuation that the vault allows.", func(s *scenario) {
		s.checkName("a.b_c-d~e@f+g=h(i)j!k'l&m/._-~@+=()!'&/x")
		s.checkName("n/(a/)b/'/&/!/=/+")
	}),
	clause("name/colon", "A path may contain colons.", func(s *scenario) {
		s.checkName("newsbot/prod:eu/db:password/:")
	}),
	clause("name/dots", "Segments may begin with dots and dashes.", func(s *scenario) {
		s.checkName("newsbot/.hidden/...a/-rf")
	}),
	clause("name/like-a-number", "Names that look like numbers or constants are text.", func(s *scenario) {
		for _, addr := range []string{"007/1e3", "0/0", "null/true", "1/01"} {
			s.checkName(addr)
		}
		s.wantProjects("0", "007", "1", "null")
	}),
	clause("name/longest", "A segment may have 128 bytes, in ASCII or not.", func(s *scenario) {
		s.checkName(strings.Repeat("p", 128) + "/" + strings.Repeat("s", 128))
		s.checkName(strings.Repeat("界", 42) + "pp/" + strings.Repeat("界", 42) + "ss")
	}),
	clause("name/deepest", "A path may have 8 segments of 128 bytes.", func(s *scenario) {
		segment := strings.Repeat("d", 128)
		s.checkName(segment + strings.Repeat("/"+segment, myvault.MaxDepth))
	}),
	clause("name/last-byte", "Long names that differ in their last byte are different.", func(s *scenario) {
		long := "newsbot/" + strings.Repeat("x", 127)
		s.do(put(long+"a", "a"), put(long+"b", "b"))
		s.wantValue(long+"a", 0, "a")
		s.wantValue(long+"b", 0, "b")
	}),
	clause("name/boundaries", "The boundary between project and path distinguishes addresses.", func(s *scenario) {
		s.do(put("a/b/c", "1"), put("ab/c", "2"), put("a/bc", "3"), put("a b/c", "4"))
		s.wantValue("a/b/c", 0, "1")
		s.wantValue("ab/c", 0, "2")
		s.wantValue("a/bc", 0, "3")
		s.wantValue("a b/c", 0, "4")
	}),
}

// putWithTimes returns a Put with times.
func putWithTimes(addr, value string, expires, rotateAfter time.Time) myvault.Change {
	c := put(addr, value)
	c.Expires, c.RotateAfter = expires, rotateAfter
	return c
}

// wantTimes checks the times of a version, and that they are in UTC.
func wantTimes(s *scenario, got myvault.Info, expires, rotateAfter time.Time) {
	wantTime(s, "expires", got.Expires, expires)
	wantTime(s, "rotate after", got.RotateAfter, rotateAfter)
	for _, t := range []time.Time{got.At, got.Expires, got.RotateAfter} {
		wantEqual(s, "location", t.Location(), time.UTC)
		wantEqual(s, "nanoseconds below a microsecond", t.Nanosecond()%1000, 0)
	}
}

var (
	soon  = startTime.Add(48*time.Hour + 7*time.Microsecond)
	later = startTime.Add(90*24*time.Hour + 999*time.Microsecond)
)

var timeClauses = []Clause{
	clause("time/put", "Every method returns the time of a Put in UTC, to the microsecond.", func(s *scenario) {
		c := s.commit(put("newsbot/a", "1"))
		infos, err := s.p.Apply(s.ctx, c)
		s.noError("put", err)
		infos = slices.Concat(infos, []myvault.Info{s.get("newsbot/a", 0).Info}, s.versions("newsbot/a"), collect(s, "list", s.p.List(s.ctx, myvault.ListOptions{})))
		wantEqual(s, "infos", len(infos), 4)
		for _, info := range infos {
			wantTime(s, "time", info.At, c.At)
			wantTimes(s, info, time.Time{}, time.Time{})
		}
		registered := s.project("newsbot").At
		wantTime(s, "time of the project", registered, c.At)
		wantEqual(s, "location", registered.Location(), time.UTC)
	}),
	clause("time/expires-rotate", "Every method returns Expires and RotateAfter in UTC, to the microsecond.", func(s *scenario) {
		infos := s.doAll(putWithTimes("newsbot/a", "1", soon, later))
		infos = slices.Concat(infos, []myvault.Info{s.get("newsbot/a", 0).Info}, s.versions("newsbot/a"), collect(s, "list", s.p.List(s.ctx, myvault.ListOptions{})))
		wantEqual(s, "infos", len(infos), 4)
		for _, info := range infos {
			wantTimes(s, info, soon, later)
		}
	}),
	clause("time/each-version", "Each version has its own times; a Put without times has none.", func(s *scenario) {
		s.do(putWithTimes("newsbot/a", "1", soon, time.Time{}), putWithTimes("newsbot/a", "2", time.Time{}, later), put("newsbot/a", "3"))
		wantTimes(s, s.get("newsbot/a", 1).Info, soon, time.Time{})
		wantTimes(s, s.get("newsbot/a", 2).Info, time.Time{}, later)
		wantTimes(s, s.get("newsbot/a", 3).Info, time.Time{}, time.Time{})
	}),
	clause("time/kept", "Delete, Undelete and Destroy keep the times of a version.", func(s *scenario) {
		s.do(putWithTimes("newsbot/a", "1", soon, later))
		wantTimes(s, s.do(remove("newsbot/a")), soon, later)
		wantTimes(s, wantLen(s, "versions", s.versions("newsbot/a"), 1)[0], soon, later)
		wantTimes(s, s.do(undelete("newsbot/a")), soon, later)
		wantTimes(s, s.do(destroy("newsbot/a")), soon, later)
		wantTimes(s, wantLen(s, "versions", s.versions("newsbot/a"), 1)[0], soon, later)
	}),
	clause("time/expired", "An expired secret can be read, listed and changed: stores do not act on the time.", func(s *scenario) {
		past := time.Date(2001, 2, 3, 4, 5, 6, 7000, time.UTC)
		s.do(putWithTimes("newsbot/a", "1", past, past))
		s.wantValue("newsbot/a", 0, "1")
		s.wantListed(myvault.ListOptions{}, "newsbot/a")
		wantTimes(s, s.get("newsbot/a", 0).Info, past, past)
	}),
	clause("time/far", "Times before 1970 and in the year 9999 are returned unchanged.", func(s *scenario) {
		early, far := time.Date(1950, 1, 1, 0, 0, 0, 1000, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC)
		s.do(putWithTimes("newsbot/a", "1", far, early))
		wantTimes(s, s.get("newsbot/a", 0).Info, far, early)
	}),
	clause("time/epoch", "1970-01-01T00:00:00Z is a time, not an absent one.", func(s *scenario) {
		s.do(putWithTimes("newsbot/a", "1", time.Unix(0, 0).UTC(), later))
		wantTimes(s, s.get("newsbot/a", 0).Info, time.Unix(0, 0).UTC(), later)
	}),
}
