package hashivault

import "github.com/myswiftagent/myvault"

var _ myvault.Limited = (*Store)(nil)

// Limits implements [myvault.Limited]. The number of versions is Config.KeepVersions, which the mount
// was held to; it may keep more.
func (s *Store) Limits() myvault.Limits {
	return myvault.Limits{Projects: s.register.max, Versions: s.keeps}
}
