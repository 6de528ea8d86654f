package providertest

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/myswiftagent/myvault"
)

const racers = 20

// won wants that one of the callers succeeded and the others had that error.
func won(s *stage, errs []error, losers error) {
	winners := 0
	for _, err := range errs {
		if err == nil {
			winners++
			continue
		}
		s.fails("a call that lost the race", err, losers)
	}
	same(s, "calls that won the race", winners, 1)
}

func allWon(s *stage, errs []error) {
	for _, err := range errs {
		s.succeeds("a call beside others", err)
	}
}

var raceClauses = []Clause{
	clause("race/if-version", "Of twenty Puts at once with the same IfVersion, one succeeds and the others are ErrConflict.", func(s *stage) {
		s.do(put("newsbot/a", "1"))
		won(s, together(racers, func(i int) error {
			_, err := s.apply(put("newsbot/a", fmt.Sprint("racer ", i), myvault.IfVersion(1)))
			return err
		}), myvault.ErrConflict)
		s.history("newsbot/a", "2 live", "1 live")
	}),
	clause("race/if-absent", "Of twenty Puts at once with IfAbsent, one succeeds and the others are ErrExists.", func(s *stage) {
		won(s, together(racers, func(i int) error {
			_, err := s.apply(put("newsbot/a", fmt.Sprint("racer ", i), myvault.IfAbsent()))
			return err
		}), myvault.ErrExists)
		s.history("newsbot/a", "1 live")
	}),
	clause("race/delete", "Of twenty Deletes at once, one succeeds and the others are ErrNotFound.", func(s *stage) {
		s.do(put("newsbot/a", "1"))
		won(s, together(racers, func(int) error {
			_, err := s.apply(remove("newsbot/a"))
			return err
		}), myvault.ErrNotFound)
	}),
	clause("race/undelete", "Of twenty Undeletes at once, one succeeds and the others are ErrConflict.", func(s *stage) {
		s.do(put("newsbot/a", "1"), remove("newsbot/a"))
		won(s, together(racers, func(int) error {
			_, err := s.apply(undelete("newsbot/a"))
			return err
		}), myvault.ErrConflict)
	}),
	clause("race/project", "Of twenty registrations at once with IfAbsent, one succeeds and the others are ErrExists.", func(s *stage) {
		won(s, together(racers, func(i int) error {
			_, err := s.apply(project("newsbot", fmt.Sprint("racer ", i), myvault.IfAbsent()))
			return err
		}), myvault.ErrExists)
		s.registered("newsbot")
	}),
	clause("race/default", "Of twenty defaults set at once, one project is the default.", func(s *stage) {
		s.do(project("a", ""), project("b", ""), project("c", ""))
		allWon(s, together(racers, func(i int) error {
			_, err := s.apply(makeDefault([]string{"a", "b", "c"}[i%3]))
			return err
		}))
		defaults := 0
		for _, project := range s.projects() {
			if project.Default {
				defaults++
			}
		}
		same(s, "default projects", defaults, 1)
	}),
	clause("race/numbers", "Twenty Puts at once make twenty versions, each with the value that its answer numbers.", func(s *stage) {
		made := make([]myvault.Version, racers)
		allWon(s, together(racers, func(i int) error {
			infos, err := s.apply(put("newsbot/a", fmt.Sprint("racer ", i)))
			for _, info := range infos {
				made[i] = info.Version
			}
			return err
		}))
		same(s, "versions", len(s.versions("newsbot/a")), racers)
		for i, version := range made {
			s.reads("newsbot/a", version, fmt.Sprint("racer ", i))
		}
	}),
	clause("race/first-puts", "Twenty first Puts at once in a new project all succeed and register it once.", func(s *stage) {
		allWon(s, together(racers, func(i int) error {
			_, err := s.apply(put(fmt.Sprintf("newsbot/secret-%02d", i), "value"))
			return err
		}))
		s.registered("newsbot")
		same(s, "secrets", len(s.listed(myvault.ListOptions{})), racers)
	}),
	clause("race/no-lost-update", "Increments by Get and IfVersion from many callers are never lost.", func(s *stage) {
		s.do(put("newsbot/counter", "x"))
		const each = 5
		allWon(s, together(8, func(int) error {
			for done, tries := 0, 0; done < each; tries++ {
				if tries == 10_000 {
					return errors.New("no end of conflicts, although others make only 40 changes")
				}
				secret, err := s.p.Get(s.ctx, at("newsbot/counter"), 0)
				if err != nil {
					return err
				}
				_, err = s.apply(put("newsbot/counter", secret.Value.Reveal()+"x", myvault.IfVersion(secret.Version)))
				switch {
				case err == nil:
					done++
				case !errors.Is(err, myvault.ErrConflict):
					return err
				}
			}
			return nil
		}))
		same(s, "increments", s.get("newsbot/counter", 0).Value.Len(), 1+8*each)
	}),
	clause("race/project-delete", "A Put beside the deletion of its project never leaves a live secret in an unregistered project.", func(s *stage) {
		for round := range 10 {
			name := fmt.Sprintf("project-%d", round)
			s.do(project(name, ""))
			together(2, func(i int) error {
				_, err := s.apply([]myvault.Change{put(name+"/a", "1"), removeProject(name)}[i])
				return err
			})
			s.reads(name+"/a", 0, "1")
			s.project(name)
		}
	}),
	clause("race/whole-values", "A reader beside writers sees a value and a version that belong together.", func(s *stage) {
		s.do(put("newsbot/a", "value of version 1"))
		s.besides(func(n int) error {
			_, err := s.apply(put("newsbot/a", fmt.Sprint("value of version ", n+2)))
			return err
		}, func() error {
			got, err := s.p.Get(s.ctx, at("newsbot/a"), 0)
			if err == nil && got.Value.Reveal() != fmt.Sprint("value of version ", got.Version) {
				err = fmt.Errorf("version %d came with the value of another", got.Version)
			}
			return err
		})
	}),
	several("race/at-once", "A reader beside writers sees a commit of several changes whole or not at all.", func(s *stage) {
		pair := []myvault.Change{put("newsbot/first", "x"), put("newsbot/second", "x")}
		s.doAll(pair...)
		s.besides(func(int) error {
			_, err := s.apply(pair...)
			return err
		}, func() error {
			err := s.notBehind("newsbot/first", "newsbot/second")
			return firstOf(err, s.notBehind("newsbot/second", "newsbot/first"))
		})
	}),
	onTrail("race/record", "Entries recorded at once have a sequence each, without gaps.", func(s *stage) {
		trail := s.p.(myvault.Trail)
		allWon(s, together(racers, func(i int) error { return trail.Record(s.ctx, accessEntry("read", "newsbot/a", i)) }))
		all := s.entries(myvault.TrailFilter{})
		same(s, "entries", len(all), racers)
		for i, e := range all {
			same(s, "sequence", e.Seq, uint64(racers-i))
		}
	}),
	onTrail("race/entries", "Puts at once have an entry each, that names the version made.", func(s *stage) {
		allWon(s, together(racers, func(i int) error {
			_, err := s.apply(put("newsbot/a", fmt.Sprint("racer ", i)))
			return err
		}))
		all := s.entries(myvault.TrailFilter{})
		same(s, "entries", len(all), racers)
		for i, e := range all {
			same(s, "sequence", e.Seq, uint64(racers-i))
			same(s, "version", e.Version, myvault.Version(racers-i))
		}
	}),
}

// besides writes forty times while three readers read all the time, and once after it.
func (s *stage) besides(write func(n int) error, read func() error) {
	var over atomic.Bool
	allWon(s, together(4, func(i int) error {
		if i == 0 {
			defer over.Store(true)
			for n := range 40 {
				if err := write(n); err != nil {
					return err
				}
			}
			return nil
		}
		for last := false; !last; {
			last = over.Load()
			if err := read(); err != nil {
				return err
			}
		}
		return nil
	}))
}

// notBehind reads two secrets that every commit puts together: the second reading is
// never older than the first.
func (s *stage) notBehind(first, second string) error {
	a, err := s.p.Get(s.ctx, at(first), 0)
	if err != nil {
		return err
	}
	b, err := s.p.Get(s.ctx, at(second), 0)
	if err != nil {
		return err
	}
	if b.Version < a.Version {
		return fmt.Errorf("%s is at version %d after %s was at %d", second, b.Version, first, a.Version)
	}
	return nil
}
