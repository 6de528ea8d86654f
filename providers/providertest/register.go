package providertest

import (
	"fmt"

	"github.com/myswiftagent/myvault"
)

// crowd registers projects until the register has n.
func (s *stage) crowd(n int) {
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
	clause("register/put", "A Put that would register one project too many is ErrTooLarge and changes nothing.", func(s *stage) {
		s.crowd(s.maxProjects())
		s.refuses(myvault.ErrTooLarge, put("newsbot/a", "1"))
		s.hides(myvault.ErrNotFound, "newsbot/a", 0)
		same(s, "projects", len(s.projects()), s.maxProjects())
	}),
	clause("register/project", "Registering one project too many is ErrTooLarge; the last one fits.", func(s *stage) {
		s.crowd(s.maxProjects() - 1)
		s.do(project("last", ""))
		s.refuses(myvault.ErrTooLarge, project("one more", ""))
		same(s, "projects", len(s.projects()), s.maxProjects())
	}),
	clause("register/full", "A full register takes changes of what is in it.", func(s *stage) {
		s.do(put("newsbot/a", "1"))
		s.crowd(s.maxProjects())
		s.do(put("newsbot/a", "2"), put("newsbot/b", "1"), project("newsbot", "new"), makeDefault("newsbot"))
		s.reads("newsbot/a", 0, "2")
	}),
	clause("register/undelete", "An Undelete that would register one project too many is ErrTooLarge and changes nothing.", func(s *stage) {
		s.do(put("newsbot/a", "1"), remove("newsbot/a"), removeProject("newsbot"))
		s.crowd(s.maxProjects())
		s.refuses(myvault.ErrTooLarge, undelete("newsbot/a"))
		s.history("newsbot/a", "1 deleted")
	}),
	clause("register/room", "Deleting a project makes room for another.", func(s *stage) {
		s.do(project("newsbot", ""))
		s.crowd(s.maxProjects())
		s.do(removeProject("newsbot"), put("common/a", "1"))
		s.reads("common/a", 0, "1")
	}),
	clause("reserved/secrets", "A project that starts with a dot holds secrets like any other.", func(s *stage) {
		s.do(put(".vault/a", "1"), put(".vault/a", "2"), put("newsbot/a", "1"))
		s.reads(".vault/a", 1, "1")
		s.reads(".vault/a", 0, "2")
		s.refuses(myvault.ErrExists, put(".vault/a", "3", myvault.IfAbsent()))
		s.lists(under(".vault", ""), ".vault/a")
		s.lists(myvault.ListOptions{}, ".vault/a", "newsbot/a")
		s.do(remove(".vault/a"), undelete(".vault/a"), destroy(".vault/a", 1))
		s.history(".vault/a", "2 live", "1 destroyed")
	}),
	clause("reserved/unregistered", "A project that starts with a dot is never registered, by Put or Undelete.", func(s *stage) {
		s.do(put(".vault/a", "1"))
		s.registered()
		s.do(remove(".vault/a"), undelete(".vault/a"))
		s.registered()
	}),
	clause("reserved/full", "A full register takes secrets of projects that start with a dot.", func(s *stage) {
		s.crowd(s.maxProjects())
		s.do(put(".vault/a", "1"))
		s.reads(".vault/a", 0, "1")
	}),
}
