package providertest

import "github.com/myswiftagent/myvault"

var conditionClauses = []Clause{
	clause("condition/absent-never", "IfAbsent holds where no version was ever made.", func(s *stage) {
		same(s, "version", s.do(put("newsbot/prod/db", "one", myvault.IfAbsent())).Version, 1)
	}),
	clause("condition/absent-live", "IfAbsent is ErrExists while the secret is live.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"))
		s.refuses(myvault.ErrExists, put("newsbot/prod/db", "two", myvault.IfAbsent()))
	}),
	clause("condition/absent-deleted", "IfAbsent holds after a Delete.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"), remove("newsbot/prod/db"))
		same(s, "version", s.do(put("newsbot/prod/db", "two", myvault.IfAbsent())).Version, 2)
	}),
	clause("condition/absent-destroyed", "IfAbsent holds after the current version was destroyed.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"), put("newsbot/prod/db", "two"), destroy("newsbot/prod/db", 2))
		same(s, "version", s.do(put("newsbot/prod/db", "three", myvault.IfAbsent())).Version, 3)
	}),
	clause("condition/present-live", "IfPresent holds while the secret is live.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"))
		same(s, "version", s.do(put("newsbot/prod/db", "two", myvault.IfPresent())).Version, 2)
	}),
	clause("condition/present-never", "IfPresent is ErrNotFound where no version was ever made.", func(s *stage) {
		s.refuses(myvault.ErrNotFound, put("newsbot/prod/db", "one", myvault.IfPresent()))
	}),
	clause("condition/present-deleted", "IfPresent is ErrNotFound after a Delete.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"), remove("newsbot/prod/db"))
		s.refuses(myvault.ErrNotFound, put("newsbot/prod/db", "two", myvault.IfPresent()))
	}),
	clause("condition/present-destroyed", "IfPresent is ErrNotFound after the current version was destroyed.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"), destroy("newsbot/prod/db", 1))
		s.refuses(myvault.ErrNotFound, put("newsbot/prod/db", "two", myvault.IfPresent()))
	}),
	clause("condition/version-current", "IfVersion holds on the current version.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"), put("newsbot/prod/db", "two"))
		same(s, "version", s.do(put("newsbot/prod/db", "three", myvault.IfVersion(2))).Version, 3)
	}),
	clause("condition/version-older", "IfVersion is ErrConflict on an older version.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"), put("newsbot/prod/db", "two"))
		s.refuses(myvault.ErrConflict, put("newsbot/prod/db", "three", myvault.IfVersion(1)))
	}),
	clause("condition/version-future", "IfVersion is ErrConflict on a version not yet made.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"))
		s.refuses(myvault.ErrConflict, put("newsbot/prod/db", "two", myvault.IfVersion(2)))
	}),
	clause("condition/version-never", "IfVersion is ErrNotFound where no version was ever made.", func(s *stage) {
		s.refuses(myvault.ErrNotFound, put("newsbot/prod/db", "one", myvault.IfVersion(1)))
	}),
	clause("condition/version-deleted", "IfVersion is ErrNotFound after a Delete, on the very version too.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"), remove("newsbot/prod/db"))
		s.refuses(myvault.ErrNotFound, put("newsbot/prod/db", "two", myvault.IfVersion(1)))
	}),
	clause("condition/version-destroyed", "IfVersion is ErrNotFound after the current version was destroyed.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"), destroy("newsbot/prod/db", 1))
		s.refuses(myvault.ErrNotFound, put("newsbot/prod/db", "two", myvault.IfVersion(1)))
	}),
	clause("condition/refused-put", "A refused Put changes nothing and uses no number.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"))
		s.refuses(myvault.ErrExists, put("newsbot/prod/db", "two", myvault.IfAbsent()))
		s.refuses(myvault.ErrConflict, put("newsbot/prod/db", "two", myvault.IfVersion(9)))
		s.reads("newsbot/prod/db", 0, "one")
		s.history("newsbot/prod/db", "1 live")
		same(s, "version", s.do(put("newsbot/prod/db", "two")).Version, 2)
	}),
	clause("condition/refused-first", "A refused first Put leaves no secret and no project.", func(s *stage) {
		s.refuses(myvault.ErrNotFound, put("newsbot/prod/db", "one", myvault.IfPresent()))
		s.hides(myvault.ErrNotFound, "newsbot/prod/db", 0)
		s.lists(myvault.ListOptions{})
		s.registered()
	}),
	clause("condition/delete-version", "Delete holds to IfVersion.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"), put("newsbot/prod/db", "two"))
		s.refuses(myvault.ErrConflict, remove("newsbot/prod/db", myvault.IfVersion(1)))
		s.reads("newsbot/prod/db", 0, "two")
		s.do(remove("newsbot/prod/db", myvault.IfVersion(2)))
		s.hides(myvault.ErrNotFound, "newsbot/prod/db", 0)
	}),
	clause("condition/delete-present", "Delete holds to IfPresent.", func(s *stage) {
		s.refuses(myvault.ErrNotFound, remove("newsbot/prod/db", myvault.IfPresent()))
		s.do(put("newsbot/prod/db", "one"), remove("newsbot/prod/db", myvault.IfPresent()))
		s.hides(myvault.ErrNotFound, "newsbot/prod/db", 0)
	}),
	clause("condition/delete-absent", "Delete with IfAbsent is ErrExists while the secret is live.", func(s *stage) {
		s.do(put("newsbot/prod/db", "one"))
		s.refuses(myvault.ErrExists, remove("newsbot/prod/db", myvault.IfAbsent()))
		s.reads("newsbot/prod/db", 0, "one")
	}),
}
