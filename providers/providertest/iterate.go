package providertest

import (
	"iter"

	"github.com/myswiftagent/myvault"
)

// checkLoopBody breaks out of a loop over an iterator, then calls inBody in the body of another
// loop. If the iterator held a lock, the call would hang.
func checkLoopBody[T any](s *scenario, what string, seq func() iter.Seq2[T, error], inBody func() error) {
	for _, err := range seq() {
		s.noError(what, err)
		break
	}
	n := 0
	for _, err := range seq() {
		s.noError(what, err)
		s.withTimeout("a call in the body of a loop over "+what, inBody)
		if n++; n == 3 {
			break
		}
	}
	wantEqual(s, "items of "+what+" before the break", n, 3)
}

// putInBody returns a loop body that changes the store.
func (s *scenario) putInBody() func() error {
	return func() error {
		_, err := s.apply(put("newsbot/from-the-body", "1"))
		return err
	}
}

func (s *scenario) listAll() iter.Seq2[myvault.Info, error] {
	return s.p.List(s.ctx, myvault.ListOptions{})
}

// putSeveral puts at least four items for each iterator.
func (s *scenario) putSeveral() {
	var changes []myvault.Change
	for range 4 {
		changes = append(changes, put("newsbot/a", "again"))
	}
	for _, name := range []string{"a", "b", "c", "d"} {
		changes = append(changes, put(name+"/secret", "value"))
	}
	s.fill(changes)
}

var iteratorClauses = []Clause{
	clause("iterate/list", "The body of a loop over List may write, and break.", func(s *scenario) {
		s.putSeveral()
		checkLoopBody(s, "list", s.listAll, s.putInBody())
		s.wantValue("newsbot/from-the-body", 0, "1")
	}),
	clause("iterate/list-deletes", "The body of a loop over List may delete each yielded secret.", func(s *scenario) {
		s.putSeveral()
		n := 0
		for info, err := range s.listAll() {
			s.noError("list", err)
			s.withTimeout("a delete in the body of a loop over list", func() error {
				_, err := s.apply(remove(info.Address.String()))
				return err
			})
			n++
		}
		wantEqual(s, "yields", n, 5)
		s.wantListed(myvault.ListOptions{})
	}),
	clause("iterate/list-nested", "The body of a loop over List may list, read, and iterate over versions and projects.", func(s *scenario) {
		s.putSeveral()
		for outer, err := range s.listAll() {
			s.noError("list", err)
			s.withTimeout("reads in the body of a loop over list", func() error {
				_, err := s.p.Get(s.ctx, outer.Address, 0)
				for _, e := range s.p.Versions(s.ctx, outer.Address, 0) {
					err = firstError(err, e)
				}
				for _, e := range s.p.Projects(s.ctx, "") {
					err = firstError(err, e)
				}
				for _, e := range s.listAll() {
					err = firstError(err, e)
				}
				return err
			})
		}
	}),
	clause("iterate/versions", "The body of a loop over Versions may write, and break.", func(s *scenario) {
		s.putSeveral()
		checkLoopBody(s, "versions", func() iter.Seq2[myvault.Info, error] { return s.p.Versions(s.ctx, address("newsbot/a"), 0) }, func() error {
			_, err := s.apply(put("newsbot/a", "from the body"))
			return err
		})
		s.wantValue("newsbot/a", 0, "from the body")
	}),
	clause("iterate/projects", "The body of a loop over Projects may write, and break.", func(s *scenario) {
		s.putSeveral()
		checkLoopBody(s, "projects", func() iter.Seq2[myvault.Project, error] { return s.p.Projects(s.ctx, "") }, func() error {
			_, err := s.apply(project("zz-from-the-body", ""))
			return err
		})
		wantEqual(s, "name", s.project("zz-from-the-body").Name, "zz-from-the-body")
	}),
	trailClause("iterate/entries", "The body of a loop over Entries may write and record, and break.", func(s *scenario) {
		s.putSeveral()
		trail := s.p.(myvault.Trail)
		s.record(accessEntry("read", "newsbot/a", 500))
		checkLoopBody(s, "entries", func() iter.Seq2[myvault.Entry, error] { return trail.Entries(s.ctx, myvault.TrailFilter{}) }, func() error {
			err := trail.Record(s.ctx, accessEntry("read", "newsbot/a", 600))
			return firstError(err, s.putInBody()())
		})
	}),
	clause("iterate/left-open", "Loops that were left early do not block later calls.", func(s *scenario) {
		s.putSeveral()
		for range 50 {
			for _, err := range s.listAll() {
				s.noError("list", err)
				break
			}
			for _, err := range s.p.Versions(s.ctx, address("newsbot/a"), 0) {
				s.noError("versions", err)
				break
			}
			for _, err := range s.p.Projects(s.ctx, "") {
				s.noError("projects", err)
				break
			}
		}
		s.withTimeout("a put after 150 loops that were left early", s.putInBody())
	}),
	clause("iterate/repeat", "An iterator can be used again, and then sees later changes.", func(s *scenario) {
		s.do(put("newsbot/a", "1"))
		seq := s.listAll()
		wantEqual(s, "listed", len(collect(s, "list", seq)), 1)
		s.do(put("newsbot/b", "1"))
		wantEqual(s, "listed", len(collect(s, "list", seq)), 2)
	}),
}

// firstError returns the first error, or nil.
func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
