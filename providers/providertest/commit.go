package providertest

import (
	"errors"
	"fmt"

	"github.com/myswiftagent/myvault"
)

// commitClause returns a clause on commits of several changes.
func commitClause(name, promise string, run func(*scenario)) Clause {
	return clause(name, promise, run, ManyChanges)
}

var commitClauses = []Clause{
	clause("commit/empty", "A commit of no changes succeeds and changes nothing.", func(s *scenario) {
		s.doAll()
		s.wantListed(myvault.ListOptions{})
		s.wantProjects()
	}),
	commitClause("commit/all", "All changes of a commit are applied.", func(s *scenario) {
		s.do(put("newsbot/old", "1"))
		s.doAll(put("newsbot/a", "1"), put("common/b", "1"), remove("newsbot/old"), makeDefault("common"))
		s.wantListed(myvault.ListOptions{}, "common/b", "newsbot/a")
		s.wantProjects("*common", "newsbot")
	}),
	commitClause("commit/answers", "A commit returns one Info for each change, in order.", func(s *scenario) {
		s.do(put("newsbot/a", "1"), put("newsbot/b", "1"))
		infos := s.doAll(put("newsbot/b", "2"), project("common", ""), remove("newsbot/a"), put("newsbot/c", "1"), destroy("newsbot/b", 1))
		var got []string
		for _, i := range infos {
			got = append(got, fmt.Sprintf("%s %d", i.Path, i.Version))
		}
		got[1] = "" // only the version of a project's Info is promised
		wantList(s, "infos", got, []string{"b 2", "", "a 1", "c 1", "b 1"})
		wantEqual(s, "version of a project", infos[1].Version, 0)
		wantEqual(s, "state", infos[2].State, myvault.Deleted)
		wantEqual(s, "state", infos[4].State, myvault.Destroyed)
	}),
	commitClause("commit/in-order", "Changes are applied in order, and each sees the ones before it.", func(s *scenario) {
		infos := s.doAll(put("newsbot/a", "1", myvault.IfAbsent()), put("newsbot/a", "2", myvault.IfVersion(1)),
			remove("newsbot/a", myvault.IfVersion(2)), undelete("newsbot/a"), put("newsbot/a", "3", myvault.IfPresent()), destroy("newsbot/a", 1))
		wantEqual(s, "version", infos[4].Version, 3)
		s.wantValue("newsbot/a", 0, "3")
		s.wantValue("newsbot/a", 2, "2")
		s.wantVersions("newsbot/a", "3 live", "2 live", "1 destroyed")
	}),
	commitClause("commit/sees-refusal", "A change can be refused because of an earlier one in its commit.", func(s *scenario) {
		s.wantRefused(myvault.ErrExists, put("newsbot/a", "1"), put("newsbot/a", "2", myvault.IfAbsent()))
		s.wantGetError(myvault.ErrNotFound, "newsbot/a", 0)
		s.wantRefused(myvault.ErrConflict, put("newsbot/a", "1"), put("newsbot/a", "2"), put("newsbot/a", "3", myvault.IfVersion(1)))
		s.wantRefused(myvault.ErrNotFound, put("newsbot/a", "1"), remove("newsbot/a"), remove("newsbot/a"))
		s.wantGetError(myvault.ErrNotFound, "newsbot/a", 0)
	}),
	commitClause("commit/refused", "The error of a commit names the first refused change.", func(s *scenario) {
		s.do(put("newsbot/a", "1"))
		for i, changes := range [][]myvault.Change{
			{put("newsbot/a", "2", myvault.IfAbsent()), put("newsbot/a", "3", myvault.IfVersion(9))},
			{put("newsbot/b", "1"), remove("newsbot/c"), remove("newsbot/d")},
			{put("newsbot/b", "1"), project("common", ""), put("newsbot/a", "2", myvault.IfVersion(9))},
		} {
			_, err := s.apply(changes...)
			refused, ok := errors.AsType[*myvault.ChangeError](err)
			wantEqual(s, fmt.Sprintf("the error names a change (%v)", err), ok, true)
			wantEqual(s, "index", refused.Index, i)
		}
	}),
	commitClause("commit/atomic-last", "If the last change is refused, none is applied.", func(s *scenario) {
		s.do(put("newsbot/a", "1"), put("newsbot/b", "1"))
		s.wantRefused(myvault.ErrConflict, put("newsbot/a", "2"), remove("newsbot/b"), put("newsbot/c", "1"), put("newsbot/a", "3", myvault.IfVersion(9)))
		s.wantVersions("newsbot/a", "1 live")
		s.wantValue("newsbot/b", 0, "1")
		s.wantGetError(myvault.ErrNotFound, "newsbot/c", 0)
		s.wantListed(myvault.ListOptions{}, "newsbot/a", "newsbot/b")
	}),
	commitClause("commit/atomic-first", "If the first change is refused, none is applied.", func(s *scenario) {
		s.wantRefused(myvault.ErrNotFound, remove("newsbot/a"), put("newsbot/b", "1"))
		s.wantGetError(myvault.ErrNotFound, "newsbot/b", 0)
		s.wantProjects()
	}),
	commitClause("commit/atomic-destroy", "A refused commit destroys and deletes nothing.", func(s *scenario) {
		s.do(put("newsbot/a", "1"), put("newsbot/a", "2"), put("newsbot/b", "1"), remove("newsbot/b"))
		s.wantRefused(myvault.ErrNotFound, destroy("newsbot/a"), undelete("newsbot/b"), remove("newsbot/never"))
		s.wantValue("newsbot/a", 1, "1")
		s.wantValue("newsbot/a", 0, "2")
		s.wantVersions("newsbot/b", "1 deleted")
	}),
	commitClause("commit/atomic-register", "A refused commit does not change the register.", func(s *scenario) {
		s.do(project("common", "old"), project("spare", ""), makeDefault("common"))
		s.wantRefused(myvault.ErrNotFound, project("common", "new"), put("newsbot/a", "1"), makeDefault("spare"), removeProject("spare"), remove("newsbot/never"))
		s.wantProjects("*common", "spare")
		wantEqual(s, "description", s.project("common").Description, "old")
	}),
	commitClause("commit/no-number", "A refused commit uses no version number.", func(s *scenario) {
		s.wantRefused(myvault.ErrNotFound, put("newsbot/a", "1"), put("newsbot/a", "2"), remove("newsbot/never"))
		wantEqual(s, "version", s.do(put("newsbot/a", "3")).Version, 1)
		s.wantValue("newsbot/a", 1, "3")
	}),
	commitClause("commit/after-refusal", "The commit after a refused one sees the state from before it.", func(s *scenario) {
		s.do(put("newsbot/a", "1"))
		s.wantRefused(myvault.ErrNotFound, put("newsbot/a", "wrong"), remove("newsbot/never"))
		wantEqual(s, "version", s.do(put("newsbot/a", "2", myvault.IfVersion(1))).Version, 2)
		s.wantValue("newsbot/a", 1, "1")
		s.wantValue("newsbot/a", 2, "2")
	}),
	commitClause("commit/same-time", "All versions of a commit have its time and author.", func(s *scenario) {
		c := s.commit(put("newsbot/a", "1"), put("newsbot/b", "1"), put("newsbot/a", "2"))
		_, err := s.p.Apply(s.ctx, c)
		s.noError("a commit of 3 changes", err)
		for _, info := range append(s.versions("newsbot/a"), s.versions("newsbot/b")...) {
			wantTime(s, "time", info.At, c.At)
			wantEqual(s, "author", info.By, author)
		}
		wantTime(s, "time of the project", s.project("newsbot").At, c.At)
	}),
	commitClause("commit/empties-project", "A commit can delete the last secret of a project, then the project.", func(s *scenario) {
		s.do(put("newsbot/a", "1"))
		s.doAll(remove("newsbot/a"), removeProject("newsbot"))
		s.wantProjects()
	}),
	commitClause("commit/fills-project", "Deleting a project with a live secret from the same commit returns ErrNotEmpty.", func(s *scenario) {
		s.do(project("newsbot", ""))
		s.wantRefused(myvault.ErrNotEmpty, put("newsbot/a", "1"), removeProject("newsbot"))
		s.wantGetError(myvault.ErrNotFound, "newsbot/a", 0)
		s.wantProjects("newsbot")
	}),
	commitClause("commit/describes-new", "A commit can register a project, fill it and make it the default.", func(s *scenario) {
		s.doAll(project("newsbot", "mine", myvault.IfAbsent()), put("newsbot/a", "1"), makeDefault("newsbot"))
		s.wantProjects("*newsbot")
		wantEqual(s, "description", s.project("newsbot").Description, "mine")
	}),
	commitClause("commit/register-limit", "A commit whose last change exceeds the limit of projects changes nothing.", func(s *scenario) {
		s.registerUpTo(s.maxProjects() - 1)
		s.wantRefused(myvault.ErrTooLarge, put("newsbot/a", "1"), put("common/a", "1"))
		s.wantGetError(myvault.ErrNotFound, "newsbot/a", 0)
		wantEqual(s, "projects", len(s.projects()), s.maxProjects()-1)
	}),
	commitClause("commit/large", "A commit can have several hundred changes.", func(s *scenario) {
		var changes []myvault.Change
		for i := range 400 {
			changes = append(changes, put(fmt.Sprintf("newsbot/secret-%03d", i), "value"))
		}
		wantEqual(s, "infos", len(s.doAll(changes...)), 400)
		wantEqual(s, "secrets", len(s.listed(myvault.ListOptions{})), 400)
	}),
}
