package providertest

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/myswiftagent/myvault"
)

const callers = 20

// wantOneSuccess checks that one call succeeded and the others returned the error losers.
func wantOneSuccess(s *scenario, errs []error, losers error) {
	winners := 0
	for _, err := range errs {
		if err == nil {
			winners++
			continue
		}
		s.wantError("a call that lost the race", err, losers)
	}
	wantEqual(s, "calls that won the race", winners, 1)
}

func noErrors(s *scenario, errs []error) {
	for _, err := range errs {
		s.noError("a concurrent call", err)
	}
}

var raceClauses = []Clause{
	clause("race/if-version", "Of twenty concurrent Puts with the same IfVersion, one succeeds and the others return ErrConflict.", func(s *scenario) {
		s.do(put("newsbot/a", "1"))
		wantOneSuccess(s, concurrently(callers, func(i int) error {
			_, err := s.apply(put("newsbot/a", fmt.Sprint("caller ", i), myvault.IfVersion(1)))
			return err
		}), myvault.ErrConflict)
		s.wantVersions("newsbot/a", "2 live", "1 live")
	}),
	clause("race/if-absent", "Of twenty concurrent Puts with IfAbsent, one succeeds and the others return ErrExists.", func(s *scenario) {
		wantOneSuccess(s, concurrently(callers, func(i int) error {
			_, err := s.apply(put("newsbot/a", fmt.Sprint("caller ", i), myvault.IfAbsent()))
			return err
		}), myvault.ErrExists)
		s.wantVersions("newsbot/a", "1 live")
	}),
	clause("race/delete", "Of twenty concurrent Deletes, one succeeds and the others return ErrNotFound.", func(s *scenario) {
		s.do(put("newsbot/a", "1"))
		wantOneSuccess(s, concurrently(callers, func(int) error {
			_, err := s.apply(remove("newsbot/a"))
			return err
		}), myvault.ErrNotFound)
	}),
	clause("race/undelete", "Of twenty concurrent Undeletes, one succeeds and the others return ErrConflict.", func(s *scenario) {
		s.do(put("newsbot/a", "1"), remove("newsbot/a"))
		wantOneSuccess(s, concurrently(callers, func(int) error {
			_, err := s.apply(undelete("newsbot/a"))
			return err
		}), myvault.ErrConflict)
	}),
	clause("race/project", "Of twenty concurrent registrations with IfAbsent, one succeeds and the others return ErrExists.", func(s *scenario) {
		wantOneSuccess(s, concurrently(callers, func(i int) error {
			_, err := s.apply(project("newsbot", fmt.Sprint("caller ", i), myvault.IfAbsent()))
			return err
		}), myvault.ErrExists)
		s.wantProjects("newsbot")
	}),
	clause("race/default", "After twenty concurrent changes of the default project, there is one.", func(s *scenario) {
		s.do(project("a", ""), project("b", ""), project("c", ""))
		noErrors(s, concurrently(callers, func(i int) error {
			_, err := s.apply(makeDefault([]string{"a", "b", "c"}[i%3]))
			return err
		}))
		defaults := 0
		for _, project := range s.projects() {
			if project.Default {
				defaults++
			}
		}
		wantEqual(s, "default projects", defaults, 1)
	}),
	clause("race/numbers", "Twenty concurrent Puts create twenty versions, each with the value of the Put that returned its number.", func(s *scenario) {
		made := make([]myvault.Version, callers)
		noErrors(s, concurrently(callers, func(i int) error {
			infos, err := s.apply(put("newsbot/a", fmt.Sprint("caller ", i)))
			for _, info := range infos {
				made[i] = info.Version
			}
			return err
		}))
		wantEqual(s, "versions", len(s.versions("newsbot/a")), callers)
		for i, version := range made {
			s.wantValue("newsbot/a", version, fmt.Sprint("caller ", i))
		}
	}),
	clause("race/first-puts", "Twenty concurrent first Puts in a new project all succeed and register it once.", func(s *scenario) {
		noErrors(s, concurrently(callers, func(i int) error {
			_, err := s.apply(put(fmt.Sprintf("newsbot/secret-%02d", i), "value"))
			return err
		}))
		s.wantProjects("newsbot")
		wantEqual(s, "secrets", len(s.listed(myvault.ListOptions{})), callers)
	}),
	clause("race/no-lost-update", "Concurrent increments with Get and IfVersion are never lost.", func(s *scenario) {
		s.do(put("newsbot/counter", "x"))
		const each = 5
		noErrors(s, concurrently(8, func(int) error {
			for done, tries := 0, 0; done < each; tries++ {
				if tries == 10_000 {
					return errors.New("10,000 conflicts, though there are only 40 changes")
				}
				secret, err := s.p.Get(s.ctx, address("newsbot/counter"), 0)
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
		wantEqual(s, "increments", s.get("newsbot/counter", 0).Value.Len(), 1+8*each)
	}),
	clause("race/project-delete", "A Put concurrent with the deletion of its project never leaves a live secret in an unregistered project.", func(s *scenario) {
		for round := range 10 {
			name := fmt.Sprintf("project-%d", round)
			s.do(project(name, ""))
			concurrently(2, func(i int) error {
				_, err := s.apply([]myvault.Change{put(name+"/a", "1"), removeProject(name)}[i])
				return err
			})
			s.wantValue(name+"/a", 0, "1")
			s.project(name)
		}
	}),
	clause("race/consistent-value", "A reader concurrent with writers sees a value and the version that it belongs to.", func(s *scenario) {
		s.do(put("newsbot/a", "value of version 1"))
		s.whileWriting(func(n int) error {
			_, err := s.apply(put("newsbot/a", fmt.Sprint("value of version ", n+2)))
			return err
		}, func() error {
			got, err := s.p.Get(s.ctx, address("newsbot/a"), 0)
			if err == nil && got.Value.Reveal() != fmt.Sprint("value of version ", got.Version) {
				err = fmt.Errorf("version %d has the value of another version", got.Version)
			}
			return err
		})
	}),
	commitClause("race/atomic-commit", "A reader concurrent with writers sees all changes of a commit or none.", func(s *scenario) {
		pair := []myvault.Change{put("newsbot/first", "x"), put("newsbot/second", "x")}
		s.doAll(pair...)
		s.whileWriting(func(int) error {
			_, err := s.apply(pair...)
			return err
		}, func() error {
			err := s.checkNotOlder("newsbot/first", "newsbot/second")
			return firstError(err, s.checkNotOlder("newsbot/second", "newsbot/first"))
		})
	}),
	trailClause("race/record", "Concurrently recorded entries have consecutive sequence numbers.", func(s *scenario) {
		trail := s.p.(myvault.Trail)
		noErrors(s, concurrently(callers, func(i int) error { return trail.Record(s.ctx, accessEntry("read", "newsbot/a", i)) }))
		all := s.entries(myvault.TrailFilter{})
		wantEqual(s, "entries", len(all), callers)
		for i, e := range all {
			wantEqual(s, "sequence", e.Seq, uint64(callers-i))
		}
	}),
	trailClause("race/entries", "Concurrent Puts have an entry each, with the version that they created.", func(s *scenario) {
		noErrors(s, concurrently(callers, func(i int) error {
			_, err := s.apply(put("newsbot/a", fmt.Sprint("caller ", i)))
			return err
		}))
		all := s.entries(myvault.TrailFilter{})
		wantEqual(s, "entries", len(all), callers)
		for i, e := range all {
			wantEqual(s, "sequence", e.Seq, uint64(callers-i))
			wantEqual(s, "version", e.Version, myvault.Version(callers-i))
		}
	}),
}

// whileWriting calls write forty times while three goroutines call read, and once more after it.
func (s *scenario) whileWriting(write func(n int) error, read func() error) {
	var over atomic.Bool
	noErrors(s, concurrently(4, func(i int) error {
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

// checkNotOlder reads two secrets that every commit puts together. The second must not be older
// than the first.
func (s *scenario) checkNotOlder(first, second string) error {
	a, err := s.p.Get(s.ctx, address(first), 0)
	if err != nil {
		return err
	}
	b, err := s.p.Get(s.ctx, address(second), 0)
	if err != nil {
		return err
	}
	if b.Version < a.Version {
		return fmt.Errorf("%s is at version %d after %s was at %d", second, b.Version, first, a.Version)
	}
	return nil
}
