package providertest

import (
	"fmt"
	"strings"

	"github.com/myswiftagent/myvault"
)

var projectClauses = []Clause{
	clause("project/none", "A new store has no projects and no default project.", func(s *scenario) {
		s.wantProjects()
	}),
	clause("project/by-put", "The first Put in a project registers it, with the time and author of the commit.", func(s *scenario) {
		made := s.do(put("newsbot/prod/db", "one"))
		s.wantProjects("newsbot")
		got := s.project("newsbot")
		wantTime(s, "time", got.At, made.At)
		wantEqual(s, "author", got.By, author)
		wantEqual(s, "description", got.Description, "")
	}),
	clause("project/by-first-put", "Later Puts do not change the registration.", func(s *scenario) {
		made := s.do(put("newsbot/prod/db", "one"))
		s.do(put("newsbot/prod/db", "two"), put("newsbot/prod/key", "one"))
		s.wantProjects("newsbot")
		wantTime(s, "time", s.project("newsbot").At, made.At)
	}),
	clause("project/order", "Projects are ordered by name, byte by byte.", func(s *scenario) {
		s.do(project("zeta", ""), project("日本語", ""), project("a-b", ""), project("a b", ""), project("a", ""), project("Z", ""), project("a_b", ""))
		s.wantProjects("Z", "a", "a b", "a-b", "a_b", "zeta", "日本語")
	}),
	clause("project/from", "Projects begins at the given name, which need not be registered or valid.", func(s *scenario) {
		s.do(project("zeta", ""), project("a b", ""), project("a", ""), project("mid", ""))
		for from, want := range map[string][]string{
			"": {"a", "a b", "mid", "zeta"}, "a": {"a", "a b", "mid", "zeta"}, "a\x00": {"a b", "mid", "zeta"},
			"b": {"mid", "zeta"}, "zeta": {"zeta"}, "zeta\x00": nil,
		} {
			var got []string
			for _, p := range collect(s, "projects", s.p.Projects(s.ctx, from)) {
				got = append(got, p.Name)
			}
			wantList(s, fmt.Sprintf("projects from %q", from), got, want)
		}
	}),
	clause("project/registers", "OpPutProject registers a project without secrets, with description, time and author.", func(s *scenario) {
		c := s.commit(project("newsbot", "News, every morning"))
		_, err := s.p.Apply(s.ctx, c)
		s.noError("project", err)
		got := s.project("newsbot")
		wantEqual(s, "description", got.Description, "News, every morning")
		wantTime(s, "time", got.At, c.At)
		wantEqual(s, "author", got.By, author)
		wantEqual(s, "default", got.Default, false)
		s.wantListed(myvault.ListOptions{})
	}),
	clause("project/answer", "A change of a project returns version 0.", func(s *scenario) {
		wantEqual(s, "version", s.do(project("newsbot", "")).Version, 0)
		wantEqual(s, "version", s.do(makeDefault("newsbot")).Version, 0)
		wantEqual(s, "version", s.do(removeProject("newsbot")).Version, 0)
	}),
	clause("project/describes", "OpPutProject on a registered project changes only its description.", func(s *scenario) {
		c := s.commit(project("newsbot", "old"))
		_, err := s.p.Apply(s.ctx, c)
		s.noError("project", err)
		s.do(makeDefault("newsbot"))
		again := s.commit(project("newsbot", "new"))
		again.By = "myscheduler"
		_, err = s.p.Apply(s.ctx, again)
		s.noError("project", err)
		got := s.project("newsbot")
		wantEqual(s, "description", got.Description, "new")
		wantTime(s, "time", got.At, c.At)
		wantEqual(s, "author", got.By, author)
		wantEqual(s, "default", got.Default, true)
	}),
	clause("project/clears", "A description can be removed.", func(s *scenario) {
		s.do(project("newsbot", "old"), project("newsbot", ""))
		wantEqual(s, "description", s.project("newsbot").Description, "")
	}),
	clause("project/put-keeps", "A Put keeps the description.", func(s *scenario) {
		s.do(project("newsbot", "mine"), put("newsbot/a", "1"))
		wantEqual(s, "description", s.project("newsbot").Description, "mine")
	}),
	clause("project/long-description", "A description may have 1,024 bytes, in any script.", func(s *scenario) {
		long := strings.Repeat("説明", 170) + "end."
		wantEqual(s, "bytes", len(long), myvault.MaxDescription)
		s.do(project("newsbot", long))
		wantEqual(s, "description", s.project("newsbot").Description, long)
	}),
	clause("project/if-absent", "OpPutProject with IfAbsent returns ErrExists if the project is registered.", func(s *scenario) {
		s.do(project("newsbot", "old", myvault.IfAbsent()))
		s.wantRefused(myvault.ErrExists, project("newsbot", "new", myvault.IfAbsent()))
		wantEqual(s, "description", s.project("newsbot").Description, "old")
	}),
	clause("project/if-absent-by-put", "A project registered by a Put counts as registered.", func(s *scenario) {
		s.do(put("newsbot/a", "1"))
		s.wantRefused(myvault.ErrExists, project("newsbot", "new", myvault.IfAbsent()))
	}),
	clause("project/if-present", "OpPutProject with IfPresent returns ErrNotFound if the project is not registered.", func(s *scenario) {
		s.wantRefused(myvault.ErrNotFound, project("newsbot", "new", myvault.IfPresent()))
		s.wantProjects()
		s.do(project("newsbot", "old"), project("newsbot", "new", myvault.IfPresent()))
		wantEqual(s, "description", s.project("newsbot").Description, "new")
	}),
	clause("project/default", "OpDefaultProject makes the project the default one.", func(s *scenario) {
		s.do(project("common", ""), put("newsbot/a", "1"))
		s.wantProjects("common", "newsbot")
		s.do(makeDefault("newsbot"))
		s.wantProjects("common", "*newsbot")
	}),
	clause("project/one-default", "There is at most one default project: a new one replaces the old one.", func(s *scenario) {
		s.do(project("a", ""), project("b", ""), project("c", ""), makeDefault("b"), makeDefault("c"))
		s.wantProjects("a", "b", "*c")
		s.do(makeDefault("a"), makeDefault("a"))
		s.wantProjects("*a", "b", "c")
	}),
	clause("project/default-unknown", "OpDefaultProject of an unregistered project returns ErrNotFound and keeps the default.", func(s *scenario) {
		s.do(project("newsbot", ""), makeDefault("newsbot"))
		s.wantRefused(myvault.ErrNotFound, makeDefault("nobody"))
		s.wantProjects("*newsbot")
	}),
}

var projectDeleteClauses = []Clause{
	clause("project-delete/empty", "A project without secrets can be deleted.", func(s *scenario) {
		s.do(project("common", ""), project("newsbot", ""), removeProject("newsbot"))
		s.wantProjects("common")
	}),
	clause("project-delete/unknown", "Deleting an unregistered project returns ErrNotFound.", func(s *scenario) {
		s.wantRefused(myvault.ErrNotFound, removeProject("newsbot"))
	}),
	clause("project-delete/live", "Deleting a project with a live secret returns ErrNotEmpty and changes nothing.", func(s *scenario) {
		s.do(project("newsbot", "mine"), put("newsbot/a", "1"), put("newsbot/b", "1"), remove("newsbot/a"))
		s.wantRefused(myvault.ErrNotEmpty, removeProject("newsbot"))
		wantEqual(s, "description", s.project("newsbot").Description, "mine")
		s.wantValue("newsbot/b", 0, "1")
	}),
	clause("project-delete/other-live", "Live secrets of other projects do not prevent deleting a project.", func(s *scenario) {
		s.do(put("newsbot2/a", "1"), put("newsbot 2/a", "1"), put("news/a", "1"), project("newsbot", ""), removeProject("newsbot"))
		s.wantProjects("news", "newsbot 2", "newsbot2")
	}),
	clause("project-delete/deleted", "A project whose secrets are all deleted or destroyed can be deleted.", func(s *scenario) {
		s.do(put("newsbot/a", "1"), put("newsbot/b", "1"), remove("newsbot/a"), destroy("newsbot/b"), removeProject("newsbot"))
		s.wantProjects()
	}),
	clause("project-delete/histories", "The histories of a deleted project are kept, and version numbers continue.", func(s *scenario) {
		s.do(put("newsbot/a", "1"), put("newsbot/a", "2"), remove("newsbot/a"), removeProject("newsbot"))
		s.wantVersions("newsbot/a", "2 deleted", "1 live")
		s.wantListed(myvault.ListOptions{Deleted: true}, "newsbot/a")
		wantEqual(s, "version", s.do(put("newsbot/a", "3")).Version, 3)
		s.wantProjects("newsbot")
	}),
	clause("project-delete/again", "A deleted project can be registered again as a new one.", func(s *scenario) {
		s.do(project("newsbot", "old"), makeDefault("newsbot"), removeProject("newsbot"))
		c := s.commit(project("newsbot", "", myvault.IfAbsent()))
		_, err := s.p.Apply(s.ctx, c)
		s.noError("project", err)
		got := s.project("newsbot")
		wantEqual(s, "description", got.Description, "")
		wantEqual(s, "default", got.Default, false)
		wantTime(s, "time", got.At, c.At)
	}),
	clause("project-delete/default", "Deleting the default project leaves none, even if a Put registers the project again.", func(s *scenario) {
		s.do(project("common", ""), project("newsbot", ""), makeDefault("newsbot"), removeProject("newsbot"))
		s.wantProjects("common")
		s.do(put("newsbot/a", "1"))
		s.wantProjects("common", "newsbot")
	}),
	clause("project-delete/twice", "Deleting a project twice returns ErrNotFound.", func(s *scenario) {
		s.do(project("newsbot", ""), removeProject("newsbot"))
		s.wantRefused(myvault.ErrNotFound, removeProject("newsbot"))
	}),
	clause("project-delete/undelete", "Undelete of a secret registers its deleted project as a new one.", func(s *scenario) {
		s.do(project("newsbot", "old"), put("newsbot/a", "1"), remove("newsbot/a"), removeProject("newsbot"))
		c := s.commit(undelete("newsbot/a"))
		_, err := s.p.Apply(s.ctx, c)
		s.noError("undelete", err)
		got := s.project("newsbot")
		wantEqual(s, "description", got.Description, "")
		wantTime(s, "time", got.At, c.At)
	}),
}

// registerUpTo registers projects until there are n.
func (s *scenario) registerUpTo(n int) {
	var changes []myvault.Change
	for i := len(s.projects()); i < n; i++ {
		changes = append(changes, project(fmt.Sprintf("crowd-%05d", i), ""))
	}
	for len(changes) > 0 {
		batch := min(500, len(changes))
		s.fill(changes[:batch])
		changes = changes[batch:]
	}
}

var registerClauses = []Clause{
	clause("register/put", "A Put that would exceed the limit of projects returns ErrTooLarge and changes nothing.", func(s *scenario) {
		s.registerUpTo(s.maxProjects())
		s.wantRefused(myvault.ErrTooLarge, put("newsbot/a", "1"))
		s.wantGetError(myvault.ErrNotFound, "newsbot/a", 0)
		wantEqual(s, "projects", len(s.projects()), s.maxProjects())
	}),
	clause("register/project", "Registering a project beyond the limit returns ErrTooLarge; the last one fits.", func(s *scenario) {
		s.registerUpTo(s.maxProjects() - 1)
		s.do(project("last", ""))
		s.wantRefused(myvault.ErrTooLarge, project("one more", ""))
		wantEqual(s, "projects", len(s.projects()), s.maxProjects())
	}),
	clause("register/full", "A full register accepts changes of registered projects.", func(s *scenario) {
		s.do(put("newsbot/a", "1"))
		s.registerUpTo(s.maxProjects())
		s.do(put("newsbot/a", "2"), put("newsbot/b", "1"), project("newsbot", "new"), makeDefault("newsbot"))
		s.wantValue("newsbot/a", 0, "2")
	}),
	clause("register/undelete", "An Undelete that would exceed the limit of projects returns ErrTooLarge and changes nothing.", func(s *scenario) {
		s.do(put("newsbot/a", "1"), remove("newsbot/a"), removeProject("newsbot"))
		s.registerUpTo(s.maxProjects())
		s.wantRefused(myvault.ErrTooLarge, undelete("newsbot/a"))
		s.wantVersions("newsbot/a", "1 deleted")
	}),
	clause("register/reuse", "After a project is deleted, another one can be registered.", func(s *scenario) {
		s.do(project("newsbot", ""))
		s.registerUpTo(s.maxProjects())
		s.do(removeProject("newsbot"), put("common/a", "1"))
		s.wantValue("common/a", 0, "1")
	}),
	clause("reserved/secrets", "A project that starts with a dot can contain secrets like any other.", func(s *scenario) {
		s.do(put(".vault/a", "1"), put(".vault/a", "2"), put("newsbot/a", "1"))
		s.wantValue(".vault/a", 1, "1")
		s.wantValue(".vault/a", 0, "2")
		s.wantRefused(myvault.ErrExists, put(".vault/a", "3", myvault.IfAbsent()))
		s.wantListed(under(".vault", ""), ".vault/a")
		s.wantListed(myvault.ListOptions{}, ".vault/a", "newsbot/a")
		s.do(remove(".vault/a"), undelete(".vault/a"), destroy(".vault/a", 1))
		s.wantVersions(".vault/a", "2 live", "1 destroyed")
	}),
	clause("reserved/unregistered", "Put and Undelete never register a project that starts with a dot.", func(s *scenario) {
		s.do(put(".vault/a", "1"))
		s.wantProjects()
		s.do(remove(".vault/a"), undelete(".vault/a"))
		s.wantProjects()
	}),
	clause("reserved/full", "A full register accepts secrets of projects that start with a dot.", func(s *scenario) {
		s.registerUpTo(s.maxProjects())
		s.do(put(".vault/a", "1"))
		s.wantValue(".vault/a", 0, "1")
	}),
}
