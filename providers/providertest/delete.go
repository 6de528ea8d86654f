package providertest

import "github.com/myswiftagent/myvault"

var deleteClauses = []Clause{
	clause("delete/hides", "Get after Delete returns ErrNotFound.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"), remove("newsbot/prod/db"))
		s.wantGetError(myvault.ErrNotFound, "newsbot/prod/db", 0)
	}),
	clause("delete/hides-every-version", "Get of any version after Delete returns ErrNotFound, also of destroyed ones.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"), put("newsbot/prod/db", "two"), put("newsbot/prod/db", "three"),
			destroy("newsbot/prod/db", 1), remove("newsbot/prod/db"))
		for n := range myvault.Version(4) {
			s.wantGetError(myvault.ErrNotFound, "newsbot/prod/db", n)
		}
	}),
	clause("delete/uses-no-number", "Delete uses no version number.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"), put("newsbot/prod/db", "two"), remove("newsbot/prod/db"))
		wantEqual(s, "version after it", s.do(put("newsbot/prod/db", "three")).Version, 3)
		s.wantVersions("newsbot/prod/db", "3 live", "2 deleted", "1 live")
	}),
	clause("delete/answer", "Delete returns the version it deleted, with the time and author of its Put.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"))
		made := s.do(put("newsbot/prod/db", "two"))
		c := s.commit(remove("newsbot/prod/db"))
		c.By = "myscheduler"
		infos, err := s.p.Apply(s.ctx, c)
		s.noError("delete", err)
		wantLen(s, "infos", infos, 1)
		wantEqual(s, "address", infos[0].Address, address("newsbot/prod/db"))
		wantEqual(s, "version", infos[0].Version, 2)
		wantEqual(s, "state", infos[0].State, myvault.Deleted)
		wantTime(s, "time", infos[0].At, made.At)
		wantEqual(s, "author", infos[0].By, author)
	}),
	clause("delete/never-made", "Delete of an address that never had a version returns ErrNotFound.", func(s *scenario) {
		s.wantRefused(myvault.ErrNotFound, remove("newsbot/prod/db"))
	}),
	clause("delete/twice", "A second Delete returns ErrNotFound.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"), remove("newsbot/prod/db"))
		s.wantRefused(myvault.ErrNotFound, remove("newsbot/prod/db"))
		s.wantVersions("newsbot/prod/db", "1 deleted")
	}),
	clause("delete/destroyed", "Delete after the current version was destroyed returns ErrNotFound, and the version stays destroyed.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"), destroy("newsbot/prod/db"))
		s.wantRefused(myvault.ErrNotFound, remove("newsbot/prod/db"))
		s.wantVersions("newsbot/prod/db", "1 destroyed")
	}),
	clause("delete/marks-one", "Delete marks only the current version as deleted.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"), put("newsbot/prod/db", "two"), remove("newsbot/prod/db"))
		s.wantVersions("newsbot/prod/db", "2 deleted", "1 live")
	}),
	clause("delete/mark-stays", "Get of the deleted version still returns ErrNotFound after a later Put.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"), remove("newsbot/prod/db"), put("newsbot/prod/db", "two"))
		s.wantGetError(myvault.ErrNotFound, "newsbot/prod/db", 1)
		s.wantValue("newsbot/prod/db", 2, "two")
		s.wantVersions("newsbot/prod/db", "2 live", "1 deleted")
	}),
	clause("delete/older-return", "Versions before the deleted one are readable again after a later Put.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"), put("newsbot/prod/db", "two"), remove("newsbot/prod/db"), put("newsbot/prod/db", "three"))
		s.wantValue("newsbot/prod/db", 1, "one")
		s.wantGetError(myvault.ErrNotFound, "newsbot/prod/db", 2)
	}),
	clause("delete/neighbors", "Delete does not affect addresses above, below and beside.", func(s *scenario) {
		s.do(put("newsbot/prod", "above"), put("newsbot/prod/db", "it"), put("newsbot/prod/db/key", "below"),
			put("newsbot/prod/db-2", "beside"), put("common/prod/db", "elsewhere"), remove("newsbot/prod/db"))
		s.wantValue("newsbot/prod", 0, "above")
		s.wantValue("newsbot/prod/db/key", 0, "below")
		s.wantValue("newsbot/prod/db-2", 0, "beside")
		s.wantValue("common/prod/db", 0, "elsewhere")
	}),
	clause("delete/keeps-project", "Deleting the last secret of a project leaves the project registered.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"), remove("newsbot/prod/db"))
		s.wantProjects("newsbot")
	}),
}

var undeleteClauses = []Clause{
	clause("undelete/restores", "Undelete makes the deleted version readable again.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"), remove("newsbot/prod/db"), undelete("newsbot/prod/db"))
		s.wantValue("newsbot/prod/db", 0, "one")
		s.wantVersions("newsbot/prod/db", "1 live")
	}),
	clause("undelete/older", "Undelete also makes older versions readable again.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"), put("newsbot/prod/db", "two"), remove("newsbot/prod/db"), undelete("newsbot/prod/db"))
		s.wantValue("newsbot/prod/db", 1, "one")
		s.wantValue("newsbot/prod/db", 2, "two")
	}),
	clause("undelete/answer", "Undelete returns the restored version, live, with the time and author of its Put.", func(s *scenario) {
		made := s.do(put("newsbot/prod/db", "one"))
		got := s.do(remove("newsbot/prod/db"), undelete("newsbot/prod/db"))
		wantEqual(s, "address", got.Address, address("newsbot/prod/db"))
		wantEqual(s, "version", got.Version, 1)
		wantEqual(s, "state", got.State, myvault.Live)
		wantTime(s, "time", got.At, made.At)
		wantEqual(s, "author", got.By, made.By)
	}),
	clause("undelete/live", "Undelete of a live secret returns ErrConflict.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"))
		s.wantRefused(myvault.ErrConflict, undelete("newsbot/prod/db"))
	}),
	clause("undelete/twice", "A second Undelete returns ErrConflict.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"), remove("newsbot/prod/db"), undelete("newsbot/prod/db"))
		s.wantRefused(myvault.ErrConflict, undelete("newsbot/prod/db"))
	}),
	clause("undelete/after-put", "Undelete after a later Put returns ErrConflict and changes nothing.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"), remove("newsbot/prod/db"), put("newsbot/prod/db", "two"))
		s.wantRefused(myvault.ErrConflict, undelete("newsbot/prod/db"))
		s.wantVersions("newsbot/prod/db", "2 live", "1 deleted")
		s.wantGetError(myvault.ErrNotFound, "newsbot/prod/db", 1)
	}),
	clause("undelete/never-made", "Undelete of an address that never had a version returns ErrNotFound.", func(s *scenario) {
		s.wantRefused(myvault.ErrNotFound, undelete("newsbot/prod/db"))
	}),
	clause("undelete/destroyed", "Undelete of a destroyed version returns ErrDestroyed.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"), destroy("newsbot/prod/db"))
		s.wantRefused(myvault.ErrDestroyed, undelete("newsbot/prod/db"))
	}),
	clause("undelete/deleted-destroyed", "Undelete of a version that was deleted and then destroyed returns ErrDestroyed.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"), remove("newsbot/prod/db"), destroy("newsbot/prod/db", 1))
		s.wantRefused(myvault.ErrDestroyed, undelete("newsbot/prod/db"))
		s.wantVersions("newsbot/prod/db", "1 destroyed")
	}),
	clause("undelete/repeated", "Delete and Undelete can alternate.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"))
		for range 3 {
			s.do(remove("newsbot/prod/db"))
			s.wantGetError(myvault.ErrNotFound, "newsbot/prod/db", 0)
			s.do(undelete("newsbot/prod/db"))
			s.wantValue("newsbot/prod/db", 0, "one")
		}
	}),
	clause("undelete/project", "Undelete registers the secret's project again.", func(s *scenario) {
		s.do(put("newsbot/prod/db", "one"), remove("newsbot/prod/db"), removeProject("newsbot"))
		s.wantProjects()
		s.do(undelete("newsbot/prod/db"))
		s.wantProjects("newsbot")
		s.wantValue("newsbot/prod/db", 0, "one")
	}),
}
