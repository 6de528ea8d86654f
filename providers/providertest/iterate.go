package providertest

import (
	"iter"

	"github.com/myswiftagent/myvault"
)

// mindful leaves an iterator at its first yield, then uses the provider inside the
// loop body, where a lock that is held would make the call hang.
func mindful[T any](s *stage, what string, seq func() iter.Seq2[T, error], inBody func() error) {
	for _, err := range seq() {
		s.succeeds(what, err)
		break
	}
	n := 0
	for _, err := range seq() {
		s.succeeds(what, err)
		s.patiently("a call inside the body of "+what, inBody)
		if n++; n == 3 {
			break
		}
	}
	same(s, "yields of "+what+" before the loop is left", n, 3)
}

// writing gives a body that changes the store.
func (s *stage) writing() func() error {
	return func() error {
		_, err := s.apply(put("newsbot/from-the-body", "1"))
		return err
	}
}

func (s *stage) listing() iter.Seq2[myvault.Info, error] {
	return s.p.List(s.ctx, myvault.ListOptions{})
}

// plenty has four of each thing that iterators yield, and more than one page of secrets.
func (s *stage) plenty() {
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
	clause("iterate/list", "The body of a loop over List may write, and leave.", func(s *stage) {
		s.plenty()
		mindful(s, "list", s.listing, s.writing())
		s.reads("newsbot/from-the-body", 0, "1")
	}),
	clause("iterate/list-deletes", "The body of a loop over List may delete what it is given, to the end.", func(s *stage) {
		s.plenty()
		n := 0
		for info, err := range s.listing() {
			s.succeeds("list", err)
			s.patiently("a delete inside the body of list", func() error {
				_, err := s.apply(remove(info.Address.String()))
				return err
			})
			n++
		}
		same(s, "yields", n, 5)
		s.lists(myvault.ListOptions{})
	}),
	clause("iterate/list-nested", "The body of a loop over List may list, read and ask for versions and projects.", func(s *stage) {
		s.plenty()
		for outer, err := range s.listing() {
			s.succeeds("list", err)
			s.patiently("reading inside the body of list", func() error {
				_, err := s.p.Get(s.ctx, outer.Address, 0)
				for _, e := range s.p.Versions(s.ctx, outer.Address, 0) {
					err = firstOf(err, e)
				}
				for _, e := range s.p.Projects(s.ctx, "") {
					err = firstOf(err, e)
				}
				for _, e := range s.listing() {
					err = firstOf(err, e)
				}
				return err
			})
		}
	}),
	clause("iterate/versions", "The body of a loop over Versions may write, and leave.", func(s *stage) {
		s.plenty()
		mindful(s, "versions", func() iter.Seq2[myvault.Info, error] { return s.p.Versions(s.ctx, at("newsbot/a"), 0) }, func() error {
			_, err := s.apply(put("newsbot/a", "from the body"))
			return err
		})
		s.reads("newsbot/a", 0, "from the body")
	}),
	clause("iterate/projects", "The body of a loop over Projects may write, and leave.", func(s *stage) {
		s.plenty()
		mindful(s, "projects", func() iter.Seq2[myvault.Project, error] { return s.p.Projects(s.ctx, "") }, func() error {
			_, err := s.apply(project("zz-from-the-body", ""))
			return err
		})
		same(s, "name", s.project("zz-from-the-body").Name, "zz-from-the-body")
	}),
	onTrail("iterate/entries", "The body of a loop over Entries may write and record, and leave.", func(s *stage) {
		s.plenty()
		trail := s.p.(myvault.Trail)
		s.record(accessEntry("read", "newsbot/a", 500))
		mindful(s, "entries", func() iter.Seq2[myvault.Entry, error] { return trail.Entries(s.ctx, myvault.TrailFilter{}) }, func() error {
			err := trail.Record(s.ctx, accessEntry("read", "newsbot/a", 600))
			return firstOf(err, s.writing()())
		})
	}),
	clause("iterate/left-open", "Loops that were left early cost nothing that a later call waits for.", func(s *stage) {
		s.plenty()
		for range 50 {
			for _, err := range s.listing() {
				s.succeeds("list", err)
				break
			}
			for _, err := range s.p.Versions(s.ctx, at("newsbot/a"), 0) {
				s.succeeds("versions", err)
				break
			}
			for _, err := range s.p.Projects(s.ctx, "") {
				s.succeeds("projects", err)
				break
			}
		}
		s.patiently("a put after 150 loops that were left", s.writing())
	}),
	clause("iterate/again", "An iterator can be run again, and then shows what is there by then.", func(s *stage) {
		s.do(put("newsbot/a", "1"))
		seq := s.listing()
		same(s, "listed", len(collect(s, "list", seq)), 1)
		s.do(put("newsbot/b", "1"))
		same(s, "listed", len(collect(s, "list", seq)), 2)
	}),
}

// firstOf gives the first error.
func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
